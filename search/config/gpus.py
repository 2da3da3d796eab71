"""How many GPUs a trial gets if the user does not say: one where there is one."""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import DictConfig, OmegaConf

from paretoseg.cluster.cluster import ClusterConfig
from paretoseg.trainables.task_config import TaskConfig

KEY = "resources.gpus"
AUTO = "auto"
_UNSETTLED = -1.0
"""What the config holds for `auto` until it is settled: the key is a number."""


def read_auto(key: str, line: str) -> str:
    """The override that Hydra can read: `resources.gpus=auto` becomes a number, all others stay."""
    return f"{KEY}={_UNSETTLED:g}" if key == KEY and line.partition("=")[2] == AUTO else line


def name_gpus(overrides: Sequence[str], gpus: float) -> list[str]:
    """The overrides with the settled number in place of `auto`, for a job: elsewhere, other GPUs would be counted."""
    is_auto = {f"{KEY}={AUTO}", f"{KEY}={_UNSETTLED:g}"}
    return [f"{KEY}={gpus:g}" if word in is_auto else word for word in overrides]


def settle_gpus(config: DictConfig) -> None:
    """Replaces `auto`, in place: a GPU for each worker of a trial if there are as many, and none for tasks without use.

    What a study keeps is a number, so a study that began without GPUs goes on without.
    """
    if OmegaConf.select(config, KEY) != _UNSETTLED:
        return
    cluster, task = OmegaConf.to_object(config.cluster), OmegaConf.get_type(config.task)
    assert isinstance(cluster, ClusterConfig)
    assert task is not None
    assert issubclass(task, TaskConfig)
    workers = max(config.resources.workers, 1)
    has_enough = task.uses_gpus and cluster.count_gpus() >= workers
    OmegaConf.update(config, KEY, float(workers if has_enough else 0))
