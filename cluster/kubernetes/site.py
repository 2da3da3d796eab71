"""Looks whether a Kubernetes cluster has what a job asks for; starts a tiny pod only if it is asked to."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from paretoseg.cluster.kubernetes.api import RayJobs
from paretoseg.cluster.kubernetes.job import PodResources, RayJob, VolumeKind
from paretoseg.cluster.kubernetes.manifest import Manifest
from paretoseg.cluster.kubernetes.quantity import parse_quantity
from paretoseg.cluster.site_check import SiteCheck

_POD_SECONDS, _POLL_SECONDS = 240.0, 2.0
_CANNOT_WRITE, _CANNOT_IMPORT = 11, 12
_STUCK = (
    "CreateContainerConfigError", "CreateContainerError", "ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff",
    "InvalidImageName", "RunContainerError",
)  # fmt: skip


@dataclass(frozen=True)
class SiteRequest:
    """A job, and its manifest."""

    job: RayJob
    manifest: Manifest


def check_site(
    jobs: RayJobs, request: SiteRequest, *, with_job: bool, sleep: Callable[[float], None] = time.sleep
) -> Iterator[SiteCheck]:
    """Looks at the operator, the server's verdict, claims, Secrets, queue, GPUs and quota, in this order.

    Raises:
        ValueError: if the cluster cannot be reached or does not know RayJobs.
    """
    jobs.find(request.job.name)
    yield SiteCheck("KubeRay", True, f"the cluster knows RayJobs, and you may read them in {request.job.namespace}")
    try:
        jobs.rehearse(request.manifest)
        yield SiteCheck("job", True, "the server would take it (dry run)")
    except ValueError as error:
        yield SiteCheck("job", False, str(error), "change the keys that the reason is about")
    yield from _check_objects(jobs, request.job)
    yield _check_gpus(jobs, request.job)
    yield from _check_quotas(jobs, request.job)
    if with_job:
        yield _check_pod(jobs, request, sleep)
    else:
        text = "not tried: whether the image starts, and a pod can write to the studies"
        yield SiteCheck("worker", None, text, "add --job, which runs a small pod for some seconds")


def _check_objects(jobs: RayJobs, job: RayJob) -> Iterator[SiteCheck]:
    """Claims, Secrets and the queue that the job names."""
    shared, space = job.pod_settings, job.namespace
    claims = [one.source for one in shared.volumes if one.kind is VolumeKind.claim]
    for name in filter(None, dict.fromkeys([shared.claim, *claims])):
        status, found = jobs.ask_core(
            lambda core, name=name: core.read_namespaced_persistent_volume_claim(name, space)  # type: ignore[misc]
        )
        yield _judge_claim(name, status, found, is_written=name == shared.claim)
    secrets = [shared.storage_secret, shared.wandb_secret, *shared.pull_secrets]
    secrets += [one.source for one in shared.volumes if one.kind is VolumeKind.secret]
    for name in filter(None, dict.fromkeys(secrets)):
        status, found = jobs.ask_core(
            lambda core, name=name: core.read_namespaced_secret(name, space)  # type: ignore[misc]
        )
        yield _judge_presence("Secret", name, status, found, f"create it: kubectl -n {space} create secret ...")
    if job.queue:
        status, found = jobs.ask_queue(job.queue)
        fix = f"set cluster.queue to one of kubectl -n {space} get localqueues"
        yield _judge_presence("LocalQueue", job.queue, status, found, fix)


def _judge_presence(kind: str, name: str, status: int, found: Any, fix: str) -> SiteCheck:
    match status:
        case 200:
            return SiteCheck(kind, True, f"{name} is there")
        case 404:
            return SiteCheck(kind, False, f"there is no {kind} {name}", fix)
    return SiteCheck(kind, None, f"cannot see {name}: {found}", "ask the administrator whether it is there")


def _judge_claim(name: str, status: int, found: Any, *, is_written: bool) -> SiteCheck:
    kind = "PersistentVolumeClaim"
    if status != 200:
        return _judge_presence(kind, name, status, found, "create it, as docs/kubernetes.md shows")
    phase = (found.get("status") or {}).get("phase", "")
    modes = (found.get("spec") or {}).get("accessModes") or []
    if phase == "Lost":
        return SiteCheck(kind, False, f"{name} has lost its volume", "create it again, or restore its volume")
    if is_written and "ReadWriteMany" not in modes:
        fix = "create one with accessModes: [ReadWriteMany], which pods on several nodes may mount"
        return SiteCheck(kind, False, f"{name} is {', '.join(modes)}: pods on other nodes cannot write to it", fix)
    return SiteCheck(kind, True, f"{name} is {phase or 'there'}, {', '.join(modes)}")


def _check_gpus(jobs: RayJobs, job: RayJob) -> SiteCheck:
    """Whether some node has as many GPUs as a worker asks for."""
    wanted = {(group.machine.gpu_resource, group.machine.gpus) for group in job.groups if group.machine.gpus}
    if not wanted:
        return SiteCheck("GPUs", True, "none are asked for")
    status, found = jobs.ask_core(lambda core: core.list_node())
    if status != 200:
        fix = "ask the administrator, or try it: pods wait as Pending where there are none"
        return SiteCheck("GPUs", None, f"cannot see the nodes: {found}", fix)
    most = Counter[str]()
    for node in found.get("items") or []:
        for name, amount in ((node.get("status") or {}).get("allocatable") or {}).items():
            most[name] = max(most[name], int(parse_quantity(str(amount))))
    for name, number in sorted(wanted):
        if most[name] < number:
            there = ", ".join(f"{count} {kind}" for kind, count in sorted(most.items()) if "/" in kind and count)
            text = f"no node has {number} {name}; the most on one are {there or 'no devices at all'}"
            fix = "set cluster.gpus and cluster.gpu_resource to what there is, unless the cluster adds nodes by itself"
            return SiteCheck("GPUs", False, text, fix)
    return SiteCheck("GPUs", True, ", ".join(f"a node has {number} {name}" for name, number in sorted(wanted)))


def _check_quotas(jobs: RayJobs, job: RayJob) -> Iterator[SiteCheck]:
    """Whether the quotas of the namespace leave room for the head and workers."""
    status, found = jobs.ask_core(lambda core: core.list_namespaced_resource_quota(job.namespace))
    if status != 200:
        yield SiteCheck("quota", None, f"cannot see it: {found}", f"kubectl -n {job.namespace} describe quota")
        return
    quotas = found.get("items") or []
    if not quotas:
        yield SiteCheck("quota", True, f"none in {job.namespace}")
    for quota in quotas:
        yield _judge_quota(quota, job)


def _judge_quota(quota: Mapping[str, Any], job: RayJob) -> SiteCheck:
    name, state = quota["metadata"]["name"], quota.get("status") or {}
    least, most = _sum_needs(job, 1), _sum_needs(job, None)
    short = []
    for key, hard in (state.get("hard") or {}).items():
        left = parse_quantity(str(hard)) - parse_quantity(str((state.get("used") or {}).get(key, "0")))
        resource = key.removeprefix("requests.").removeprefix("limits.")
        if least[resource] > left:
            text = f"{name} leaves {left.normalize():f} of {key}; the head and one worker need {least[resource]:f}"
            return SiteCheck("quota", False, text, "lower the size of pods, or ask the administrator for more")
        if most[resource] > left:
            short.append(key)
    if short:
        text = f"{name} leaves room for fewer workers than cluster.max_workers ({', '.join(short)})"
        return SiteCheck("quota", True, text, "the search runs on fewer; in a queue, or with min_workers, lower them")
    return SiteCheck("quota", True, f"{name} leaves room for all workers")


def _sum_needs(job: RayJob, num_workers: int | None) -> Counter[str]:
    """What the head and that many workers of the first group request, or all workers of all groups."""
    needs = _needs_of(job.head)
    for group in job.groups if num_workers is None else job.groups[:1]:
        number = group.num_workers[1] if num_workers is None else num_workers
        for key, amount in _needs_of(group.machine).items():
            needs[key] += amount * number
    return needs


def _needs_of(machine: PodResources) -> Counter[str]:
    needs: dict[str, Any] = {"pods": Decimal(1), "cpu": Decimal(machine.cpus), "memory": parse_quantity(machine.memory)}
    return Counter(needs | ({machine.gpu_resource: Decimal(machine.gpus)} if machine.gpus else {}))


def _check_pod(jobs: RayJobs, request: SiteRequest, sleep: Callable[[float], None]) -> SiteCheck:
    """Runs a pod with the image and volumes of a worker; deletes it at the end."""
    pod, space = build_pod(request), request.job.namespace
    name = pod["metadata"]["name"]
    status, found = jobs.ask_core(lambda core: core.create_namespaced_pod(space, pod))
    if status >= 300:
        return SiteCheck("worker", False, f"no pod can be created: {found}", "ask for the right to create pods")
    try:
        for _ in range(int(_POD_SECONDS / _POLL_SECONDS)):
            status, found = jobs.ask_core(lambda core: core.read_namespaced_pod(name, space))
            if status == 200 and (check := judge_pod(found, request.job)):
                return check
            sleep(_POLL_SECONDS)
        text = f"a pod of 1 core did not run within {_POD_SECONDS:g} s"
        return SiteCheck("worker", False, text, f"see kubectl -n {space} get events, and try again")
    finally:
        jobs.ask_core(lambda core: core.delete_namespaced_pod(name, space))


def build_pod(request: SiteRequest) -> Manifest:
    """A pod like a worker of the first group, but small, that writes to the studies and imports the package."""
    template = request.manifest["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["template"]
    [worker] = template["spec"]["containers"]
    mount, name = request.job.pod_settings.mount, f"paretoseg-doctor-{uuid.uuid4().hex[:8]}"
    write = f"touch {mount}/.{name} && rm {mount}/.{name} || exit {_CANNOT_WRITE}; "
    script = f"python -c 'import paretoseg, ray' || exit {_CANNOT_IMPORT}"
    amounts = {"cpu": "1", "memory": "2Gi"}
    container = {
        **worker,
        "name": "doctor",
        "command": ["sh", "-c", (write if request.job.pod_settings.claim else "") + script],
        "resources": {"requests": amounts, "limits": amounts},
    }
    spec = {**template["spec"], "containers": [container], "activeDeadlineSeconds": int(_POD_SECONDS)}
    # Sizes of shared memory are limits, and so may be above the memory of this pod.
    metadata = {"name": name, "namespace": request.job.namespace, **template.get("metadata", {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def judge_pod(pod: Mapping[str, Any], job: RayJob) -> SiteCheck | None:
    """What the state of that pod says; None if it still starts or runs."""
    state = pod.get("status") or {}
    containers = state.get("containerStatuses") or [{}]
    waiting = (containers[0].get("state") or {}).get("waiting") or {}
    if waiting.get("reason") in _STUCK:
        text = f"a pod cannot start: {waiting['reason']}: {(str(waiting.get('message') or '').splitlines() or [''])[0]}"
        return SiteCheck("worker", False, text, "check cluster.image, cluster.pull_secret and the Secrets")
    if state.get("phase") == "Succeeded":
        where = f" and writes to {job.pod_settings.mount}" if job.pod_settings.claim else ""
        return SiteCheck("worker", True, f"a pod starts from {job.pod_settings.image}, imports paretoseg{where}")
    if state.get("phase") != "Failed":
        return None
    code = ((containers[0].get("state") or {}).get("terminated") or {}).get("exitCode")
    if code == _CANNOT_WRITE:
        text = f"a pod cannot write to {job.pod_settings.mount}"
        return SiteCheck("worker", False, text, "let user and group 1000 write there, which pods run as")
    if code == _CANNOT_IMPORT:
        text = f"{job.pod_settings.image} has no Python that imports paretoseg and ray"
        return SiteCheck("worker", False, text, "build the image from the Dockerfile")
    said = state.get("reason") or f"exit code {code}"
    return SiteCheck("worker", False, f"a pod failed: {said}", "see kubectl get events")
