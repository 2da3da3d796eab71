"""A Kubernetes cluster with the KubeRay operator: the search is sent as one RayJob, which starts Ray in pods."""

from __future__ import annotations

import shlex
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from math import inf

from paretoseg.cluster.cluster import BatchConfig, JobState, Submission, SubmittedJob, Ticket
from paretoseg.cluster.kubernetes.api import RayJobs
from paretoseg.cluster.kubernetes.checks import JobRequest, find_request_faults
from paretoseg.cluster.kubernetes.job_status import follow_job, read_status
from paretoseg.cluster.kubernetes.manifest import (
    Manifest,
    PodResources,
    PodSettings,
    RayJob,
    build_manifest,
    is_same,
    name_job,
    to_yaml,
)
from paretoseg.cluster.kubernetes.manifest_rules import find_faults
from paretoseg.cluster.resources import Resources

_WAIT_SECONDS = 600
"""How long the search waits for the head of its Ray, in seconds."""


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

    min_workers: int = 0
    """Smallest number of worker pods."""

    max_workers: int = 2
    """Largest number of worker pods; pods are added when trials wait and removed when idle."""

    cpus: int = 4
    """CPU cores of a worker."""

    gpus: int = 0
    """GPUs of a worker."""

    memory: str = "16Gi"
    """Memory of a worker."""

    head_cpus: int = 2
    """CPU cores of the head, which runs the search but no trials."""

    head_memory: str = "8Gi"
    """Memory of the head."""

    shared_memory: str = "1Gi"
    """Size of /dev/shm in every pod; part of its memory."""

    queue: str = ""
    """Kueue's LocalQueue to wait in; there are then always max_workers workers. Empty for none."""

    wandb_secret: str = ""
    """Secret that holds the key of Weights & Biases as api-key; empty for none."""

    service_account: str = ""
    """Service account of the pods; empty for the namespace's."""

    pull_secret: str = ""
    """Secret for pulling the image; empty for none."""

    node_selector: list[str] = field(default_factory=list)
    """Labels of the nodes for workers, such as disk:ssd."""

    tolerations: list[str] = field(default_factory=list)
    """Keys of taints that workers tolerate, such as nvidia.com/gpu."""

    retries: int = 3
    """How often the operator restarts the job when the head dies; finished trials are kept."""

    lock_wait_s: float = 120.0
    """How long an attempt waits for the study's lock, in seconds; an earlier one that was killed held it."""

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
        return self.gpus * self.max_workers

    def render(self, submission: Submission) -> str:
        """The RayJob as YAML.

        Raises:
            ValueError: with all missing or wrong settings in one message.
        """
        return to_yaml(self._build(submission))

    def submit(self, submission: Submission) -> Ticket:
        """Applies the RayJob; deletes an ended job of the same study first, and leaves a running one alone.

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
            if found is not None:
                jobs.delete(name)
            jobs.apply(manifest)
        return Ticket("kubernetes", name, socket.gethostname(), time.time(), _show(self.namespace, name))

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
        manifest = build_manifest(job) if not faults else {}
        faults = faults or find_faults(manifest)
        if faults:
            raise ValueError("cluster=kubernetes cannot send this job: " + "; ".join(faults))
        return manifest

    def _to_job(self, submission: Submission) -> RayJob:
        return RayJob(
            name=self._name(submission),
            namespace=self.namespace,
            study=submission.study,
            entrypoint=self._write_entrypoint(submission),
            ray_version=self.ray_version or version("ray"),
            head=PodResources(self.head_cpus, 0, self.head_memory),
            worker=PodResources(self.cpus, self.gpus, self.memory),
            num_workers=(self.min_workers, self.max_workers),
            pod_settings=self._pod_settings(),
            queue=self.queue,
            retries=self.retries,
            keep_s=self.keep_min * 60,
        )

    def _name(self, submission: Submission) -> str:
        place = submission.location if "://" in submission.location else f"{self.claim}:{self.mount}"
        return name_job(submission.study, f"{self.namespace}\0{place}")

    def _pod_settings(self) -> PodSettings:
        return PodSettings(
            image=self.image,
            shared_memory=self.shared_memory,
            claim=self.claim,
            mount=self.mount,
            storage_secret=self.storage_secret,
            wandb_secret=self.wandb_secret,
            pull_secret=self.pull_secret,
            service_account=self.service_account,
            node_selector=tuple(_split_label(label) for label in self.node_selector),
            tolerations=tuple(self.tolerations),
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


def _split_label(text: str) -> tuple[str, str]:
    """Name and value of a label; the checks refuse an empty name."""
    name, colon, value = text.partition(":")
    return (name, value) if colon else ("", text)
