"""Every rule by a manifest that breaks it alone; what a real server says to the same is in test_server_verdicts."""

import copy

import pytest
import yaml

from tests.cluster.kubernetes.manifest_rules import find_faults
from tests.cluster.submissions import config, submission

SPEC = "spec"
CLUSTER = "spec.rayClusterSpec"
HEAD = f"{CLUSTER}.headGroupSpec"
GROUP = f"{CLUSTER}.workerGroupSpecs.0"
POD = f"{GROUP}.template.spec"
CONTAINER = f"{POD}.containers.0"


@pytest.fixture(scope="module")
def manifest():
    return yaml.safe_load(config(gpus=1, wandb_secret="wandb").render(submission()))


def damage(manifest, changes):
    damaged = copy.deepcopy(manifest)
    for path, value in changes.items():
        node = damaged
        *parents, last = path.split(".")
        for name in parents:
            node = node[int(name)] if isinstance(node, list) else node[name]
        if value is None:
            del node[last]
        elif isinstance(node, list):
            node.append(value)
        else:
            node[last] = value
    return damaged


def test_what_we_build_breaks_no_rule(manifest):
    assert find_faults(manifest) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"metadata.name": "1st"}, "at most 47 lower-case letters"),
        ({"metadata.labels.exp": "a b"}, "label exp='a b' must be at most 63"),
        ({f"{SPEC}.managedBy": "me"}, "spec.managedBy must be one of ray.io/kuberay-operator"),
        ({f"{SPEC}.deletionStrategy": {}}, "needs deletionRules, or both onSuccess and onFailure"),
        ({f"{SPEC}.deletionStrategy": {"onSuccess": {"policy": "DeleteCluster"}}}, "needs deletionRules, or both"),
        (
            {
                f"{SPEC}.shutdownAfterJobFinishes": None,
                f"{SPEC}.ttlSecondsAfterFinished": 0,
                f"{SPEC}.deletionStrategy": {"onSuccess": {}, "onFailure": {}, "deletionRules": []},
            },
            "takes either deletionRules or onSuccess and onFailure",
        ),
        (
            {
                f"{SPEC}.shutdownAfterJobFinishes": None,
                f"{SPEC}.ttlSecondsAfterFinished": 0,
                f"{SPEC}.deletionStrategy": {"deletionRules": [{"condition": {}}]},
            },
            "needs either jobStatus or jobDeploymentStatus",
        ),
        ({f"{SPEC}.shutdownAfterJobFinishes": False}, "ttlSecondsAfterFinished needs shutdownAfterJobFinishes"),
        (
            {
                f"{SPEC}.shutdownAfterJobFinishes": False,
                f"{SPEC}.suspend": True,
                f"{SPEC}.ttlSecondsAfterFinished": 0,
            },
            "suspend needs shutdownAfterJobFinishes",
        ),
        ({f"{SPEC}.entrypoint": "  "}, "there is no entrypoint"),
        ({f"{SPEC}.activeDeadlineSeconds": 0}, "activeDeadlineSeconds must be above 0"),
        ({f"{SPEC}.submissionMode": "InteractiveMode"}, "backoffLimit and InteractiveMode exclude each other"),
        (
            {f"{SPEC}.rayClusterSpec": None, f"{SPEC}.clusterSelector": {"ray.io/cluster": "x"}},
            "clusterSelector excludes suspend and backoffLimit",
        ),
        ({f"{CLUSTER}.rayVersion": "2.51.0"}, "token authentication needs rayVersion 2.52.0 or later, got '2.51.0'"),
        ({f"{CLUSTER}.rayVersion": None}, "token authentication needs rayVersion"),
        ({f"{HEAD}.resources": {"CPU": "1"}}, "either in rayStartParams or in resources"),
        ({f"{HEAD}.template.spec.restartPolicy": "Always"}, "head: restartPolicy must be Never with autoscaler v2"),
        (
            {f"{CONTAINER}.env.+": {"name": "RAY_enable_autoscaler_v2", "value": "1"}},
            "chosen by autoscalerOptions.version",
        ),
        ({f"{GROUP}.minReplicas": -1}, "replicas must not be negative"),
        ({f"{GROUP}.suspend": True}, "an autoscaled group cannot be suspended"),
        ({f"{CLUSTER}.enableInTreeAutoscaling": False, f"{GROUP}.minReplicas": None}, "needed where nothing scales"),
        ({f"{POD}.containers": []}, "there is no container"),
        ({f"{CONTAINER}.name": "Ray Worker"}, "its name must be a DNS label"),
        ({f"{CONTAINER}.image": "a b"}, "the image must be given without spaces"),
        ({f"{CONTAINER}.env.+": {"name": "A B", "value": "x"}}, "'A B' cannot be the name of a variable"),
        ({f"{CONTAINER}.env.+": {"name": "S3_KEY", "value": "x"}}, "variable S3_KEY looks like a secret"),
        (
            {f"{CONTAINER}.env.+": {"name": "X", "valueFrom": {"secretKeyRef": {"name": "W&B", "key": "a b"}}}},
            "'W&B' cannot be the name of a Secret",
        ),
        ({f"{CONTAINER}.env.+": {"name": "PYTHONUNBUFFERED", "value": "2"}}, "has 'PYTHONUNBUFFERED' more than once"),
        ({f"{CONTAINER}.resources.limits.memory": "16GB"}, "the limit of memory must be a quantity"),
        ({f"{CONTAINER}.resources.limits.cpu": "1"}, "the request of cpu must be less than or equal to its limit of 1"),
        ({f"{CONTAINER}.volumeMounts.+": {"name": "gone", "mountPath": "/x"}}, "volume 'gone', which does not exist"),
        ({f"{CONTAINER}.volumeMounts.+": {"name": "shm", "mountPath": "a:b"}}, "must not be empty or hold ':'"),
        ({f"{POD}.volumes.+": {"name": "Big", "emptyDir": {}}}, "the name of a volume must be a DNS label"),
        (
            {f"{POD}.volumes.+": {"name": "x", "persistentVolumeClaim": {"claimName": "A"}}},
            "'A' cannot be the name",
        ),
        ({f"{POD}.volumes.+": {"name": "x", "emptyDir": {"sizeLimit": "much"}}}, "sizeLimit of volume 'x' must be"),
        ({f"{HEAD}.template.spec.containers.0.ports.+": {"containerPort": 0}}, "between 1 and 65535, got 0"),
    ],
)
def test_each_rule_is_broken_by_its_own_damage(manifest, changes, sentence):
    found = find_faults(damage(manifest, changes))
    assert any(sentence in fault for fault in found), found


@pytest.mark.parametrize(
    ("requests", "limits", "sentence"),
    [
        ({"nvidia.com/gpu": "1"}, {}, "the request of nvidia.com/gpu must equal its limit"),
        ({"nvidia.com/gpu": "1"}, {"nvidia.com/gpu": "2"}, "the request of nvidia.com/gpu must equal its limit"),
        ({}, {"nvidia.com/gpu": "0.5"}, "the limit of nvidia.com/gpu must be a whole number"),
        ({"cpu": "-1"}, {}, "the request of cpu must not be negative"),
    ],
)
def test_devices_are_whole_and_never_overcommitted(manifest, requests, limits, sentence):
    found = find_faults(damage(manifest, {f"{CONTAINER}.resources": {"requests": requests, "limits": limits}}))
    assert len(found) == 1
    assert sentence in found[0]
