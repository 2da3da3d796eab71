"""Checks the settings of a Kubernetes job before a manifest is made of them; messages name the config keys."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from paretoseg.cluster.cluster import Submission
from paretoseg.cluster.kubernetes.manifest import RayJob
from paretoseg.cluster.kubernetes.pod_rules import is_label, is_subdomain
from paretoseg.cluster.kubernetes.quantity import parse_quantity
from paretoseg.cluster.uri_keys import holds_key

_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_QUALIFIED = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_MOUNT = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._-]*)+")
_OWNED_FOLDERS = ("/dev", "/proc", "/sys", "/tmp/ray")
_OWNED_MOUNTS = ("/bin", "/etc", "/home", "/lib", "/opt", "/root", "/tmp", "/usr", "/var")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_VERSION = re.compile(r"(\d+)\.(\d+)\.\d+\S*")
_TOKEN_VERSION = (2, 52)


@dataclass(frozen=True)
class JobRequest:
    """A job and the search that it runs."""

    job: RayJob
    submission: Submission


def find_request_faults(request: JobRequest) -> list[str]:
    """All missing or wrong settings, one message each with the key to set; empty if there are none."""
    checks = (_check_image, _check_storage, _check_names, _check_placement, _check_workers, _check_memory)
    return [fault for check in checks for fault in check(request)]


def _check_image(request: JobRequest) -> Iterator[str]:
    image, ray = request.job.pod_settings.image, _VERSION.fullmatch(request.job.ray_version)
    if not image:
        yield "cluster.image is missing, set cluster.image=<registry>/<name>:<tag>"
    elif not _IMAGE.fullmatch(image):
        yield f"cluster.image must be <registry>/<name>:<tag>, got {image!r}"
    if ray is None or (int(ray[1]), int(ray[2])) < _TOKEN_VERSION:
        yield f"cluster.ray_version must be 2.52.0 or later, for token authentication, got {request.job.ray_version!r}"


def _check_storage(request: JobRequest) -> Iterator[str]:
    """The study needs exactly one location that all pods see."""
    location, shared = request.submission.location, request.job.pod_settings
    is_uri = "://" in location and not location.startswith("file:")
    if is_uri and shared.claim:
        yield "the study can be in cluster.claim or at the URI in storage, but both are given; leave one out"
    elif not is_uri and not shared.claim:
        yield (
            "pods cannot see this machine's disk, so the study needs a location; set cluster.claim=<name of a "
            "PersistentVolumeClaim> or storage=<URI>, such as s3://bucket/studies"
        )
    elif shared.claim and location != os.path.abspath(os.path.join("studies", request.submission.study)):
        yield "with cluster.claim studies are stored at cluster.mount, so leave storage out"
    if is_uri and holds_key(location):
        yield "storage contains a key, which every user who may read the job would see; use cluster.storage_secret"
    if shared.claim:
        is_owned = any(f"{shared.mount}/".startswith(f"{place}/") for place in _OWNED_FOLDERS)
        if not _MOUNT.fullmatch(shared.mount) or is_owned or shared.mount in _OWNED_MOUNTS:
            yield f"cluster.mount must be an absolute path of its own, such as /studies, got {shared.mount!r}"


def _check_names(request: JobRequest) -> Iterator[str]:
    job, shared = request.job, request.job.pod_settings
    if not is_label(job.namespace):
        yield f"cluster.namespace must be at most 63 lower-case letters, digits or '-', got {job.namespace!r}"
    for key in ("claim", "storage_secret", "wandb_secret", "pull_secret", "service_account"):
        name = getattr(shared, key)
        if name and not is_subdomain(name):
            yield f"cluster.{key} must be lower-case letters, digits, '-' or '.', got {name!r}"
    if job.queue and (len(job.queue) > 63 or not is_subdomain(job.queue)):
        yield f"cluster.queue must be at most 63 lower-case letters, digits, '-' or '.', got {job.queue!r}"
    if request.submission.is_tracked_online and not shared.wandb_secret:
        yield "tracking.mode=online needs the key of Weights & Biases, set cluster.wandb_secret=<name of a Secret>"


def _check_placement(request: JobRequest) -> Iterator[str]:
    shared = request.job.pod_settings
    for name, value in shared.node_selector:
        if not _QUALIFIED.fullmatch(name) or not _LABEL_VALUE.fullmatch(value):
            label = f"{name}:{value}" if name else value
            yield f"cluster.node_selector must be labels of nodes, such as disk:ssd, got {label!r}"
    names = [name for name, _ in shared.node_selector]
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        yield f"cluster.node_selector must name each label once, got {name!r} more than once"
    for name in shared.tolerations:
        if not _QUALIFIED.fullmatch(name):
            yield f"cluster.tolerations must be keys of taints, such as nvidia.com/gpu, got {name!r}"


def _check_workers(request: JobRequest) -> Iterator[str]:
    job, wanted = request.job, request.submission.resources
    fewest, most = job.num_workers
    floors = (
        ("cpus", job.worker.cpus, 1),
        ("gpus", job.worker.gpus, 0),
        ("head_cpus", job.head.cpus, 1),
        ("min_workers", fewest, 0),
        ("max_workers", most, 1),
        ("retries", job.retries, 0),
        ("keep_min", job.keep_s // 60, 0),
    )
    for key, value, least in floors:
        if value < least:
            yield f"cluster.{key} must be at least {least}, got {value}"
    if fewest > most:
        yield f"cluster.min_workers must not be above cluster.max_workers, got {fewest} and {most}"
    if wanted.cpus > job.worker.cpus:
        yield f"a trial needs resources.cpus={wanted.cpus:g}, but a worker has cluster.cpus={job.worker.cpus}"
    if wanted.gpus > job.worker.gpus:
        yield f"a trial needs resources.gpus={wanted.gpus:g}, but a worker has cluster.gpus={job.worker.gpus}; raise it"


def _check_memory(request: JobRequest) -> Iterator[str]:
    job = request.job
    amounts: dict[str, Decimal] = {}
    shared = job.pod_settings.shared_memory
    texts = {"memory": job.worker.memory, "head_memory": job.head.memory, "shared_memory": shared}
    for key, text in texts.items():
        try:
            amounts[key] = parse_quantity(text)
        except ValueError as error:
            yield f"cluster.{key} {error}"
            continue
        if amounts[key] < 2**26:
            yield f"cluster.{key} must be at least 64Mi, got {text!r}"
    for key in ("memory", "head_memory"):
        if key in amounts and "shared_memory" in amounts and amounts["shared_memory"] >= amounts[key]:
            yield f"cluster.shared_memory is part of cluster.{key} and must be below it, got {shared!r}"
