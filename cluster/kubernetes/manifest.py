"""A KubeRay RayJob as a plain dict: a Ray cluster of pods, and the command that runs on it.

Only dicts are built here, and a YAML library writes them, so that no name or value can inject YAML.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

from paretoseg.cluster.cluster import OBJECT_STORE_BYTES, RAY_ENVIRONMENT

Manifest: TypeAlias = dict[str, Any]

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
_DIGEST = "paretoseg/digest"
GPU = "nvidia.com/gpu"
MAX_NAME_LENGTH = 47
"""The operator's limit for the name of a RayJob: it appends to the name, and the result must be a host name."""

_USER = 1000
"""Numeric user of the image; the group may write to the volume."""

_IDLE_SECONDS = 120
_WANDB_KEY = "api-key"


@dataclass(frozen=True)
class PodResources:
    """The resources of one pod."""

    cpus: int
    gpus: int
    memory: str
    """A Kubernetes quantity, such as 16Gi."""


@dataclass(frozen=True)
class PodSettings:
    """The settings that all pods of the job share."""

    image: str
    shared_memory: str
    """Size of /dev/shm, a Kubernetes quantity; it counts towards the pod's memory."""

    claim: str = ""
    """Name of the PersistentVolumeClaim that holds the studies, or ''."""

    mount: str = ""
    """Where the claim is mounted."""

    storage_secret: str = ""
    """Name of a Secret whose keys become environment variables, or ''."""

    wandb_secret: str = ""
    """Name of the Secret with W&B's key, or ''."""

    pull_secret: str = ""
    service_account: str = ""
    node_selector: tuple[tuple[str, str], ...] = ()
    tolerations: tuple[str, ...] = ()


@dataclass(frozen=True)
class RayJob:
    """Everything that goes into the manifest."""

    name: str
    namespace: str
    study: str
    entrypoint: str
    """One line for a POSIX shell."""

    ray_version: str
    head: PodResources
    worker: PodResources
    num_workers: tuple[int, int]
    """Fewest and most worker pods."""

    pod_settings: PodSettings
    queue: str = ""
    """Name of Kueue's LocalQueue, or ''."""

    retries: int = 0
    keep_s: int = 0
    """How long the pods stay after the end, in seconds."""


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
        },
        # Labels allow fewer characters than study names.
        "annotations": {"paretoseg/study": job.study},
    }
    spec: Manifest = {
        "entrypoint": job.entrypoint,
        # The operator submits the entrypoint by HTTP. A submitter pod would pass it through a second shell, which
        # removes quotes.
        "submissionMode": "HTTPMode",
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": job.keep_s,
        "backoffLimit": job.retries,
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
    # Kueue reserves a fixed number of pods and refuses jobs that autoscale.
    scaling: Manifest = (
        {}
        if job.queue
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
            "template": _build_pod(job, "ray-head", job.head),
        },
        "workerGroupSpecs": [_build_workers(job)],
    }


def _build_workers(job: RayJob) -> Manifest:
    fewest, most = job.num_workers if not job.queue else (job.num_workers[1],) * 2
    return {
        "groupName": "trials",
        "replicas": fewest,
        "minReplicas": fewest,
        "maxReplicas": most,
        "rayStartParams": _ray_start(),
        "template": _build_pod(job, "ray-worker", job.worker),
    }


def _ray_start() -> dict[str, str]:
    return {"object-store-memory": str(OBJECT_STORE_BYTES)}


def _build_pod(job: RayJob, name: str, machine: PodResources) -> Manifest:
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
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": shared.shared_memory}},
            *([{"name": "studies", "persistentVolumeClaim": {"claimName": shared.claim}}] if shared.claim else []),
        ],
    }
    if shared.service_account:
        spec["serviceAccountName"] = shared.service_account
    if shared.pull_secret:
        spec["imagePullSecrets"] = [{"name": shared.pull_secret}]
    if machine.gpus or not job.worker.gpus:
        # The head needs no GPU, so it must not run on a node with one.
        spec |= _place(shared)
    return {"spec": spec}


def _place(shared: PodSettings) -> Manifest:
    place: Manifest = {}
    if shared.node_selector:
        place["nodeSelector"] = dict(shared.node_selector)
    if shared.tolerations:
        place["tolerations"] = [{"key": key, "operator": "Exists"} for key in shared.tolerations]
    return place


def _build_container(shared: PodSettings, name: str, machine: PodResources) -> Manifest:
    amounts = {
        "cpu": str(machine.cpus),
        "memory": machine.memory,
        **({GPU: str(machine.gpus)} if machine.gpus else {}),
    }
    container: Manifest = {
        "name": name,
        "image": shared.image,
        "env": _build_environment(shared),
        "resources": {"requests": dict(amounts), "limits": dict(amounts)},
        "volumeMounts": [
            {"name": "shm", "mountPath": "/dev/shm"},
            *([{"name": "studies", "mountPath": shared.mount}] if shared.claim else []),
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
    plain = {"PYTHONUNBUFFERED": "1", **RAY_ENVIRONMENT}
    environment: list[Manifest] = [{"name": name, "value": value} for name, value in plain.items()]
    if shared.wandb_secret:
        reference = {"secretKeyRef": {"name": shared.wandb_secret, "key": _WANDB_KEY}}
        environment.append({"name": "WANDB_API_KEY", "valueFrom": reference})
    return environment


def _confine() -> Manifest:
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
