"""What `paretoseg doctor cluster=kubernetes` finds, against a server on loopback."""

import json
from typing import Any

import pytest
import yaml

from paretoseg.cluster.kubernetes import site
from paretoseg.cluster.kubernetes.api import RayJobs
from paretoseg.cluster.kubernetes.kubernetes import WorkerGroup
from paretoseg.cluster.kubernetes.site import SiteRequest, build_pod, judge_pod
from tests.cluster.api_server import serve, status
from tests.cluster.submissions import config, submission

CORE = "/api/v1/namespaces/default"
CLAIM = {"spec": {"accessModes": ["ReadWriteMany"]}, "status": {"phase": "Bound"}}
NODES = {"items": [{"status": {"allocatable": {"cpu": "64", "memory": "256Gi", "nvidia.com/gpu": "4"}}}]}


class Site:
    """Objects of a cluster by their path; what is not there gives 404."""

    def __init__(self, server: Any) -> None:
        self.objects: dict[str, tuple[int, str]] = {}
        self.server = server
        usual = server.answer

        def answer(request: Any) -> tuple[int, str]:
            if request.path.startswith("/apis/ray.io"):
                return usual(request)
            return self.objects.get(f"{request.verb} {request.path}", status(404, "not found"))

        server.answer = answer
        self.put(f"{CORE}/persistentvolumeclaims/studies", CLAIM)
        self.put(f"{CORE}/resourcequotas", {"items": []})
        self.put("/api/v1/nodes", NODES)

    def put(self, path: str, found: Any, *, verb: str = "GET", code: int = 200) -> None:
        self.objects[f"{verb} {path}"] = code, found if isinstance(found, str) else json.dumps(found)


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    with serve() as server:
        monkeypatch.setenv("KUBECONFIG", str(server.write_kubeconfig(tmp_path)))
        yield Site(server)


def look(*, with_job=False, asked=None, **settings):
    found = list(config(**settings).check_site(submission(**(asked or {})), with_job=with_job))
    assert all(one.fix for one in found if one.is_fine is not True)
    assert not [one for one in found if "\n" in one.text]
    return {one.name: one for one in found}


def test_a_cluster_with_all_that_is_asked_for_passes_and_nothing_is_stored(cluster):
    cluster.put(f"{CORE}/secrets/wandb", {"metadata": {"name": "wandb"}})
    cluster.put("/apis/kueue.x-k8s.io/v1beta1/namespaces/default/localqueues/gpus", {"metadata": {"name": "gpus"}})
    found = look(gpus=2, wandb_secret="wandb", queue="gpus")
    assert {one.name for one in found.values() if one.is_fine} == set(found) - {"worker"}
    assert found["worker"].is_fine is None
    assert found["worker"].fix.startswith("add --job")
    assert found["GPUs"].text == "a node has 2 nvidia.com/gpu"
    assert cluster.server.jobs == {}
    assert {request.verb for request in cluster.server.requests} == {"GET", "POST"}
    assert all(request.query.get("dryRun") == "All" for request in cluster.server.requests if request.verb == "POST")


def test_what_is_missing_is_named_with_its_fix(cluster):
    del cluster.objects[f"GET {CORE}/persistentvolumeclaims/studies"]
    found = look(gpus=8, storage_secret="s3", queue="gpus")
    assert found["PersistentVolumeClaim"].text == "there is no PersistentVolumeClaim studies"
    assert found["Secret"].text == "there is no Secret s3"
    assert found["LocalQueue"].text == "there is no LocalQueue gpus"
    assert found["GPUs"].text == "no node has 8 nvidia.com/gpu; the most on one are 4 nvidia.com/gpu"
    assert not any(found[name].is_fine for name in ("PersistentVolumeClaim", "Secret", "LocalQueue", "GPUs"))


def test_what_one_may_not_see_is_unknown(cluster):
    cluster.put("/api/v1/nodes", status(403, "nodes is forbidden")[1], code=403)
    cluster.put(f"{CORE}/resourcequotas", status(403, "quota is forbidden")[1], code=403)
    cluster.put(f"{CORE}/secrets/s3", status(403, "secrets is forbidden")[1], code=403)
    found = look(gpus=1, storage_secret="s3")
    assert [found[name].is_fine for name in ("GPUs", "quota", "Secret")] == [None] * 3
    assert "nodes is forbidden" in found["GPUs"].text


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (
            {"spec": {"accessModes": ["ReadWriteOnce"]}, "status": {"phase": "Bound"}},
            "studies is ReadWriteOnce: pods on",
        ),
        ({"spec": {"accessModes": ["ReadWriteMany"]}, "status": {"phase": "Lost"}}, "studies has lost its volume"),
    ],
)
def test_a_claim_that_many_pods_cannot_write_to_fails(cluster, claim, words):
    cluster.put(f"{CORE}/persistentvolumeclaims/studies", claim)
    found = look()["PersistentVolumeClaim"]
    assert found.is_fine is False
    assert words in found.text


def quota(**hard: str) -> dict[str, Any]:
    names = {name.replace("_", "."): amount for name, amount in hard.items()}
    used = {"requests.cpu": "2"} if "requests.cpu" in names else {}
    return {"items": [{"metadata": {"name": "lab"}, "status": {"hard": names, "used": used}}]}


@pytest.mark.parametrize(
    ("hard", "is_fine", "words"),
    [
        ({"requests_cpu": "100", "limits_memory": "1Ti", "pods": "50"}, True, "lab leaves room for all workers"),
        ({"requests_cpu": "9"}, True, "fewer workers than cluster.max_workers (requests.cpu)"),
        ({"requests_cpu": "7500m"}, False, "lab leaves 5.5 of requests.cpu; the head and one worker need 6"),
        ({"pods": "1"}, False, "lab leaves 1 of pods; the head and one worker need 2"),
        ({"limits_memory": "20Gi"}, False, "of limits.memory"),
        ({"configmaps": "0"}, True, "room for all workers"),
    ],
)
def test_quotas_are_compared_with_head_and_workers(cluster, hard, is_fine, words):
    cluster.put(f"{CORE}/resourcequotas", quota(**hard))
    found = look()["quota"]
    assert found.is_fine is is_fine
    assert words in found.text


def test_a_job_that_the_server_would_refuse_is_a_line(cluster):
    cluster.server.answers = [status(404, "not found"), status(422, "spec.x: Invalid value")]
    found = look()["job"]
    assert (found.is_fine, found.text) == (False, "the Kubernetes cluster refuses the job: spec.x: Invalid value")


def test_a_cluster_without_kuberay_or_without_an_answer_is_one_line(cluster):
    cluster.server.answers = [(404, "404 page not found\n")]
    [found] = look().values()
    assert "does not know RayJobs" in found.text
    assert "must install the KubeRay operator" in found.text + found.fix
    [found] = look(context="nowhere").values()
    assert "does not answer" in found.text
    [found] = look(image="").values()
    assert "cluster.image is missing" in found.text + found.fix


def request_of(**settings: Any) -> SiteRequest:
    made = config(**settings)
    return SiteRequest(made._to_job(submission()), yaml.safe_load(made.render(submission())))


def test_the_tiny_pod_is_like_a_worker_but_small():
    pod = build_pod(request_of(gpus=4, groups=[WorkerGroup(name="more")], labels=["team:imaging"]))
    [container] = pod["spec"]["containers"]
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "2Gi"}
    assert pod["metadata"]["labels"] == {"team": "imaging"}
    assert "touch /studies/.paretoseg-doctor-" in container["command"][-1]
    assert {volume["name"] for volume in pod["spec"]["volumes"]} == {"shm", "studies"}
    at_uri = config(claim="")._to_job(submission(storage="s3://b/x"))
    manifest = yaml.safe_load(config(claim="").render(submission(storage="s3://b/x")))
    assert "touch" not in build_pod(SiteRequest(at_uri, manifest))["spec"]["containers"][0]["command"][-1]


def pod_state(phase: str, **state: Any) -> dict[str, Any]:
    return {"status": {"phase": phase, "containerStatuses": [{"state": state}] if state else []}}


@pytest.mark.parametrize(
    ("pod", "is_fine", "words"),
    [
        (pod_state("Succeeded"), True, "imports paretoseg and writes to /studies"),
        (pod_state("Failed", terminated={"exitCode": 11}), False, "a pod cannot write to /studies"),
        (pod_state("Failed", terminated={"exitCode": 12}), False, "has no Python that imports paretoseg"),
        (pod_state("Failed", terminated={"exitCode": 137}), False, "a pod failed: exit code 137"),
        (
            pod_state("Pending", waiting={"reason": "ErrImagePull", "message": "denied\nx"}),
            False,
            "ErrImagePull: denied",
        ),
    ],
)
def test_the_end_of_the_pod_says_what_works(pod, is_fine, words):
    found = judge_pod(pod, request_of().job)
    assert found is not None
    assert found.is_fine is is_fine
    assert words in found.text
    assert judge_pod(pod_state("Pending"), request_of().job) is None
    assert judge_pod(pod_state("Running", running={}), request_of().job) is None


def test_with_a_job_a_pod_runs_and_is_deleted(cluster, monkeypatch):
    monkeypatch.setattr(site.uuid, "uuid4", lambda: type("Id", (), {"hex": "0" * 32}))
    path = f"{CORE}/pods/paretoseg-doctor-00000000"
    cluster.put(f"{CORE}/pods", {"metadata": {"name": "x"}}, verb="POST", code=201)
    cluster.put(path, pod_state("Succeeded"))
    cluster.put(path, {}, verb="DELETE")
    found = look(with_job=True)["worker"]
    assert found.is_fine is True
    pods = [f"{one.verb} {one.path}" for one in cluster.server.requests if "/pods" in one.path]
    assert pods == [f"POST {CORE}/pods", f"GET {path}", f"DELETE {path}"]
    cluster.put(f"{CORE}/pods", status(403, "pods is forbidden")[1], verb="POST", code=403)
    assert "no pod can be created: pods is forbidden" in look(with_job=True)["worker"].text


def test_a_pod_that_does_not_run_is_given_up_and_deleted(cluster):
    cluster.put(f"{CORE}/pods", {"metadata": {"name": "x"}}, verb="POST", code=201)
    waits: list[float] = []
    request = request_of()
    found = list(site.check_site(RayJobs("default"), request, with_job=True, sleep=waits.append))[-1]
    assert found.is_fine is False
    assert "did not run within 240 s" in found.text
    assert sum(waits) == 240.0
    assert cluster.server.requests[-1].verb == "DELETE"
