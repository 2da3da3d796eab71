"""A Kubernetes cluster with the KubeRay operator: the search is sent as one RayJob, which starts Ray in pods."""

from __future__ import annotations

import shlex
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from math import inf

from paretoseg.cluster.cluster import BatchConfig, JobState, Submission, SubmittedJob, Ticket
from paretoseg.cluster.kubernetes.api import RayJobs
from paretoseg.cluster.kubernetes.checks import JobRequest, find_request_faults
from paretoseg.cluster.kubernetes.job import GPU, Placement, PodGroup, PodResources, PodSettings, RayJob
from paretoseg.cluster.kubernetes.job_status import follow_job, read_status
from paretoseg.cluster.kubernetes.manifest import Manifest, build_manifest, is_same, name_job, to_yaml
from paretoseg.cluster.kubernetes.site import SiteRequest, check_site
from paretoseg.cluster.kubernetes.texts import read_label, read_variable, read_volume
from paretoseg.cluster.resources import Resources
from paretoseg.cluster.site_check import SiteCheck

_WAIT_SECONDS = 600
"""How long the search waits for the head of its Ray, in seconds."""

FIRST_GROUP = "trials"


@dataclass(unsafe_hash=True)
class WorkerGroup:
    """More workers, of another kind."""

    name: str = ""
    """Name of the group."""

    min_workers: int = 0
    """Smallest number of its pods."""

    max_workers: int = 1
    """Largest number of its pods."""

    cpus: int = 0
    """CPU cores of one; 0 for cluster.cpus."""

    gpus: int = -1
    """GPUs of one; -1 for cluster.gpus."""

    memory: str = ""
    """Memory of one; empty for cluster.memory."""

    gpu_resource: str = ""
    """What its GPUs are called; empty for cluster.gpu_resource."""

    node_selector: list[str] = field(default_factory=list)
    """Labels of its nodes, such as disk:ssd."""

    tolerations: list[str] = field(default_factory=list)
    """Keys of taints that it tolerates."""


@dataclass(unsafe_hash=True)
class KubernetesConfig(BatchConfig):
    """Pods of a Kubernetes cluster; run the command where kubectl works."""

    image: str = ""
    """Container image with paretoseg, as <registry>/<name>:<tag>."""

    namespace: str = "default"
    """Namespace of the job."""

    context: str = ""
    """Context of the kubeconfig; empty for the current one."""

    claim: str = ""
    """PersistentVolumeClaim that holds the studies; empty if storage is a URI."""

    mount: str = "/studies"
    """Where the claim is mounted in the pods; the studies' folder."""

    storage_secret: str = ""
    """Secret whose keys become environment variables, such as AWS_ACCESS_KEY_ID; empty for none."""

    volumes: list[str] = field(default_factory=list)
    """More volumes of every pod, such as claim/images:/data:ro; kinds are claim, secret, configmap and scratch."""

    environment: list[str] = field(default_factory=list)
    """Environment variables of every pod, such as HTTPS_PROXY=http://proxy:3128."""

    labels: list[str] = field(default_factory=list)
    """Labels of the job and its pods, such as team:imaging."""

    min_workers: int = 0
    """Smallest number of worker pods."""

    max_workers: int = 2
    """Largest number of worker pods; pods are added when trials wait and removed when idle."""

    cpus: int = 4
    """CPU cores of a worker."""

    gpus: int = 0
    """GPUs of a worker."""

    gpu_resource: str = GPU
    """What GPUs are called, such as amd.com/gpu or nvidia.com/mig-1g.10gb."""

    memory: str = "16Gi"
    """Memory of a worker."""

    groups: list[WorkerGroup] = field(default_factory=list)
    """More workers, of other kinds."""

    head_cpus: int = 2
    """CPU cores of the head, which runs the search but no trials."""

    head_memory: str = "8Gi"
    """Memory of the head."""

    shared_memory: str = "1Gi"
    """Size of /dev/shm in every pod; part of its memory."""

    head_shared_memory: str = ""
    """Size of /dev/shm in the head; empty for shared_memory."""

    queue: str = ""
    """Kueue's LocalQueue to wait in; there are then always max_workers workers. Empty for none."""

    queue_priority: str = ""
    """Kueue's WorkloadPriorityClass of the job; empty for none."""

    queue_elastic: bool = False
    """Whether workers come and go in a queue, too, where Kueue's gate ElasticJobsViaWorkloadSlices is on."""

    priority_class: str = ""
    """PriorityClass of the pods; empty for none."""

    wandb_secret: str = ""
    """Secret that holds the key of Weights & Biases as api-key; empty for none."""

    service_account: str = ""
    """Service account of the pods; empty for the namespace's."""

    pull_secret: str = ""
    """Secret for pulling the image, or several separated by commas; empty for none."""

    node_selector: list[str] = field(default_factory=list)
    """Labels of the nodes for workers, such as disk:ssd."""

    tolerations: list[str] = field(default_factory=list)
    """Keys of taints that workers tolerate, such as nvidia.com/gpu."""

    retries: int = 3
    """How often the operator restarts the job when the head dies; finished trials are kept."""

    lock_wait_s: float = 120.0
    """How long an attempt waits for the study's lock, in seconds; an earlier one that was killed held it."""

    deadline_min: int = 0
    """After how long the operator ends the job, in minutes; 0 for never."""

    keep_min: int = 10
    """How long the pods stay after the end, in minutes, so that their logs can be read."""

    ray_version: str = ""
    """Ray version in the image; empty for the version on this machine."""

    wait: bool = True
    """Whether the command waits for the end of the job."""

    @property
    def has_local_paths(self) -> bool:
        """False: pods do not see this machine's disk."""
        return False

    def __post_init__(self) -> None:
        if not 0 <= self.lock_wait_s < inf:
            raise ValueError(f"cluster.lock_wait_s must be finite and not negative, got {self.lock_wait_s:g}")

    def check(self, resources: Resources) -> None:
        """Nothing: the cluster finds or brings a machine for every pod."""

    def count_gpus(self) -> int:
        """Those of all workers."""
        return sum(group.machine.gpus * group.num_workers[1] for group in self._groups())

    def render(self, submission: Submission) -> str:
        """The RayJob as YAML.

        Raises:
            ValueError: with all missing or wrong settings in one message.
        """
        return to_yaml(self._build(submission))

    def submit(self, submission: Submission) -> Ticket:
        """Applies the RayJob if the server would take it; deletes an ended job of the same study before.

        A job that runs is left alone.

        Raises:
            ValueError: if the cluster cannot be reached or refuses, or another search of the study runs there.
        """
        manifest = self._build(submission)
        name = manifest["metadata"]["name"]
        jobs = RayJobs(self.namespace, self.context)
        found = jobs.find(name)
        if found is not None and not read_status(found).is_over:
            self._refuse_second(found, manifest)
        else:
            jobs.rehearse(manifest)  # before an ended job makes room
            if found is not None:
                jobs.delete(name)
            jobs.apply(manifest)
        return Ticket("kubernetes", name, socket.gethostname(), time.time(), _show(self.namespace, name))

    def check_site(self, submission: Submission, *, with_job: bool) -> Iterator[SiteCheck]:
        """Looks at the operator, claims, Secrets, queue, GPUs and quota; with a job also at the image and the claim."""
        try:
            manifest = self._build(submission)
            yield from check_site(
                RayJobs(self.namespace, self.context),
                SiteRequest(self._to_job(submission), manifest),
                with_job=with_job,
            )
        except ValueError as error:
            what, _, fix = str(error).rpartition("; ")
            yield SiteCheck("cluster", False, what or fix, fix if what else "change the keys that it names")

    def find_sent(self, submission: Submission) -> SubmittedJob:
        """The job of a study; its name follows from that of the study, the namespace, and the claim or URI.

        Raises:
            ValueError: if the study is neither on a claim nor at a URI.
        """
        if not self.claim and "://" not in submission.location:
            raise ValueError("the study is on a claim that is not named; add cluster.claim=<name>, as for search")
        name = self._name(submission)
        return SubmittedJob(
            f"RayJob {name} in namespace {self.namespace}",
            _show(self.namespace, name),
            lambda: _find_state(RayJobs(self.namespace, self.context), name),
            lambda: RayJobs(self.namespace, self.context).delete(name),
        )

    def follow(self, ticket: Ticket, show: Callable[[str], None]) -> int | None:
        """Waits for the end of the job, and returns the exit code of its search; None with `cluster.wait=false`."""
        if not self.wait:
            return None
        return follow_job(RayJobs(self.namespace, self.context), ticket.job, show)

    def _refuse_second(self, found: Manifest, manifest: Manifest) -> None:
        """Raises ValueError unless the running job is the same: then there is nothing to send, only to follow."""
        if is_same(found, manifest):
            return
        name = manifest["metadata"]["name"]
        is_same_search = found.get("spec", {}).get("entrypoint") == manifest["spec"]["entrypoint"]
        what = "this search, with other settings in cluster," if is_same_search else "another search of this study"
        raise ValueError(
            f"{what} is RayJob {name}, which {read_status(found).describe()}; wait for it, or end it with "
            f"kubectl -n {self.namespace} delete rayjob {name}"
        )

    def _build(self, submission: Submission) -> Manifest:
        job = self._to_job(submission)
        faults = find_request_faults(JobRequest(job, submission))
        if faults:
            raise ValueError("cluster=kubernetes cannot send this job: " + "; ".join(faults))
        return build_manifest(job)

    def _to_job(self, submission: Submission) -> RayJob:
        shared_memory = self.head_shared_memory or self.shared_memory
        return RayJob(
            name=self._name(submission),
            namespace=self.namespace,
            study=submission.study,
            entrypoint=self._write_entrypoint(submission),
            ray_version=self.ray_version or version("ray"),
            head=PodResources(self.head_cpus, 0, self.head_memory, shared_memory),
            groups=self._groups(),
            pod_settings=self._pod_settings(),
            queue=self.queue,
            queue_priority=self.queue_priority,
            is_elastic=self.queue_elastic,
            retries=self.retries,
            keep_s=self.keep_min * 60,
            deadline_s=self.deadline_min * 60,
        )

    def _groups(self) -> tuple[PodGroup, ...]:
        machine = PodResources(self.cpus, self.gpus, self.memory, self.shared_memory, self.gpu_resource)
        placement = _place(self.node_selector, self.tolerations)
        first = PodGroup(FIRST_GROUP, machine, (self.min_workers, self.max_workers), placement)
        return first, *map(self._to_group, self.groups)

    def _to_group(self, group: WorkerGroup) -> PodGroup:
        machine = PodResources(
            group.cpus or self.cpus,
            self.gpus if group.gpus == -1 else group.gpus,
            group.memory or self.memory,
            self.shared_memory,
            group.gpu_resource or self.gpu_resource,
        )
        placement = _place(group.node_selector, group.tolerations)
        return PodGroup(group.name, machine, (group.min_workers, group.max_workers), placement)

    def _name(self, submission: Submission) -> str:
        place = submission.location if "://" in submission.location else f"{self.claim}:{self.mount}"
        return name_job(submission.study, f"{self.namespace}\0{place}")

    def _pod_settings(self) -> PodSettings:
        return PodSettings(
            image=self.image,
            claim=self.claim,
            mount=self.mount,
            storage_secret=self.storage_secret,
            wandb_secret=self.wandb_secret,
            pull_secrets=tuple(self.pull_secret.split(",")) if self.pull_secret else (),
            service_account=self.service_account,
            priority_class=self.priority_class,
            labels=tuple(map(read_label, self.labels)),
            environment=tuple(map(read_variable, self.environment)),
            volumes=tuple(map(read_volume, self.volumes)),
        )

    def _write_entrypoint(self, submission: Submission) -> str:
        """The search command with cluster=attached; every word is quoted for the shell that runs it."""
        words = [word for word in submission.overrides if not (self.claim and word.startswith("storage="))]
        if self.claim:
            words.append(f"storage={self.mount}")
        attached = (
            "cluster=attached",
            f"cluster.wait_s={_WAIT_SECONDS}",
            f"cluster.lock_wait_s={self.lock_wait_s:g}",
            "cluster.keep_log=true",
            f"cluster.max_nodes={self.max_workers}",
            f"cluster.cpus={self.cpus}",
            f"cluster.gpus={self.gpus}",
            *_list_more_nodes(self._groups()[1:]),
        )
        return shlex.join(("paretoseg", "search", *words, *attached))


def _show(namespace: str, name: str) -> str:
    """The command that shows a job."""
    return f"kubectl -n {namespace} describe rayjob {name}"


def _find_state(jobs: RayJobs, name: str) -> JobState:
    found = jobs.find(name)
    if found is None:
        return JobState("there is no such job; was it sent with the same keys, and not deleted?", is_live=False)
    status = read_status(found)
    return JobState(status.describe(), is_live=not status.is_over)


def _place(node_selector: Sequence[str], tolerations: Sequence[str]) -> Placement:
    return Placement(tuple(map(read_label, node_selector)), tuple(tolerations))


def _list_more_nodes(groups: Sequence[PodGroup]) -> list[str]:
    """The key of `cluster=attached` that says which nodes come beside those of the first group."""
    nodes = [
        f"{{nodes:{group.num_workers[1]},cpus:{group.machine.cpus},gpus:{group.machine.gpus}}}" for group in groups
    ]
    return [f"cluster.more_nodes=[{','.join(nodes)}]"] if nodes else []
