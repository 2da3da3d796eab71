"""How many GPUs a trial gets if the user does not say: one where there is one."""

from __future__ import annotations

from omegaconf import DictConfig, OmegaConf

from paretoseg.cluster.cluster import ClusterConfig

KEY = "resources.gpus"
AUTO = "auto"
_UNSETTLED = -1.0
"""What the config holds for `auto` until it is settled: the key is a number."""


def read_auto(key: str, line: str) -> str:
    """The override that Hydra can read: `resources.gpus=auto` becomes a number, all others stay."""
    return f"{KEY}={_UNSETTLED:g}" if key == KEY and line.partition("=")[2] == AUTO else line


def settle_gpus(config: DictConfig) -> None:
    """Replaces `auto`, in place: a GPU for each worker of a trial if there are as many, else none.

    What a study keeps is a number, so a study that began without GPUs goes on without.
    """
    if OmegaConf.select(config, KEY) != _UNSETTLED:
        return
    cluster = OmegaConf.to_object(config.cluster)
    assert isinstance(cluster, ClusterConfig)
    workers = max(config.resources.workers, 1)
    OmegaConf.update(config, KEY, float(workers if cluster.count_gpus() >= workers else 0))
