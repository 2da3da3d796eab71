"""A KubeRay RayJob as a plain dict: a Ray cluster of pods, and the command that runs on it.

Only dicts are built here, and a YAML library writes them, so that no name or value can inject YAML.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import yaml

from paretoseg.cluster.cluster import OBJECT_STORE_BYTES, RAY_ENVIRONMENT
from paretoseg.cluster.kubernetes.job import (
    GPU,
    Placement,
    PodGroup,
    PodResources,
    PodSettings,
    RayJob,
    Volume,
    VolumeKind,
)

Manifest: TypeAlias = dict[str, Any]

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
_QUEUE_PRIORITY_LABEL = "kueue.x-k8s.io/priority-class"
_ELASTIC = "kueue.x-k8s.io/elastic-job"
_DIGEST = "paretoseg/digest"
MAX_NAME_LENGTH = 47
"""The operator's limit for the name of a RayJob: it appends to the name, and the result must be a host name."""

_USER = 1000
"""Numeric user of the image; the group may write to the volume."""

OWN_ENVIRONMENT: Mapping[str, str] = MappingProxyType({"PYTHONUNBUFFERED": "1", **RAY_ENVIRONMENT})
"""Environment variables of every pod."""

_IDLE_SECONDS = 120
_WANDB_KEY = "api-key"
WANDB_VARIABLE = "WANDB_API_KEY"


def name_job(study: str, place: str) -> str:
    """A job name that Kubernetes and KubeRay accept; a hash tells studies with similar names apart.

    Args:
        study: Name of the study.
        place: What else identifies the study: namespace and storage.
    """
    digest = hashlib.sha256(f"{place}\0{study}".encode()).hexdigest()[:8]
    room = MAX_NAME_LENGTH - len(f"paretoseg--{digest}")
    slug = re.sub(r"[^a-z0-9]+", "-", study.lower()).strip("-")[:room].strip("-")
    return "-".join(part for part in ("paretoseg", slug, digest) if part)


def build_manifest(job: RayJob) -> Manifest:
    """The RayJob as a dict, ready to be sent or written."""
    metadata: Manifest = {
        "name": job.name,
        "namespace": job.namespace,
        "labels": {
            "app.kubernetes.io/name": "paretoseg",
            "app.kubernetes.io/managed-by": "paretoseg",
            **({QUEUE_LABEL: job.queue} if job.queue else {}),
            **({_QUEUE_PRIORITY_LABEL: job.queue_priority} if job.queue_priority else {}),
            **dict(job.pod_settings.labels),
        },
        # Labels allow fewer characters than study names.
        "annotations": {"paretoseg/study": job.study, **({_ELASTIC: "true"} if job.is_elastic else {})},
    }
    spec: Manifest = {
        "entrypoint": job.entrypoint,
        # The operator submits the entrypoint by HTTP. A submitter pod would pass it through a second shell, which
        # removes quotes.
        "submissionMode": "HTTPMode",
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": job.keep_s,
        "backoffLimit": job.retries,
        **({"activeDeadlineSeconds": job.deadline_s} if job.deadline_s else {}),
        **({"suspend": True} if job.queue else {}),
        "rayClusterSpec": _build_cluster(job),
    }
    # The server adds its defaults to what it stores, so only this digest says whether the manifests are equal.
    sent = json.dumps([metadata["labels"], spec], sort_keys=True)
    metadata["annotations"][_DIGEST] = hashlib.sha256(sent.encode()).hexdigest()[:16]
    return {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": metadata, "spec": spec}


def is_same(found: Manifest, manifest: Manifest) -> bool:
    """True if a RayJob, as the server stores it, was sent as this manifest."""
    annotations = found.get("metadata", {}).get("annotations") or {}
    return bool(annotations.get(_DIGEST) == manifest["metadata"]["annotations"][_DIGEST])


def to_yaml(manifest: Manifest) -> str:
    """The manifest as a YAML document."""
    return yaml.safe_dump(manifest, sort_keys=False, width=1000, allow_unicode=False)


def _build_cluster(job: RayJob) -> Manifest:
    # Kueue reserves a fixed number of pods and refuses jobs that autoscale, unless they are elastic.
    scaling: Manifest = (
        {}
        if not job.scales
        else {
            "enableInTreeAutoscaling": True,
            "autoscalerOptions": {
                "version": "v2",
                "idleTimeoutSeconds": _IDLE_SECONDS,
                "securityContext": _confine(),
            },
        }
    )
    return {
        "rayVersion": job.ray_version,
        **scaling,
        "authOptions": {"mode": "token"},
        "headGroupSpec": {
            # No trial runs on the head: if the head runs out of memory, the whole search ends.
            "rayStartParams": {**_ray_start(), "num-cpus": "0", "num-gpus": "0", "dashboard-host": "0.0.0.0"},
            "template": _build_pod(job, "ray-head", job.head, _place_head(job)),
        },
        "workerGroupSpecs": [_build_workers(job, group) for group in job.groups],
    }


def _place_head(job: RayJob) -> Placement:
    """Where the workers of the first group run, unless these have GPUs, which the head must not take up."""
    first = job.groups[0]
    return Placement() if first.machine.gpus else first.placement


def _build_workers(job: RayJob, group: PodGroup) -> Manifest:
    fewest, most = group.num_workers if job.scales else (group.num_workers[1],) * 2
    machine = group.machine
    # Ray knows the GPUs of NVIDIA by their usual name alone.
    gpus = {"num-gpus": str(machine.gpus)} if machine.gpus and machine.gpu_resource != GPU else {}
    return {
        "groupName": group.name,
        "replicas": fewest,
        "minReplicas": fewest,
        "maxReplicas": most,
        "rayStartParams": {**_ray_start(), **gpus},
        "template": _build_pod(job, "ray-worker", machine, group.placement),
    }


def _ray_start() -> dict[str, str]:
    return {"object-store-memory": str(OBJECT_STORE_BYTES)}


def _build_pod(job: RayJob, name: str, machine: PodResources, placement: Placement) -> Manifest:
    shared = job.pod_settings
    spec: Manifest = {
        "restartPolicy": "Never",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_build_container(shared, name, machine)],
        "volumes": [
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": machine.shared_memory}},
            *([{"name": "studies", "persistentVolumeClaim": {"claimName": shared.claim}}] if shared.claim else []),
            *(_build_volume(f"volume-{number}", one) for number, one in enumerate(shared.volumes, 1)),
        ],
    }
    if shared.service_account:
        spec["serviceAccountName"] = shared.service_account
    if shared.pull_secrets:
        spec["imagePullSecrets"] = [{"name": secret} for secret in shared.pull_secrets]
    if shared.priority_class:
        spec["priorityClassName"] = shared.priority_class
    spec |= _place(placement)
    labels = {"metadata": {"labels": dict(shared.labels)}} if shared.labels else {}
    return {**labels, "spec": spec}


def _place(placement: Placement) -> Manifest:
    place: Manifest = {}
    if placement.node_selector:
        place["nodeSelector"] = dict(placement.node_selector)
    if placement.tolerations:
        place["tolerations"] = [{"key": key, "operator": "Exists"} for key in placement.tolerations]
    return place


def _build_volume(name: str, volume: Volume) -> Manifest:
    match volume.kind:
        case VolumeKind.claim:
            return {"name": name, "persistentVolumeClaim": {"claimName": volume.source}}
        case VolumeKind.secret:
            return {"name": name, "secret": {"secretName": volume.source}}
        case VolumeKind.configmap:
            return {"name": name, "configMap": {"name": volume.source}}
        case VolumeKind.scratch:
            return {"name": name, "emptyDir": {"sizeLimit": volume.source}}


def _build_container(shared: PodSettings, name: str, machine: PodResources) -> Manifest:
    amounts = {
        "cpu": str(machine.cpus),
        "memory": machine.memory,
        **({machine.gpu_resource: str(machine.gpus)} if machine.gpus else {}),
    }
    container: Manifest = {
        "name": name,
        "image": shared.image,
        "env": _build_environment(shared),
        "resources": {"requests": dict(amounts), "limits": dict(amounts)},
        "volumeMounts": [
            {"name": "shm", "mountPath": "/dev/shm"},
            *([{"name": "studies", "mountPath": shared.mount}] if shared.claim else []),
            *(
                {"name": f"volume-{number}", "mountPath": one.mount, **({"readOnly": True} if one.is_read_only else {})}
                for number, one in enumerate(shared.volumes, 1)
            ),
        ],
        "securityContext": _confine(),
    }
    if shared.storage_secret:
        container["envFrom"] = [{"secretRef": {"name": shared.storage_secret}}]
    if name == "ray-head":
        ports = {"gcs-server": 6379, "dashboard": 8265, "client": 10001}
        container["ports"] = [{"name": port, "containerPort": number} for port, number in ports.items()]
    return container


def _build_environment(shared: PodSettings) -> list[Manifest]:
    """The environment variables of every container; secrets are references, never values."""
    plain = {**OWN_ENVIRONMENT, **dict(shared.environment)}
    environment: list[Manifest] = [{"name": name, "value": value} for name, value in plain.items()]
    if shared.wandb_secret:
        reference = {"secretKeyRef": {"name": shared.wandb_secret, "key": _WANDB_KEY}}
        environment.append({"name": WANDB_VARIABLE, "valueFrom": reference})
    return environment


def _confine() -> Manifest:
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
