import re
import shlex
import textwrap
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from paretoseg.cluster.cluster import RAY_ENVIRONMENT
from paretoseg.cluster.kubernetes.kubernetes import WorkerGroup
from paretoseg.cluster.kubernetes.manifest import MAX_NAME_LENGTH, name_job, to_yaml
from paretoseg.cluster.resources import Resources
from paretoseg.search.config.config import compose
from tests.cluster.crd_schemas import CORE_VERSION, find_rule_faults
from tests.cluster.kubernetes.manifest_rules import find_faults
from tests.cluster.submissions import IMAGE, config, submission

GPU_RESOURCES = Resources(cpus=2, gpus=0.5)
S3 = "s3://bucket/studies?region=eu-west-1"
SPOT = WorkerGroup(name="spot", max_workers=8, node_selector=["cloud.example/spot:true"], tolerations=["spot"])
BIG = WorkerGroup(name="big", gpus=4, cpus=16, memory="128Gi", gpu_resource="amd.com/gpu", min_workers=1)
VARIATIONS = {
    "claim": ({}, {}),
    "other mount": ({"mount": "/mnt/results"}, {}),
    "object storage": ({"claim": "", "storage_secret": "s3-keys"}, {"storage": S3}),
    "gpus": ({"gpus": 2, "cpus": 8, "memory": "64Gi"}, {"resources": GPU_RESOURCES}),
    "placed gpus": (
        {"gpus": 1, "node_selector": ["cloud.example/gpu:a100"], "tolerations": ["nvidia.com/gpu"]},
        {"resources": GPU_RESOURCES},
    ),
    "placed cores": ({"node_selector": ["disk:ssd"], "tolerations": ["batch"]}, {}),
    "queue": ({"queue": "gpu-queue", "gpus": 1}, {"resources": GPU_RESOURCES}),
    "tracking": ({"wandb_secret": "wandb"}, {}),
    "account": ({"service_account": "searcher", "pull_secret": "registry"}, {}),
    "no retry": ({"retries": 0, "keep_min": 0}, {}),
    "fixed size": ({"min_workers": 3, "max_workers": 3}, {}),
    "small": ({"memory": "1.5Gi", "head_memory": "1024Mi", "shared_memory": "128Mi", "cpus": 1, "head_cpus": 1}, {}),
    "other ray": ({"ray_version": "2.52.0"}, {}),
    "amd": ({"gpus": 8, "gpu_resource": "amd.com/gpu"}, {"resources": GPU_RESOURCES}),
    "a slice of a gpu": ({"gpus": 1, "gpu_resource": "nvidia.com/mig-1g.10gb"}, {"resources": GPU_RESOURCES}),
    "groups": ({"gpus": 1, "groups": [SPOT, BIG]}, {"resources": GPU_RESOURCES}),
    "groups in a queue": ({"queue": "gpus", "gpus": 1, "groups": [SPOT, BIG]}, {"resources": GPU_RESOURCES}),
    "group of the same kind": ({"groups": [WorkerGroup(name="more", min_workers=1, max_workers=1)]}, {}),
    "priority": ({"priority_class": "high-priority"}, {}),
    "priority in a queue": ({"queue": "gpu-queue", "queue_priority": "urgent"}, {}),
    "elastic queue": ({"queue": "gpu-queue", "queue_elastic": True, "min_workers": 1}, {}),
    "deadline": ({"deadline_min": 90}, {}),
    "labels": ({"labels": ["team:imaging", "lab.example/grant:A_1.b", "empty:"]}, {}),
    "environment": ({"environment": ["HTTPS_PROXY=http://proxy:3128", "MPLBACKEND=", "HF_HOME=/data/a b=c #1"]}, {}),
    "data claim": ({"volumes": ["claim/images:/data:ro"]}, {}),
    "all volumes": (
        {
            "volumes": [
                "claim/images:/data:ro",
                "secret/login:/secrets",
                "configmap/atlas:/atlas",
                "scratch/1Ti:/scratch",
            ]
        },
        {},
    ),
    "shared memory apart": ({"shared_memory": "8Gi", "head_shared_memory": "256Mi"}, {}),
    "pull secrets": ({"pull_secret": "registry,mirror.example"}, {}),
}
HOSTILE = [
    "data.root=/data/$(touch owned)",
    "data.root='a; touch owned #'",
    'data.root="quo\\"ted"',
    "data.root=`id`",
    "space.depth=[2,4]",
    "data.root='new\nline: - {yaml: true}'",
    "data.root=${HOME} && true || *",
    "data.root=\\\\",
    "--help",
    "data.root=caf\u00e9 \u2028 \U0001f600",
]


def build(settings, asked):
    return yaml.safe_load(config(**settings).render(submission(**asked)))


def pods(manifest):
    cluster = manifest["spec"]["rayClusterSpec"]
    return [group["template"]["spec"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]


@pytest.mark.parametrize("name", VARIATIONS)
def test_every_manifest_passes_the_strict_schema_of_the_crd(name, schemas):
    assert schemas.find_faults(build(*VARIATIONS[name])) == []


@pytest.mark.parametrize("name", VARIATIONS)
def test_every_manifest_passes_the_rules_and_its_pods_pass_kubernetes_own_schemas(name):
    manifest = build(*VARIATIONS[name])
    assert find_faults(manifest) == []
    for spec in pods(manifest):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "any"}, "spec": spec}
        kubernetes_validate.validate(pod, CORE_VERSION, strict=True)


def test_trials_run_on_workers_alone_and_the_cluster_grows_with_them():
    cluster = build({"max_workers": 5, "gpus": 2, "cpus": 8}, {})["spec"]["rayClusterSpec"]
    assert cluster["enableInTreeAutoscaling"] is True
    assert cluster["autoscalerOptions"]["version"] == "v2"
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["rayVersion"].startswith("2.")
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    (group,) = cluster["workerGroupSpecs"]
    assert (group["minReplicas"], group["replicas"], group["maxReplicas"]) == (0, 0, 5)
    amounts = group["template"]["spec"]["containers"][0]["resources"]
    assert amounts["limits"] == amounts["requests"] == {"cpu": "8", "memory": "16Gi", "nvidia.com/gpu": "2"}


def test_a_queue_suspends_the_job_and_fixes_its_size():
    manifest = build({"queue": "gpu-queue", "max_workers": 4}, {})
    assert manifest["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpu-queue"
    assert manifest["spec"]["suspend"] is True
    cluster = manifest["spec"]["rayClusterSpec"]
    assert "enableInTreeAutoscaling" not in cluster
    (group,) = cluster["workerGroupSpecs"]
    assert (group["minReplicas"], group["replicas"], group["maxReplicas"]) == (4, 4, 4)


def test_the_table_is_as_long_as_what_can_be_set():
    assert len(VARIATIONS) >= 25


def test_workers_of_several_kinds_are_groups_and_the_search_counts_on_all_of_them():
    manifest = build({"gpus": 1, "cpus": 8, "groups": [SPOT, BIG]}, {"resources": GPU_RESOURCES})
    groups = {group["groupName"]: group for group in manifest["spec"]["rayClusterSpec"]["workerGroupSpecs"]}
    assert list(groups) == ["trials", "spot", "big"]
    assert [(group["minReplicas"], group["maxReplicas"]) for group in groups.values()] == [(0, 2), (0, 8), (1, 1)]
    trials, spot, big = (group["template"]["spec"] for group in groups.values())
    assert spot["nodeSelector"] == {"cloud.example/spot": "true"}
    assert spot["tolerations"] == [{"key": "spot", "operator": "Exists"}]
    assert "nodeSelector" not in trials
    limits = {"cpu": "8", "memory": "16Gi", "nvidia.com/gpu": "1"}
    assert spot["containers"][0]["resources"]["limits"] == trials["containers"][0]["resources"]["limits"] == limits
    assert big["containers"][0]["resources"]["limits"] == {"cpu": "16", "memory": "128Gi", "amd.com/gpu": "4"}
    assert groups["big"]["rayStartParams"]["num-gpus"] == "4"
    words = shlex.split(manifest["spec"]["entrypoint"])
    assert words[-1] == "cluster.more_nodes=[{nodes:8,cpus:8,gpus:1},{nodes:1,cpus:16,gpus:4}]"
    attached = compose(["study=any", "task=toy", *words[words.index("cluster=attached") :]]).experiment.cluster
    assert attached.count_gpus() == config(gpus=1, groups=[SPOT, BIG]).count_gpus() == 14


def test_an_elastic_job_in_a_queue_scales_and_says_so_to_kueue():
    manifest = build({"queue": "gpus", "queue_elastic": True, "queue_priority": "urgent", "max_workers": 4}, {})
    assert manifest["metadata"]["annotations"]["kueue.x-k8s.io/elastic-job"] == "true"
    assert manifest["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] == "urgent"
    assert manifest["spec"]["suspend"] is True
    cluster = manifest["spec"]["rayClusterSpec"]
    assert cluster["enableInTreeAutoscaling"] is True
    (group,) = cluster["workerGroupSpecs"]
    assert (group["minReplicas"], group["replicas"], group["maxReplicas"]) == (0, 0, 4)


def test_what_pods_share_is_in_every_pod():
    settings = {
        "gpus": 1, "groups": [SPOT], "priority_class": "high", "pull_secret": "one,two", "labels": ["team:imaging"],
        "environment": ["HF_HOME=/data/hf"], "volumes": ["claim/images:/data:ro", "scratch/1Gi:/scratch"],
        "shared_memory": "4Gi", "head_shared_memory": "1Gi", "deadline_min": 30,
    }  # fmt: skip
    manifest = build(settings, {})
    assert manifest["spec"]["activeDeadlineSeconds"] == 1800
    assert manifest["metadata"]["labels"]["team"] == "imaging"
    cluster = manifest["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert group["template"]["metadata"] == {"labels": {"team": "imaging"}}
    head, *workers = pods(manifest)
    for pod in (head, *workers):
        assert pod["priorityClassName"] == "high"
        assert pod["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]
        assert {"name": "HF_HOME", "value": "/data/hf"} in pod["containers"][0]["env"]
        mounts = pod["containers"][0]["volumeMounts"][2:]
        assert mounts == [
            {"name": "volume-1", "mountPath": "/data", "readOnly": True},
            {"name": "volume-2", "mountPath": "/scratch"},
        ]
        assert pod["volumes"][2:] == [
            {"name": "volume-1", "persistentVolumeClaim": {"claimName": "images"}},
            {"name": "volume-2", "emptyDir": {"sizeLimit": "1Gi"}},
        ]
    assert head["volumes"][0]["emptyDir"]["sizeLimit"] == "1Gi"
    assert {pod["volumes"][0]["emptyDir"]["sizeLimit"] for pod in workers} == {"4Gi"}


def test_every_pod_has_shared_memory_of_its_own_and_the_studies():
    for pod in pods(build({"shared_memory": "2Gi"}, {})):
        assert pod["volumes"] == [
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}},
            {"name": "studies", "persistentVolumeClaim": {"claimName": "studies"}},
        ]
        mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
        assert mounts == {"shm": "/dev/shm", "studies": "/studies"}


def test_secrets_are_named_and_never_written(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef")
    settings = {"wandb_secret": "wandb", "storage_secret": "s3-keys", "claim": ""}
    text = config(**settings).render(submission(storage=S3))
    assert "0123456789abcdef" not in text
    for pod in pods(yaml.safe_load(text)):
        (container,) = pod["containers"]
        assert container["envFrom"] == [{"secretRef": {"name": "s3-keys"}}]
        variables = {item["name"]: item for item in container["env"]}
        assert variables["WANDB_API_KEY"] == {
            "name": "WANDB_API_KEY",
            "valueFrom": {"secretKeyRef": {"name": "wandb", "key": "api-key"}},
        }
        assert all(isinstance(item.get("value", ""), str) for item in container["env"])


def test_every_ray_gets_the_settings_of_ray():
    for pod in pods(build({}, {})):
        variables = {item["name"]: item.get("value") for item in pod["containers"][0]["env"]}
        assert variables.items() >= RAY_ENVIRONMENT.items()


def test_pods_run_without_privileges():
    for pod in pods(build({}, {})):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["containers"][0]["securityContext"]["allowPrivilegeEscalation"] is False


def test_the_entrypoint_is_the_same_search_attached_to_the_ray_of_the_job():
    manifest = build({"max_workers": 3, "cpus": 8, "gpus": 2}, {"study": "big", "storage": "studies"})
    assert shlex.split(manifest["spec"]["entrypoint"]) == [
        *("paretoseg", "search", "study=big", "storage=/studies"),
        *(
            "cluster=attached",
            "cluster.wait_s=600",
            "cluster.lock_wait_s=120",
            "cluster.keep_log=true",
            "cluster.max_nodes=3",
            "cluster.cpus=8",
            "cluster.gpus=2",
        ),
    ]


def test_object_storage_reaches_the_entrypoint_as_it_was_given():
    words = shlex.split(build({"claim": ""}, {"storage": S3})["spec"]["entrypoint"])
    assert f"storage='{S3}'" in words


@pytest.mark.parametrize("override", HOSTILE)
def test_whatever_an_override_holds_it_stays_one_word_and_one_string(override):
    text = config().render(submission("mine", override))
    manifest = yaml.safe_load(text)
    assert override in shlex.split(manifest["spec"]["entrypoint"])
    assert set(manifest) == {"apiVersion", "kind", "metadata", "spec"}
    assert len(list(yaml.safe_load_all(text))) == 1
    # What one shell reads is what was meant; a submitter pod would bring a second one.
    assert manifest["spec"]["submissionMode"] == "HTTPMode"


@pytest.mark.parametrize("study", ["a", "9lives", "A.B_c-D", "...".join("xyz"), "q" * 100, "-".join("a" * 50), "___"])
def test_every_study_gets_a_name_that_kuberay_takes(study):
    name = name_job(study, "place")
    assert len(name) <= MAX_NAME_LENGTH
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
    assert name == name_job(study, "place")


def test_no_two_studies_share_a_name():
    studies = ["mine", "Mine", "m-ine", "m.ine", "m_ine", "q" * 99, "q" * 100]
    names = {name_job(study, place) for study in studies for place in ("here", "there")}
    assert len(names) == 2 * len(studies)


def test_yaml_keeps_texts_that_look_like_something_else():
    odd = {"a": "yes", "b": "1.0", "c": "null", "d": "0x10", "e": "- x: {", "f": "2026-01-01", "g": "a\n---\nb: c"}
    assert yaml.safe_load(to_yaml(odd)) == odd
    assert IMAGE in config().render(submission())


def test_every_manifest_on_the_page_is_one_that_a_server_takes(schemas):
    page = (Path(__file__).parents[3] / "docs" / "kubernetes.md").read_text()
    blocks = [
        textwrap.dedent(block) for block in re.findall(r"^ *```yaml\n(.*?)^ *```", page, re.MULTILINE | re.DOTALL)
    ]
    kinds = []
    for block in blocks:
        manifest = yaml.safe_load(block)
        kinds.append(manifest["kind"])
        assert schemas.find_faults(manifest) == []
        assert find_rule_faults(manifest) == []
    assert kinds == ["Role", "PersistentVolumeClaim", "LocalQueue"]
