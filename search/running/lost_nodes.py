"""Which lost jobs were lost with their nodes, as where nodes are preempted: a trial is not to blame for these."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import ray
from ray._private import state
from ray.exceptions import RayActorError, RayError

from paretoseg.search.running.worker import Job

MAX_NODES = 20
"""How many nodes a job may be lost with: one that takes its node down wherever it runs must end."""


def find_node(error: Exception | None) -> str:
    """The node of the process whose end an error reports, or '' if that is not known."""
    actor_id = error.actor_id if isinstance(error, RayActorError) else None
    if not actor_id:
        return ""
    found = state.actors(actor_id) or {}
    return str((found.get("Address") or {}).get("NodeID") or "")


def list_gone_nodes() -> Collection[str]:
    """The nodes that have left the cluster."""
    return [node["NodeID"] for node in ray.nodes() if not node["Alive"]]


@dataclass
class LostNodes:
    """Counts the losses of jobs for which their nodes are to blame.

    A process is known to be dead at once, its node only seconds later. So the latest loss may still be counted as one
    of the job, and be excused when the next one is counted.
    """

    find_node: Callable[[Exception | None], str] = find_node
    list_gone: Callable[[], Collection[str]] = list_gone_nodes
    _lost_on: dict[tuple[object, ...], list[str]] = field(default_factory=lambda: defaultdict(list), init=False)

    def count(self, job: Job, error: Exception | None) -> int:
        """How many losses of a job so far, with this one, were those of nodes that are gone by now.

        None where the cluster cannot be asked: that its head is lost is another one's to notice.
        """
        nodes = self._lost_on[job.kind, job.trial_id, job.split]
        try:
            nodes.append(self.find_node(error))
            gone = set(self.list_gone()) if any(nodes) else set()
        except (RayError, OSError, RuntimeError):
            return 0
        return min(sum(bool(node) and node in gone for node in nodes), MAX_NODES)
