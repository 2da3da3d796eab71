import json
import re
from dataclasses import replace
from math import inf, nan

import pytest
import yaml

from paretoseg.cluster.kubernetes.kubernetes import WorkerGroup
from paretoseg.cluster.resources import Resources
from tests.cluster.api_server import serve, status
from tests.cluster.submissions import config, submission

S3 = "s3://bucket/studies"


@pytest.fixture
def server(tmp_path, monkeypatch):
    with serve() as state:
        monkeypatch.setenv("KUBECONFIG", str(state.write_kubeconfig(tmp_path)))
        yield state


def refuse(settings, asked=None):
    with pytest.raises(ValueError, match=r"^cluster=kubernetes cannot send this job: ") as refusal:
        config(**settings).render(submission(**(asked or {})))
    assert "\n" not in str(refusal.value)
    return str(refusal.value).removeprefix("cluster=kubernetes cannot send this job: ")


@pytest.mark.parametrize(
    ("settings", "asked", "sentence"),
    [
        ({"image": ""}, {}, "cluster.image is missing, set cluster.image=<registry>/<name>:<tag>"),
        ({"image": "a b"}, {}, "cluster.image must be <registry>/<name>:<tag>, got 'a b'"),
        (
            {"claim": ""},
            {},
            "the study needs a location; set cluster.claim=<name of a PersistentVolumeClaim> or storage",
        ),
        ({"claim": ""}, {"storage": "file:///data"}, "so the study needs a location"),
        ({}, {"storage": S3}, "the study can be in cluster.claim or at the URI in storage, but both are given"),
        ({}, {"storage": "/data/studies"}, "studies are stored at cluster.mount, so leave storage out"),
        ({"claim": ""}, {"storage": "s3://KEY:SECRET@bucket/x"}, "storage contains a key, .*storage_secret"),
        ({"claim": ""}, {"storage": "s3://bucket/x?secret_key=1"}, "storage contains a key"),
        (
            {"mount": "studies"},
            {},
            "cluster.mount must be an absolute path of its own, .* got 'studies'",
        ),
        ({"mount": "/dev/shm"}, {}, "cluster.mount must be"),
        ({"mount": "/tmp"}, {}, "cluster.mount must be"),
        ({"mount": "/a/../etc"}, {}, "cluster.mount must be"),
        ({"mount": "/a b"}, {}, "cluster.mount must be"),
        ({"memory": "16GB"}, {}, "cluster.memory must be a quantity .* got '16GB'; did you mean 16Gi?"),
        ({"head_memory": "much"}, {}, "cluster.head_memory must be a quantity"),
        ({"memory": "16"}, {}, "cluster.memory must be at least 64Mi, got '16'"),
        ({"shared_memory": "16Gi"}, {}, "cluster.shared_memory is part of cluster.memory and must be below it"),
        ({"cpus": 0}, {}, "cluster.cpus must be at least 1, got 0"),
        ({"gpus": -1}, {}, "cluster.gpus must be at least 0, got -1"),
        ({"max_workers": 0}, {}, "cluster.max_workers must be at least 1, got 0"),
        ({"min_workers": 3}, {}, "cluster.min_workers must not be above cluster.max_workers, got 3 and 2"),
        ({"retries": -1}, {}, "cluster.retries must be at least 0, got -1"),
        ({"keep_min": -1}, {}, "cluster.keep_min must be at least 0, got -1"),
        ({"ray_version": "2.40.0"}, {}, "cluster.ray_version must be 2.52.0 or later"),
        ({"ray_version": "new"}, {}, "cluster.ray_version must be 2.52.0 or later"),
        ({"namespace": "My Lab"}, {}, "cluster.namespace must be .* got 'My Lab'"),
        ({"claim": "a_b"}, {}, "cluster.claim must be lower-case letters"),
        ({"wandb_secret": "W&B"}, {}, "cluster.wandb_secret must be lower-case letters"),
        ({"queue": "q" * 64}, {}, "cluster.queue must be at most 63 lower-case letters"),
        ({"queue": "gpu queue"}, {}, "cluster.queue must be at most 63 lower-case letters"),
        ({"node_selector": ["disk:two words"]}, {}, "cluster.node_selector must be labels .* got 'disk:two words'"),
        ({"node_selector": ["ssd"]}, {}, "cluster.node_selector must be labels .* got 'ssd'"),
        ({"node_selector": ["disk:ssd", "disk:hdd"]}, {}, "must name each label once, got 'disk' more than once"),
        ({"tolerations": ["a b"]}, {}, "cluster.tolerations must be keys of taints"),
        (
            {"gpu_resource": "gpu"},
            {},
            "cluster.gpu_resource must be <domain>/<name>, such as nvidia.com/gpu, got 'gpu'",
        ),
        ({"head_shared_memory": "9Gi"}, {}, "cluster.head_shared_memory is part of cluster.head_memory and must be"),
        ({"deadline_min": -1}, {}, "cluster.deadline_min must be at least 0, got -1"),
        ({"priority_class": "A"}, {}, "cluster.priority_class must be lower-case letters"),
        ({"pull_secret": "a,"}, {}, "cluster.pull_secret must be names of .*, got ''"),
        ({"pull_secret": "a,a"}, {}, "cluster.pull_secret must be names of .* each once"),
        ({"queue_priority": "high"}, {}, "cluster.queue_priority is for jobs in a queue of Kueue, set cluster.queue="),
        ({"queue_elastic": True}, {}, "cluster.queue_elastic is for jobs in a queue of Kueue"),
        ({"queue": "q", "queue_priority": "a b"}, {}, "cluster.queue_priority must be at most 63"),
        ({"labels": ["team imaging"]}, {}, "cluster.labels must be labels, such as team:imaging, got 'team imaging'"),
        ({"labels": ["ray.io/cluster:x"]}, {}, "cluster.labels must not set 'ray.io/cluster', which the job, KubeRay"),
        ({"labels": ["a:1", "a:2"]}, {}, "cluster.labels must name each label once, got 'a' more than once"),
        ({"environment": ["X"]}, {}, "cluster.environment must be NAME=value without line breaks, got 'X'"),
        ({"environment": ["X=a\nb"]}, {}, "cluster.environment must be NAME=value without line breaks"),
        (
            {"environment": ["PYTHONUNBUFFERED=0"]},
            {},
            "cluster.environment must not set PYTHONUNBUFFERED, the job sets",
        ),
        ({"environment": ["MY_TOKEN=1"]}, {}, "must not hold secrets such as MY_TOKEN; put it into the Secret that"),
        ({"environment": ["A=1", "A=2"]}, {}, "cluster.environment must name each variable once, got 'A'"),
        ({"volumes": ["images:/data"]}, {}, "cluster.volumes must be <kind>/<name>:<path>"),
        ({"volumes": ["claim/images:/data:rw"]}, {}, "cluster.volumes must be <kind>/<name>:<path>"),
        ({"volumes": ["claim/Images:/data"]}, {}, "cluster.volumes must name things by .* got 'Images'"),
        ({"volumes": ["claim/images:/usr"]}, {}, "cluster.volumes must have absolute paths of their own"),
        ({"volumes": ["claim/images:/studies"]}, {}, "must name each path once, got '/studies' more than once"),
        ({"volumes": ["scratch/much:/scratch"]}, {}, "cluster.volumes must be a quantity .* got 'much'"),
        ({"groups": [WorkerGroup()]}, {}, "cluster.groups must have names of .* got ''"),
        ({"groups": [WorkerGroup(name="trials")]}, {}, "must have different names, and none is 'trials'"),
        ({"groups": [WorkerGroup(name="a", max_workers=0)]}, {}, "cluster.groups[0].max_workers must be at least 1"),
        ({"groups": [WorkerGroup(name="a", memory="1")]}, {}, "cluster.groups[0].memory must be at least 64Mi"),
        ({"groups": [WorkerGroup(name="a", tolerations=["a b"])]}, {}, "cluster.groups[0].tolerations must be keys"),
        (
            {"gpus": 1, "groups": [WorkerGroup(name="a", gpus=0)]},
            {"resources": Resources(gpus=1)},
            "a trial needs resources.gpus=1, but a worker has cluster.groups[0].gpus=0; raise it",
        ),
        ({}, {"resources": Resources(cpus=8)}, "a trial needs resources.cpus=8, but a worker has cluster.cpus=4"),
        ({}, {"resources": Resources(gpus=0.5)}, "a trial needs resources.gpus=0.5, but a worker has cluster.gpus=0"),
    ],
)
def test_what_cannot_run_is_refused_in_the_users_words(settings, asked, sentence):
    assert re.search(
        sentence.replace("[", r"\[").replace(".", r"\.").replace(r"\.*", ".*").replace("?", r"\?"),
        refuse(settings, asked),
    )


@pytest.mark.parametrize("seconds", [-1, inf, nan])
def test_a_wait_for_the_lock_that_is_no_time_is_refused(seconds):
    with pytest.raises(ValueError, match=rf"cluster\.lock_wait_s must be finite and not negative, got {seconds:g}"):
        config(lock_wait_s=seconds)


def test_all_that_is_wrong_is_said_at_once():
    found = refuse(
        {"image": "", "claim": "", "memory": "16GB", "namespace": "Lab", "min_workers": 4},
        {"resources": Resources(cpus=6, gpus=1)},
    )
    keys = ("image", "claim", "memory", "namespace", "min_workers", "cpus", "gpus")
    assert all(f"cluster.{key}" in found for key in keys)
    assert found.count("; ") >= 6


def test_tracking_online_needs_the_secret():
    online = replace(submission(), is_tracked_online=True)
    with pytest.raises(ValueError, match=r"set cluster\.wandb_secret=<name of a Secret>"):
        config().render(online)
    config(wandb_secret="wandb").render(online)


def test_a_study_is_sent_as_it_is_shown(server):
    settings = config(namespace="lab")
    ticket = settings.submit(submission())
    (name,) = server.jobs
    assert server.jobs[name] == yaml.safe_load(settings.render(submission()))
    assert (ticket.cluster, ticket.job) == ("kubernetes", name)
    assert ticket.log == f"kubectl -n lab describe rayjob {name}"


def test_the_same_command_while_the_job_runs_sends_nothing_and_follows(server):
    settings = config()
    first = settings.submit(submission())
    server.jobs[first.job]["status"] = {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"}
    server.requests.clear()
    assert settings.submit(submission()).job == first.job
    assert [request.verb for request in server.requests] == ["GET"]


def test_another_search_of_the_same_study_is_refused_while_one_runs(server):
    settings = config()
    name = settings.submit(submission()).job
    server.jobs[name]["status"] = {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"}
    with pytest.raises(ValueError, match=f"is RayJob {name}, which runs; wait for it, or end it with kubectl"):
        settings.submit(submission("mine", "budget.trials=100"))


@pytest.mark.parametrize(
    "changed",
    [{"image": "registry.example/paretoseg:2"}, {"memory": "32Gi"}, {"retries": 0}, {"queue": "other"}, {"gpus": 1}],
)
def test_other_settings_for_a_search_that_runs_are_refused_and_not_passed_over(server, changed):
    name = config(queue="gpus").submit(submission()).job
    server.jobs[name]["spec"]["added"] = "by the server"
    server.jobs[name]["status"] = {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"}
    assert config(queue="gpus").submit(submission()).job == name
    with pytest.raises(ValueError, match=f"(other settings in cluster,|another search of this study) is RayJob {name}"):
        config(**{"queue": "gpus"} | changed).submit(submission())


def test_a_job_that_has_ended_makes_room_for_the_next(server):
    settings = config()
    name = settings.submit(submission()).job
    server.jobs[name]["status"] = {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"}
    server.requests.clear()
    settings.submit(submission("mine", "budget.trials=100"))
    assert [request.verb for request in server.requests] == ["GET", "POST", "DELETE", "GET", "PATCH"]
    assert "budget.trials=100" in server.jobs[name]["spec"]["entrypoint"]
    assert "status" not in server.jobs[name]


def test_following_ends_with_the_job(server):
    settings = config()
    ticket = settings.submit(submission())
    server.jobs[ticket.job]["status"] = {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"}
    lines = []
    assert settings.follow(ticket, lines.append) == 0
    assert lines == [f"RayJob {ticket.job} is complete."]
    assert config(wait=False).follow(ticket, lines.append) is None


def test_a_job_that_the_server_would_refuse_is_not_sent_and_the_ended_one_stays(server):
    settings = config()
    name = settings.submit(submission()).job
    server.jobs[name]["status"] = {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"}
    server.requests.clear()
    server.answers = [(200, json.dumps(server.jobs[name])), status(422, "spec.x: Invalid value")]
    with pytest.raises(ValueError, match=r"refuses the job: spec\.x: Invalid value") as refusal:
        settings.submit(submission("mine", "budget.trials=100"))
    assert "\n" not in str(refusal.value)
    assert [request.verb for request in server.requests] == ["GET", "POST"]
    assert name in server.jobs


def test_a_refusal_of_the_server_is_one_line(server):
    server.answers = [status(403, "rayjobs.ray.io is forbidden")]
    with pytest.raises(ValueError, match="forbids it: rayjobs"):
        config().submit(submission())


def test_nothing_is_sent_when_something_is_wrong(server):
    with pytest.raises(ValueError, match=r"cluster\.image is missing"):
        config(image="").submit(submission())
    assert server.requests == []
