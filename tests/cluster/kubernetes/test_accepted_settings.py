"""What the check of settings lets through never has a fault in its manifest, so the manifest itself needs no check."""

from __future__ import annotations

from itertools import product
from typing import Any

import kubernetes_validate
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paretoseg.cluster.kubernetes.kubernetes import WorkerGroup
from tests.cluster.crd_schemas import CORE_VERSION, Schemas
from tests.cluster.kubernetes.manifest_rules import find_faults
from tests.cluster.submissions import config, submission

# Names, amounts, labels and paths, right and wrong: for each key what could stand there.
NAMES = [
    "a",
    "my-name",
    "a.b",
    "x" * 47,
    "x" * 63,
    "x" * 64,
    "x" * 253,
    "x" * 254,
    "A",
    "a_b",
    "-a",
    "a b",
    "1st",
    "a\n",
]
AMOUNTS = ["2Gi", "64Mi", "1.5Gi", "16", "1e9", "100M", "1Ti", "16GB", "-1Gi", "0", "much", "1 Gi"]
COUNTS = [-2, -1, 0, 1, 5]
LABELS = [
    "disk:ssd", "a:", "lab.example/x:A_1.b", "x" * 64 + ":1", "a:" + "b" * 64, "ssd", "A/b:1", "a b:1", "a:b:c", "/a:1",
]  # fmt: skip
TAINTS = ["nvidia.com/gpu", "batch", "a b", "", "x" * 64, "A.b/c", "a/b/c", "-a"]
RESOURCES = ["nvidia.com/gpu", "amd.com/gpu", "nvidia.com/mig-1g.10gb", "gpu", "a b/c", "x..y/z", "/gpu"]
VARIABLES = [
    "A=1", "A=", "_B=a=b", "C=\n", "1A=2", "A B=1", "MY_KEY=1", "RAY_AUTH_MODE=x", "D", "=1", "PYTHONUNBUFFERED=0",
    "WANDB_API_KEY=1", "RAY_worker_niceness=1",
]  # fmt: skip
MOUNTS = ["/data", "/a/b", "/dev/shm", "/studies", "data", "/a b", "/a:b", "/usr", "/a/../b", "", "/tmp/ray/x", "/tmp"]
VOLUMES = [
    *(f"claim/{name}:/data" for name in NAMES),
    *(f"{kind}/{name}:/data" for kind, name in product(("secret", "configmap", "disk"), ("a.b", "A"))),
    *(f"scratch/{amount}:/data:ro" for amount in AMOUNTS),
    *(f"claim/images:{mount}" for mount in MOUNTS),
    *(f"claim/images:/data{mode}" for mode in (":ro", ":rw", ":")),
]


def lists(values: list[Any]) -> list[list[Any]]:
    """Lists of one value, and of the same and another one."""
    return [*([value] for value in values), *([value, value] for value in values), values[:2]]


GROUP_KEYS: dict[str, list[Any]] = {
    "name": [*NAMES, "trials", ""],
    **dict.fromkeys(("min_workers", "max_workers", "cpus", "gpus"), COUNTS),
    "memory": ["", *AMOUNTS],
    "gpu_resource": ["", *RESOURCES],
    "node_selector": lists(LABELS),
    "tolerations": lists(TAINTS),
}
KEYS: dict[str, list[Any]] = {
    **dict.fromkeys(
        ("namespace", "claim", "storage_secret", "wandb_secret", "service_account", "priority_class", "queue"), NAMES
    ),
    "image": ["r/p:1", "", "a b", "r/p@sha256:abc", "a\n"],
    "mount": MOUNTS,
    "pull_secret": ["", *NAMES, "a,b", "a,a", "a,"],
    "queue_priority": NAMES,
    "queue_elastic": [False, True],
    **dict.fromkeys(("min_workers", "max_workers", "cpus", "gpus", "head_cpus", "retries", "keep_min"), COUNTS),
    "deadline_min": COUNTS,
    **dict.fromkeys(("memory", "head_memory", "shared_memory", "head_shared_memory"), AMOUNTS),
    "gpu_resource": RESOURCES,
    "ray_version": ["", "2.52.0", "2.51.9", "3.0.0", "2.60.0rc1", "new"],
    "node_selector": lists(LABELS),
    "tolerations": lists(TAINTS),
    "labels": [*lists(LABELS), ["ray.io/cluster:x"], ["app.kubernetes.io/name:x"]],
    "environment": lists(VARIABLES),
    "volumes": [*([volume] for volume in VOLUMES), ["claim/a:/x", "claim/a:/x"], ["claim/a:/x", "secret/a:/y"]],
    "groups": [
        *([WorkerGroup(**{"name": "more", key: value})] for key, values in GROUP_KEYS.items() for value in values),
        [WorkerGroup(name="a"), WorkerGroup(name="a")],
    ],
}
SOME = st.lists(st.sampled_from(sorted(KEYS)), min_size=2, max_size=4, unique=True).flatmap(
    lambda keys: st.fixed_dictionaries({key: st.sampled_from(KEYS[key]) for key in keys})
)
"""A few keys at a time, so that many settings are accepted."""


def render(asked: dict[str, Any]) -> Any:
    """The manifest, or None if the settings are refused."""
    # Without a queue, what is for queues is refused; GPUs, so that what they are called matters.
    more = {"queue": "gpus"} if {"queue_priority", "queue_elastic"} & set(asked) else {}
    try:
        return yaml.load(config(**{"gpus": 1} | more | asked).render(submission()), Loader=yaml.CSafeLoader)
    except ValueError:
        return None


def find_pod_errors(manifest: Any) -> list[str]:
    """What Kubernetes' own schemas say to the pods."""
    cluster = manifest["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "any"}, "spec": group["template"]["spec"]}
        try:
            kubernetes_validate.validate(pod, CORE_VERSION, strict=True)
        except kubernetes_validate.ValidationError as error:
            return [str(error)]
    return []


@pytest.mark.parametrize("key", KEYS)
def test_no_value_that_is_accepted_gives_a_manifest_with_faults(key: str) -> None:
    manifests = {repr(value): render({key: value}) for value in KEYS[key]}
    accepted = {value: manifest for value, manifest in manifests.items() if manifest is not None}
    assert accepted, "the settings must also be right"
    assert len(accepted) < len(manifests) or key == "queue_elastic", "the settings must also be wrong"
    faults = {value: find_faults(manifest) or find_pod_errors(manifest) for value, manifest in accepted.items()}
    assert {value: found for value, found in faults.items() if found} == {}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=SOME)
def test_settings_that_are_accepted_together_give_a_manifest_without_faults(asked: dict[str, Any]) -> None:
    manifest = render(asked)
    assert manifest is None or find_faults(manifest) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=SOME)
def test_settings_that_are_accepted_give_a_manifest_that_the_schema_takes(
    schemas: Schemas, asked: dict[str, Any]
) -> None:
    manifest = render(asked)
    assert manifest is None or schemas.find_faults(manifest) == []
