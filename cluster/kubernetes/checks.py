"""Checks the settings of a Kubernetes job before a manifest is made of them; messages name the config keys."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from paretoseg.cluster.cluster import Submission
from paretoseg.cluster.kubernetes.job import Placement, PodGroup, RayJob, Volume, VolumeKind
from paretoseg.cluster.kubernetes.manifest import OWN_ENVIRONMENT, WANDB_VARIABLE
from paretoseg.cluster.kubernetes.names import is_label, is_label_value, is_mount, is_qualified, is_subdomain
from paretoseg.cluster.kubernetes.quantity import parse_quantity
from paretoseg.cluster.uri_keys import holds_key

_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_VERSION = re.compile(r"(\d+)\.(\d+)\.\d+\S*")
_TOKEN_VERSION = (2, 52)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOOKS_SECRET = re.compile(r"(key|token|secret|password|credential)s?$", re.IGNORECASE)
_OWNED_LABELS = re.compile(r"(app\.kubernetes\.io|kueue\.x-k8s\.io|ray\.io)/.*")
_GROUP_NAME = re.compile(r"[a-z]([-a-z0-9]{0,29}[a-z0-9])?")
_LEAST_BYTES = 2**26


@dataclass(frozen=True)
class JobRequest:
    """A job and the search that it runs."""

    job: RayJob
    submission: Submission


def find_request_faults(request: JobRequest) -> list[str]:
    """All missing or wrong settings, one message each with the key to set; empty if there are none."""
    checks = (
        _check_image,
        _check_storage,
        _check_volumes,
        _check_names,
        _check_texts,
        _check_numbers,
        _check_queue,
        _check_groups,
        _check_memory,
    )
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
    if shared.claim and not is_mount(shared.mount):
        yield f"cluster.mount must be an absolute path of its own, such as /studies, got {shared.mount!r}"


def _check_volumes(request: JobRequest) -> Iterator[str]:
    shared = request.job.pod_settings
    mounts = [shared.mount] if shared.claim else []
    for volume in shared.volumes:
        if not volume.source:
            yield (
                "cluster.volumes must be <kind>/<name>:<path> or <kind>/<name>:<path>:ro, such as "
                f"claim/images:/data:ro; kinds are {', '.join(VolumeKind)}"
            )
            continue
        yield from _check_source(volume)
        if not is_mount(volume.mount):
            yield f"cluster.volumes must have absolute paths of their own, such as /data, got {volume.mount!r}"
        mounts.append(volume.mount)
    for mount in sorted({mount for mount in mounts if mounts.count(mount) > 1}):
        yield f"cluster.volumes and cluster.mount must name each path once, got {mount!r} more than once"


def _check_source(volume: Volume) -> Iterator[str]:
    if volume.kind is VolumeKind.scratch:
        _, fault = _read_memory("volumes", volume.source)
        yield from fault
    elif not is_subdomain(volume.source):
        yield f"cluster.volumes must name things by lower-case letters, digits, '-' or '.', got {volume.source!r}"


def _check_names(request: JobRequest) -> Iterator[str]:
    job, shared = request.job, request.job.pod_settings
    if not is_label(job.namespace):
        yield f"cluster.namespace must be at most 63 lower-case letters, digits or '-', got {job.namespace!r}"
    names = [(key, getattr(shared, key)) for key in ("claim", "storage_secret", "wandb_secret")]
    names += [("service_account", shared.service_account), ("priority_class", shared.priority_class)]
    for key, name in names:
        if name and not is_subdomain(name):
            yield f"cluster.{key} must be lower-case letters, digits, '-' or '.', got {name!r}"
    for name in shared.pull_secrets:
        if not is_subdomain(name) or shared.pull_secrets.count(name) > 1:
            yield (
                "cluster.pull_secret must be names of lower-case letters, digits, '-' or '.', each once, separated by "
                f"commas, got {name!r}"
            )
    if request.submission.is_tracked_online and not shared.wandb_secret:
        yield "tracking.mode=online needs the key of Weights & Biases, set cluster.wandb_secret=<name of a Secret>"


def _check_queue(request: JobRequest) -> Iterator[str]:
    job = request.job
    for key, name in (("queue", job.queue), ("queue_priority", job.queue_priority)):
        if name and (len(name) > 63 or not is_subdomain(name)):
            yield f"cluster.{key} must be at most 63 lower-case letters, digits, '-' or '.', got {name!r}"
    if not job.queue and (job.queue_priority or job.is_elastic):
        key = "queue_priority" if job.queue_priority else "queue_elastic"
        yield f"cluster.{key} is for jobs in a queue of Kueue, set cluster.queue=<name of a LocalQueue>"


def _check_texts(request: JobRequest) -> Iterator[str]:
    """Labels and environment variables."""
    shared = request.job.pod_settings
    yield from _check_labels("cluster.labels", "labels, such as team:imaging", shared.labels)
    for name, _ in shared.labels:
        if _OWNED_LABELS.fullmatch(name):
            yield f"cluster.labels must not set {name!r}, which the job, KubeRay or Kueue sets"
    owned = {*OWN_ENVIRONMENT, WANDB_VARIABLE}
    names = [name for name, _ in shared.environment]
    for name, value in shared.environment:
        if not _VARIABLE.fullmatch(name) or not value.isprintable():
            yield f"cluster.environment must be NAME=value without line breaks, got {f'{name}={value}'.lstrip('=')!r}"
        elif name in owned or name.startswith("RAY_AUTH_"):
            yield f"cluster.environment must not set {name}, the job sets it itself"
        elif _LOOKS_SECRET.search(name):
            yield (
                f"cluster.environment must not hold secrets such as {name}; put it into the Secret that "
                "cluster.storage_secret names"
            )
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        yield f"cluster.environment must name each variable once, got {name!r} more than once"


def _check_labels(key: str, what: str, labels: Sequence[tuple[str, str]]) -> Iterator[str]:
    for name, value in labels:
        if not is_qualified(name) or not is_label_value(value):
            label = f"{name}:{value}" if name else value
            yield f"{key} must be {what}, got {label!r}"
    names = [name for name, _ in labels]
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        yield f"{key} must name each label once, got {name!r} more than once"


def _check_placement(key: str, placement: Placement) -> Iterator[str]:
    yield from _check_labels(f"{key}.node_selector", "labels of nodes, such as disk:ssd", placement.node_selector)
    for name in placement.tolerations:
        if not is_qualified(name):
            yield f"{key}.tolerations must be keys of taints, such as nvidia.com/gpu, got {name!r}"


def _check_numbers(request: JobRequest) -> Iterator[str]:
    job = request.job
    floors = (
        ("head_cpus", job.head.cpus, 1),
        ("retries", job.retries, 0),
        ("keep_min", job.keep_s // 60, 0),
        ("deadline_min", job.deadline_s // 60, 0),
    )
    yield from _check_floors("cluster", floors)


def _check_floors(key: str, floors: Sequence[tuple[str, int, int]]) -> Iterator[str]:
    for name, value, least in floors:
        if value < least:
            yield f"{key}.{name} must be at least {least}, got {value}"


def _check_groups(request: JobRequest) -> Iterator[str]:
    groups = request.job.groups
    names = [group.name for group in groups]
    for number, group in enumerate(groups):
        if number and not _GROUP_NAME.fullmatch(group.name):
            yield (
                "cluster.groups must have names of at most 31 lower-case letters, digits or '-' that start with a "
                f"letter, got {group.name!r}"
            )
        yield from _check_group("cluster" if not number else f"cluster.groups[{number - 1}]", group, request)
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"cluster.groups must have different names, and none is '{names[0]}', got {name!r} more than once"


def _check_group(key: str, group: PodGroup, request: JobRequest) -> Iterator[str]:
    wanted, machine = request.submission.resources, group.machine
    fewest, most = group.num_workers
    floors = (
        ("cpus", machine.cpus, 1),
        ("gpus", machine.gpus, 0),
        ("min_workers", fewest, 0),
        ("max_workers", most, 1),
    )
    yield from _check_floors(key, floors)
    if fewest > most:
        yield f"{key}.min_workers must not be above {key}.max_workers, got {fewest} and {most}"
    if wanted.cpus > machine.cpus:
        yield f"a trial needs resources.cpus={wanted.cpus:g}, but a worker has {key}.cpus={machine.cpus}"
    if wanted.gpus > machine.gpus:
        yield f"a trial needs resources.gpus={wanted.gpus:g}, but a worker has {key}.gpus={machine.gpus}; raise it"
    if "/" not in machine.gpu_resource or not is_qualified(machine.gpu_resource):
        yield f"{key}.gpu_resource must be <domain>/<name>, such as nvidia.com/gpu, got {machine.gpu_resource!r}"
    yield from _check_placement(key, group.placement)


def _check_memory(request: JobRequest) -> Iterator[str]:
    job, first = request.job, request.job.groups[0].machine
    pods = [("memory", first.memory, "shared_memory", first.shared_memory)]
    # Without a size of its own, the head has that of the workers.
    shared = "shared_memory" if job.head.shared_memory == first.shared_memory else "head_shared_memory"
    pods += [("head_memory", job.head.memory, shared, job.head.shared_memory)]
    pods += [
        (f"groups[{number}].memory", group.machine.memory, "shared_memory", group.machine.shared_memory)
        for number, group in enumerate(job.groups[1:])
        if group.machine.memory != first.memory
    ]
    said: set[str] = set()
    for key, memory, shared_key, shared_memory in pods:
        amount, faults = _read_memory(key, memory)
        shared_amount, shared_faults = _read_memory(shared_key, shared_memory)
        if amount is not None and shared_amount is not None and shared_amount >= amount:
            faults.append(f"cluster.{shared_key} is part of cluster.{key} and must be below it, got {shared_memory!r}")
        yield from (fault for fault in [*faults, *shared_faults] if fault not in said)
        said.update(faults, shared_faults)


def _read_memory(key: str, text: str) -> tuple[Decimal | None, list[str]]:
    """An amount of memory or of disk, and what is wrong with it."""
    try:
        amount = parse_quantity(text)
    except ValueError as error:
        return None, [f"cluster.{key} {error}"]
    is_little = amount < _LEAST_BYTES
    return amount, [f"cluster.{key} must be at least 64Mi, got {text!r}"] if is_little else []
