"""`paretoseg search ... cluster=kubernetes`, from the command line to the requests that the cluster gets."""

from pathlib import Path

import pytest
import yaml

from paretoseg.cluster.kubernetes import job_status
from paretoseg.cluster.kubernetes.kubernetes import KubernetesConfig
from paretoseg.search.commands.cli import main
from tests.cluster.api_server import serve, status

TOY = ["search", "study=mine", "task=toy", "budget.trials=6"]
PLACE = ["cluster=kubernetes", "cluster.image=registry.example/paretoseg:1", "cluster.claim=studies"]


@pytest.fixture(autouse=True)
def server(tmp_path, monkeypatch):
    """An empty folder, and a kubeconfig that leads to a server on this machine."""
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(job_status, "_POLL_SECONDS", 0.01)
    with serve() as state:
        monkeypatch.setenv("KUBECONFIG", str(state.write_kubeconfig(tmp_path)))
        yield state


def end(server, *, phase, outcome="", message=""):
    """Lets every job that the server knows end like this as soon as it is looked at."""

    def finish():
        for job in server.jobs.values():
            job["status"] = {"jobDeploymentStatus": phase, "jobStatus": outcome, "message": message}

    server.before_get = finish


def test_a_dry_run_prints_the_manifest_alone_and_writes_nothing(server, capsys):
    assert main([*TOY, *PLACE, "--dry-run"]) == 0
    streams = capsys.readouterr()
    manifest = yaml.safe_load(streams.out)
    assert manifest["kind"] == "RayJob"
    assert manifest["spec"]["entrypoint"] == (
        "paretoseg search study=mine task=toy budget.trials=6 storage=/studies cluster=attached cluster.wait_s=600 "
        "cluster.lock_wait_s=120 cluster.keep_log=true cluster.max_nodes=2 cluster.cpus=4 cluster.gpus=0"
    )
    assert streams.err == ""
    assert server.requests == []
    assert list(Path.cwd().iterdir()) == []


def test_overrides_may_stand_on_both_sides_of_an_option(capsys):
    assert main([*TOY, *PLACE, "--dry-run"]) == 0
    expected = capsys.readouterr().out
    assert main([*TOY, "--dry-run", *PLACE]) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize("words", [["front", "here", "there"], ["search", "study=mine", "--drx", "a=b"]])
def test_words_too_many_are_refused(capsys, words):
    with pytest.raises(SystemExit) as leaving:
        main(words)
    assert leaving.value.code == 2
    assert "unrecognized arguments" in capsys.readouterr().err


def test_a_search_is_sent_and_followed_to_its_end(server, capsys):
    end(server, phase="Complete", outcome="SUCCEEDED")
    assert main([*TOY, *PLACE]) == 0
    shown = capsys.readouterr().out
    (name,) = server.jobs
    assert f"Sent job {name} to kubernetes." in shown
    assert f"Look: kubectl -n default describe rayjob {name}" in shown
    assert f"RayJob {name} is complete." in shown
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("code", [2, 3, 74, 75])
def test_the_exit_code_of_the_pod_is_that_of_the_command(server, capsys, code):
    end(server, phase="Failed", outcome="FAILED", message=f"Job entrypoint command failed with exit code {code}, last")
    assert main([*TOY, *PLACE]) == code
    assert f"exit code {code}" in capsys.readouterr().out


def test_nobody_waits_when_told_not_to(server, capsys):
    assert main([*TOY, *PLACE, "cluster.wait=false"]) == 0
    assert [request.verb for request in server.requests] == ["GET", "POST", "PATCH"]  # the second is a dry run


def test_ctrl_c_leaves_the_job_alone_and_says_so(server, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(KubernetesConfig, "follow", interrupt)
    assert main([*TOY, *PLACE]) == 75
    assert "The job goes on without being watched; the same command follows it again." in capsys.readouterr().out
    assert len(server.jobs) == 1


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (status(401, "Unauthorized"), "does not know you: Unauthorized; log in again, as for kubectl."),
        (status(403, "forbidden"), "forbids it: forbidden"),
    ],
)
def test_a_job_that_can_no_longer_be_looked_at_goes_on_and_the_command_says_so(server, capsys, answer, sentence):
    def refuse():
        if server.jobs:
            server.answers = [answer] * 2

    server.before_get = refuse
    assert main([*TOY, *PLACE]) == 75
    shown = capsys.readouterr()
    (name,) = server.jobs
    assert sentence in shown.out
    assert f"The job goes on without being watched; look with `kubectl -n default describe rayjob {name}`" in shown.out
    assert shown.err == ""


def test_a_job_that_is_deleted_while_it_is_followed_leaves_work(server, capsys):
    server.before_get = lambda: server.jobs.clear()
    assert main([*TOY, *PLACE]) == 75
    assert "was deleted; run the same command again to resume the study." in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["online", "'online'"])
def test_tracking_online_needs_its_secret_however_it_is_written(capsys, mode):
    assert main([*TOY, *PLACE, f"tracking.mode={mode}", "--dry-run"]) == 2
    assert "set cluster.wandb_secret=<name of a Secret>" in capsys.readouterr().err
    assert main([*TOY, *PLACE, f"tracking.mode={mode}", "cluster.wandb_secret=wandb", "--dry-run"]) == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "cluster.image is missing"),
        (["cluster.image=r/p:1"], "set cluster.claim=<name of a PersistentVolumeClaim> or storage=<URI>"),
        ([*PLACE, "storage=s3://bucket/x"], "both are given; leave one out"),
        ([*PLACE, "resources.gpus=1"], "a trial needs resources.gpus=1, but a worker has cluster.gpus=0; raise it"),
        ([*PLACE, "cluster.memory=16GB"], "cluster.memory must be a quantity such as 4, 500m or 16Gi, got '16GB'"),
        ([*PLACE, "cluster.nodes=2"], "unknown key 'cluster.nodes'"),
        ([*PLACE, "cluster.cpus=half"], "cluster.cpus must be a whole number, got 'half'"),
        ([*PLACE, "space.depth=9"], "depth"),
        ([*PLACE, "cluster.context=moon"], "no Kubernetes cluster is configured"),
        ([*PLACE, "cluster.context=nowhere"], "the Kubernetes cluster at http://127.0.0.1:9 does not answer"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_sent(server, capsys, words, sentence):
    assert main([*TOY, "cluster=kubernetes", *words]) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("paretoseg: ")
    assert streams.err.count("\n") == 1
    assert sentence in streams.err
    assert server.requests == []
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    ("place", "study"), [(PLACE, "mine"), (PLACE, "studies/mine"), ([*PLACE[:2], "storage=s3://b/x"], "s3://b/x/mine")]
)
def test_a_job_is_cancelled_by_the_keys_that_it_was_sent_with(server, capsys, place, study):
    assert main([*TOY, *place, "cluster.wait=false"]) == 0
    (name,) = server.jobs
    server.jobs[name]["status"] = {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"}
    keys = [word for word in place if word.startswith("cluster")]
    capsys.readouterr()
    assert main(["cancel", study, *keys]) == 0
    assert capsys.readouterr().out.startswith(f"Cancelled RayJob {name} in namespace default (runs). What its trials")
    assert server.jobs == {}
    assert main(["cancel", study, *keys]) == 0
    assert f"RayJob {name} in namespace default is over (there is no such job" in capsys.readouterr().out
    assert list(Path.cwd().iterdir()) == []


def test_the_status_of_a_study_that_only_pods_see_is_that_of_its_job(server, capsys):
    assert main([*TOY, *PLACE, "cluster.wait=false"]) == 0
    (name,) = server.jobs
    server.jobs[name]["status"] = {"jobDeploymentStatus": "Suspended"}
    capsys.readouterr()
    assert main(["status", "mine", *PLACE]) == 0
    assert capsys.readouterr().out == (
        f"RayJob {name} in namespace default: waits in its queue\nLook: kubectl -n default describe rayjob {name}\n"
    )
    assert main(["status", "mine", *PLACE, "--json"]) == 2
    assert "--json shows the study and not its job; leave the keys of cluster out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["cluster=kubernetes"], "the study is on a claim that is not named; add cluster.claim=<name>, as for search"),
        (["cluster=slurm"], "only jobs of cluster=kubernetes are found by keys of cluster; leave these out"),
        ([*PLACE, "budget.trials=3"], "only keys of cluster say where a job is, got 'budget.trials=3'; leave it out"),
        ([*PLACE, "cluster.nodes=2"], "unknown key 'cluster.nodes'"),
    ],
)
def test_keys_that_name_no_place_of_a_job_are_refused(server, capsys, words, sentence):
    assert main(["cancel", "mine", *words]) == 2
    assert sentence in capsys.readouterr().err
    assert server.requests == []


def test_a_refusal_of_the_cluster_is_one_line(server, capsys):
    server.answers = [status(404, "404 page not found")]
    assert main([*TOY, *PLACE]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "must install the KubeRay operator" in error


def test_settings_of_placement_reach_the_manifest_from_the_command_line(capsys):
    words = ["cluster.node_selector=[cloud.example/gpu:a100]", "cluster.tolerations=[nvidia.com/gpu]", "cluster.gpus=1"]
    assert main([*TOY, *PLACE, *words, "--dry-run"]) == 0
    (group,) = yaml.safe_load(capsys.readouterr().out)["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    pod = group["template"]["spec"]
    assert pod["nodeSelector"] == {"cloud.example/gpu": "a100"}
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]
