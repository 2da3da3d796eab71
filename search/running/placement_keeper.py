"""Frees the resources of a trial's processes when the trial itself has died."""

from __future__ import annotations

from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


class PlacementKeeper:
    """An actor that outlives the trial: removes the placement group of its processes if the mailbox dies.

    The trial's own process may be killed at any time, its ranks with it, and Ray Train's controller dies with them.
    Then nobody is left who would free what they held, and the next trial would wait for it for ever. Ray Train's own
    cleaner needs Ray's dashboard, which is off.
    """

    def __init__(self) -> None:
        self._group: Any = None

    def keep(self, group: Any) -> None:
        """Remembers the placement group of the processes; every rank calls this before it works."""
        self._group = group

    def watch(self, mailbox: Any) -> None:
        """Waits until the group is closed in an orderly way, or its mailbox has died with the trial; then leaves."""
        try:
            ray.get(mailbox.wait_until_closed.remote())
        except RayError:
            if self._group is not None:
                ray.util.remove_placement_group(self._group)
        ray.actor.exit_actor()


def open_keeper(name: str) -> Any:
    """Starts a keeper that no process owns, so that it dies with none.

    Args:
        name: Unique in the cluster.
    """
    options = {"num_cpus": 0, "lifetime": "detached", "name": name, "max_concurrency": 2, **stay_here()}
    return ray.remote(PlacementKeeper).options(**options).remote()


def stay_here() -> dict[str, Any]:
    """Options of an actor that must not be lost with another node: it runs on the node of this process."""
    here = ray.get_runtime_context().get_node_id()
    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False)}
