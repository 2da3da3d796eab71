"""What a RayJob is made of, before it becomes a manifest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

GPU = "nvidia.com/gpu"


@dataclass(frozen=True)
class PodResources:
    """The resources of one pod."""

    cpus: int
    gpus: int
    memory: str
    """A Kubernetes quantity, such as 16Gi."""

    shared_memory: str
    """Size of /dev/shm, a Kubernetes quantity; it counts towards the pod's memory."""

    gpu_resource: str = GPU
    """What GPUs are called, such as amd.com/gpu or nvidia.com/mig-1g.10gb."""


@dataclass(frozen=True)
class Placement:
    """On which nodes of the cluster pods may run."""

    node_selector: tuple[tuple[str, str], ...] = ()
    tolerations: tuple[str, ...] = ()


@dataclass(frozen=True)
class PodGroup:
    """Workers of one kind."""

    name: str
    machine: PodResources
    num_workers: tuple[int, int]
    """Fewest and most of them."""

    placement: Placement = Placement()


class VolumeKind(StrEnum):
    """What a volume is made of."""

    claim = "claim"
    secret = "secret"
    configmap = "configmap"
    scratch = "scratch"


@dataclass(frozen=True)
class Volume:
    """A volume that all pods mount."""

    kind: VolumeKind
    source: str
    """Name of the claim, Secret or ConfigMap; for scratch its size, a Kubernetes quantity."""

    mount: str
    is_read_only: bool = False


@dataclass(frozen=True)
class PodSettings:
    """The settings that all pods of the job share."""

    image: str
    claim: str = ""
    """Name of the PersistentVolumeClaim that holds the studies, or ''."""

    mount: str = ""
    """Where the claim is mounted."""

    storage_secret: str = ""
    """Name of a Secret whose keys become environment variables, or ''."""

    wandb_secret: str = ""
    """Name of the Secret with W&B's key, or ''."""

    pull_secrets: tuple[str, ...] = ()
    service_account: str = ""
    priority_class: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    volumes: tuple[Volume, ...] = ()


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
    groups: tuple[PodGroup, ...]
    """One or more."""

    pod_settings: PodSettings
    queue: str = ""
    """Name of Kueue's LocalQueue, or ''."""

    queue_priority: str = ""
    """Name of Kueue's WorkloadPriorityClass, or ''."""

    is_elastic: bool = False
    """True if Kueue admits workers that come later, so that a job in a queue may scale, too."""

    retries: int = 0
    keep_s: int = 0
    """How long the pods stay after the end, in seconds."""

    deadline_s: int = 0
    """After how many seconds the operator ends the job; 0 for never."""

    @property
    def scales(self) -> bool:
        """True if workers come and go."""
        return not self.queue or self.is_elastic
