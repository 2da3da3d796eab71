"""Rules for a RayJob beyond its schema: what the check of settings lets through must keep them all.

They come from the API server for the RayJob itself; from the same server for the pods, whose templates it checks only
when it creates pods, minutes later; and from the KubeRay operator.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from paretoseg.cluster.kubernetes.manifest import MAX_NAME_LENGTH, Manifest
from tests.cluster.kubernetes.pod_rules import find_pod_faults

# Lists whose entries are identified by these fields; the server refuses duplicates.
LIST_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ports": ("containerPort", "protocol"),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_MANAGERS = ("ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue")
_SUBMISSION_MODES = ("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode")
_TOKEN_VERSION = (2, 52)


def find_faults(manifest: Manifest) -> list[str]:
    """All faults of a RayJob, one sentence each; empty if there are none."""
    return [*find_server_faults(manifest), *_find_template_faults(manifest), *find_operator_faults(manifest)]


def find_server_faults(manifest: Manifest) -> list[str]:
    """Faults that the API server refuses although all fields have the right types."""
    spec = manifest.get("spec") or {}
    faults = [
        f"label {key}={value!r} must be at most 63 letters, digits, '-', '_' or '.'"
        for key, value in _labels(manifest).items()
        if not _LABEL_VALUE.fullmatch(str(value))
    ]
    faults += _find_duplicates(manifest, "")
    for place, holder in (("spec", spec), ("spec.rayClusterSpec", spec.get("rayClusterSpec") or {})):
        if holder.get("managedBy") not in (None, *_MANAGERS):
            faults.append(f"{place}.managedBy must be one of {', '.join(_MANAGERS)}")
    if spec.get("deletionStrategy") is not None:
        faults += _find_deletion_faults(spec["deletionStrategy"])
    return faults


def find_operator_faults(manifest: Manifest) -> list[str]:
    """Faults that the server accepts but the KubeRay operator refuses, or should refuse."""
    name = str(manifest["metadata"].get("name", ""))
    spec = manifest.get("spec") or {}
    faults = []
    if len(name) > MAX_NAME_LENGTH or not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name):
        faults.append(
            f"the name must be at most {MAX_NAME_LENGTH} lower-case letters, digits or '-' and start with a letter, "
            f"got '{name}'"
        )
    faults += _find_job_faults(spec)
    cluster = spec.get("rayClusterSpec")
    if cluster and not spec.get("clusterSelector"):
        faults += _find_cluster_faults(cluster)
    return faults


def _labels(manifest: Manifest) -> dict[str, Any]:
    return dict(manifest.get("metadata", {}).get("labels") or {})


def _find_duplicates(node: Any, path: str) -> list[str]:
    """Duplicate entries of lists."""
    if isinstance(node, list):
        return [fault for index, item in enumerate(node) for fault in _find_duplicates(item, f"{path}[{index}]")]
    if not isinstance(node, dict):
        return []
    faults = []
    for name, child in node.items():
        if name in LIST_KEYS and isinstance(child, list):
            keys = [tuple(item.get(key) for key in LIST_KEYS[name]) for item in child if isinstance(item, dict)]
            duplicates = {key for key in keys if keys.count(key) > 1}
            faults += [
                f"{path}.{name}".lstrip(".") + f" has {duplicate[0]!r} more than once"
                for duplicate in sorted(duplicates, key=str)
            ]
        faults += _find_duplicates(child, f"{path}.{name}")
    return faults


def _find_deletion_faults(strategy: Mapping[str, Any]) -> list[str]:
    faults = []
    rules = strategy.get("deletionRules")
    old = [name for name in ("onSuccess", "onFailure") if strategy.get(name) is not None]
    if old and rules is not None:
        faults.append("spec.deletionStrategy takes either deletionRules or onSuccess and onFailure, not both")
    elif rules is None and len(old) != 2:
        faults.append("spec.deletionStrategy needs deletionRules, or both onSuccess and onFailure")
    for rule in rules or []:
        given = [name for name in ("jobStatus", "jobDeploymentStatus") if name in (rule.get("condition") or {})]
        if len(given) != 1:
            faults.append("the condition of a deletion rule needs either jobStatus or jobDeploymentStatus")
    return faults


def _pods(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields every pod template of the cluster with the name of its group."""
    cluster = spec.get("rayClusterSpec") or {}
    if "headGroupSpec" in cluster:
        yield "head", cluster["headGroupSpec"].get("template", {}).get("spec") or {}
    for group in cluster.get("workerGroupSpecs") or []:
        yield f"worker group '{group.get('groupName', '')}'", group.get("template", {}).get("spec") or {}


def _find_template_faults(manifest: Manifest) -> list[str]:
    return [f"{place}: {fault}" for place, pod in _pods(manifest.get("spec") or {}) for fault in find_pod_faults(pod)]


def _find_job_faults(spec: Mapping[str, Any]) -> list[str]:
    """The rules of the job itself."""
    ends, mode = spec.get("shutdownAfterJobFinishes"), spec.get("submissionMode", "K8sJobMode")
    time_to_live, selector = spec.get("ttlSecondsAfterFinished") or 0, spec.get("clusterSelector")
    retries, deadline = spec.get("backoffLimit") or 0, spec.get("activeDeadlineSeconds")
    rules_of_deletion = (spec.get("deletionStrategy") or {}).get("deletionRules")
    checks = [
        (mode in _SUBMISSION_MODES, f"submissionMode must be one of {', '.join(_SUBMISSION_MODES)}, got '{mode}'"),
        (bool(str(spec.get("entrypoint") or "").strip()) or mode == "InteractiveMode", "there is no entrypoint"),
        (not spec.get("suspend") or ends, "suspend needs shutdownAfterJobFinishes"),
        (time_to_live >= 0, f"ttlSecondsAfterFinished must not be negative, got {time_to_live}"),
        (not time_to_live or ends, "ttlSecondsAfterFinished needs shutdownAfterJobFinishes"),
        (
            bool(spec.get("rayClusterSpec")) != bool(selector),
            "exactly one of rayClusterSpec and clusterSelector is needed",
        ),
        (not selector or not (spec.get("suspend") or retries), "clusterSelector excludes suspend and backoffLimit"),
        (retries >= 0, f"backoffLimit must not be negative, got {retries}"),
        (not retries or mode != "InteractiveMode", "backoffLimit and InteractiveMode exclude each other"),
        (deadline is None or deadline > 0, f"activeDeadlineSeconds must be above 0, got {deadline}"),
        (not rules_of_deletion or not ends, "deletionRules and shutdownAfterJobFinishes exclude each other"),
    ]
    return [fault for is_right, fault in checks if not is_right]


def _find_cluster_faults(cluster: Mapping[str, Any]) -> list[str]:
    """The rules of the Ray cluster and its groups."""
    groups, options = cluster.get("workerGroupSpecs") or [], cluster.get("autoscalerOptions") or {}
    scales = bool(cluster.get("enableInTreeAutoscaling"))
    faults = []
    names = [group.get("groupName") for group in groups]
    if len(set(names)) < len(names):
        faults.append(f"worker groups must have different names, got {', '.join(map(str, names))}")
    for place, pod in _pods({"rayClusterSpec": cluster}):
        if not pod.get("containers"):
            faults.append(f"{place}: there is no container")
        if scales and options.get("version") == "v2" and pod.get("restartPolicy", "Never") != "Never":
            faults.append(f"{place}: restartPolicy must be Never with autoscaler v2")
        if any(item.get("name") == "RAY_enable_autoscaler_v2" for item in _environment(pod)):
            faults.append(f"{place}: autoscaler v2 is chosen by autoscalerOptions.version, not by a variable")
    for group in (cluster.get("headGroupSpec") or {}, *groups):
        amounts = {"num-cpus", "num-gpus", "memory", "resources"} & set(group.get("rayStartParams") or {})
        if amounts and group.get("resources"):
            faults.append("resources must be either in rayStartParams or in resources, not in both")
    for group in groups:
        faults += _find_group_faults(group, scales)
    return [*faults, *_find_auth_faults(cluster)]


def _environment(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [item for container in pod.get("containers") or [] for item in container.get("env") or []]


def _find_group_faults(group: Mapping[str, Any], scales: bool) -> list[str]:
    name = group.get("groupName", "")
    fewest, most = group.get("minReplicas"), group.get("maxReplicas")
    faults = []
    if (fewest is None or most is None) and not scales:
        faults.append(f"worker group '{name}': minReplicas and maxReplicas are needed where nothing scales")
    if min(fewest or 0, most or 0) < 0:
        faults.append(f"worker group '{name}': replicas must not be negative")
    if fewest is not None and most is not None and fewest > most:
        faults.append(f"worker group '{name}': minReplicas must not be above maxReplicas, got {fewest} and {most}")
    if group.get("suspend") and scales:
        faults.append(f"worker group '{name}': an autoscaled group cannot be suspended")
    return faults


def _find_auth_faults(cluster: Mapping[str, Any]) -> list[str]:
    if (cluster.get("authOptions") or {}).get("mode") != "token":
        return []
    version = str(cluster.get("rayVersion") or "")
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers and (int(numbers[1]), int(numbers[2])) >= _TOKEN_VERSION:
        return []
    return [f"token authentication needs rayVersion 2.52.0 or later, got '{version}'"]
