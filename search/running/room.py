"""Whether a cluster has room for trials: how many fit on it now, and who waits for a place."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf

import ray
from ray.util import placement_group_table

from paretoseg.cluster.resources import Node, Resources
from paretoseg.search.running.watchdog import RayLostError

PATIENCE_SECONDS = 30.0
"""How long trials wait for a place before the user reads about it."""

_LOOK_SECONDS = 2.0
_WAITING = ("PENDING", "RESCHEDULING")


def list_waiting_groups() -> list[dict[str, float]]:
    """What each placement group that waits for resources needs in all, by resource."""
    bundles = [group["bundles"].values() for group in placement_group_table().values() if group["state"] in _WAITING]
    return [dict(sum(map(Counter, each), Counter())) for each in bundles]


def is_one_waiting(cpus: float, gpus: float) -> bool:
    """True if a placement group that reserves just that waits for resources; others may use the same Ray."""
    return any(_reserves(needs, cpus, gpus) for needs in list_waiting_groups())


def find_free_resources() -> dict[str, float]:
    """What nobody has reserved on the nodes that are up, by resource."""
    found: dict[str, float] = ray.available_resources()
    return found


@dataclass
class Room:
    """How many trials fit on the cluster; call `look` often.

    Args:
        resources: What one trial gets.
        slots: How many trials fit on the nodes that were up at the start.
        list_nodes: The nodes that are up now; None if their number is fixed.
        say: Called with one line for the user, when nodes leave or come or trials wait long.
        gone_s: How long to wait, in seconds, when no trial fits any more.
    """

    resources: Resources
    slots: int
    list_nodes: Callable[[], Sequence[Node] | None] = lambda: None
    say: Callable[[str], None] = lambda line: None
    gone_s: float = inf
    now: Callable[[], float] = time.monotonic
    list_waiting: Callable[[], list[dict[str, float]]] = list_waiting_groups
    find_free: Callable[[], dict[str, float]] = find_free_resources
    _num_nodes: int | None = field(default=None, init=False)
    """How many nodes for trials were up at the last look; None before the first one, and where nodes are not listed."""

    _next_look: float = field(default=-inf, init=False)
    _waiting_since: float | None = field(default=None, init=False)
    _gone_since: float | None = field(default=None, init=False)
    _has_said: bool = field(default=False, init=False)

    def look(self, *, is_urgent: bool = False) -> int:
        """How many trials fit now; asks the cluster at most every two seconds, unless it is urgent.

        Raises:
            RayLostError: if none has fitted for `gone_s` seconds.
        """
        now = self.now()
        if is_urgent or now >= self._next_look:
            self._next_look = now + _LOOK_SECONDS
            self._count(now)
            self._tell_of_waiting(now)
        return self.slots

    def _count(self, now: float) -> None:
        nodes = self.list_nodes()
        if nodes is not None:
            slots, num_nodes = self.slots, self._num_nodes
            self.slots = self.resources.fit(nodes)
            self._num_nodes = sum(node.cpus > 0 or node.gpus > 0 for node in nodes)
            if self.slots != slots:
                more_nodes = 0 if num_nodes is None else self._num_nodes - num_nodes
                self.say(_describe_change(self.slots - slots, more_nodes, self.slots, self._num_nodes))
        if self.slots:
            self._gone_since = None
        elif self._gone_since is None:
            self._gone_since = now
        elif now - self._gone_since > self.gone_s:
            raise RayLostError(f"no node has had room for a trial for {self.gone_s:g} s")

    def _tell_of_waiting(self, now: float) -> None:
        needed = self.resources.cpus, self.resources.gpus
        if self.slots and not any(_reserves(needs, *needed) for needs in self.list_waiting()):
            self._waiting_since, self._has_said = None, False
            return
        if self._waiting_since is None:
            self._waiting_since = now
        if now - self._waiting_since >= PATIENCE_SECONDS and not self._has_said:
            self._has_said = True
            self.say(f"Waiting for room: a trial needs {self._describe_need()}; {self._describe_free()}.")

    def _describe_need(self) -> str:
        """What a trial reserves; a process of it never stretches over nodes."""
        needs, processes = self.resources, self.resources.num_workers
        share = _describe_amounts(needs.cpus / processes, needs.gpus / processes, has_gpus=needs.gpus > 0)
        return f"{share} on one node" if processes == 1 else f"{processes} processes, each of {share} on one node"

    def _describe_free(self) -> str:
        free = self.find_free()
        amounts = _describe_amounts(free.get("CPU", 0.0), free.get("GPU", 0.0), has_gpus=self.resources.gpus > 0)
        if self._num_nodes is None:
            return f"free: {amounts}"
        return f"free on {_count(self._num_nodes, 'node')}{' together' * (self._num_nodes > 1)}: {amounts}"


def _describe_change(more_slots: int, more_nodes: int, slots: int, num_nodes: int) -> str:
    """What happened to the nodes, and what that means for trials; `more_nodes` is 0 if that is not known."""
    has_come = more_slots > 0
    who = "Nodes have"
    if more_nodes and (more_nodes > 0) == has_come:
        who = "A node has" if abs(more_nodes) == 1 else f"{abs(more_nodes)} nodes have"
    left = f"{_count(slots, 'trial')} at a time on {_count(num_nodes, 'node')} now"
    return f"{who} {'come' if has_come else 'left'}: {left if slots else 'no trial fits on what is left'}."


def _describe_amounts(cpus: float, gpus: float, *, has_gpus: bool) -> str:
    return _count(cpus, "CPU") + (f" and {_count(gpus, 'GPU')}" if has_gpus else "")


def _count(number: float, thing: str) -> str:
    return f"{number:g} {thing}{'s' * (number != 1)}"


def _reserves(needs: dict[str, float], cpus: float, gpus: float) -> bool:
    """True if a group needs what one trial reserves, to the four digits that Ray counts."""
    named = (("CPU", cpus), ("GPU", gpus))
    return all(abs(needs.get(name, 0.0) - amount) < 1e-3 * max(1.0, amount) for name, amount in named)


class RoomWatch:
    """Looks for room in a thread of its own: a Ray that is lost may never answer.

    Args:
        room: What to look at.
        tidy: Called before every look: frees what dead trials held.
    """

    def __init__(self, room: Room, tidy: Callable[[], object]) -> None:
        self._room = room
        self._tidy = tidy
        self._num_answered = 0
        """How many losses of trials the thread knew of when it last looked."""

        self._num_asked = 0
        self._loss: RayLostError | None = None
        self._wake = threading.Event()
        self._is_over = False

    def read(self, num_losses: int) -> int:
        """How many trials may run; none after a loss until the nodes are counted again: its place may be gone.

        Args:
            num_losses: How many trials have lost their processes so far.

        Raises:
            RayLostError: if no node has had room for a trial for too long.
        """
        if self._loss is not None:
            raise self._loss
        if self._num_asked != num_losses:
            self._num_asked = num_losses
            self._wake.set()
        return self._room.slots if self._num_answered == num_losses else 0

    def look_on(self) -> None:
        """Looks every second until `close`."""
        while not self._is_over:
            num_losses = self._num_asked
            try:
                self._tidy()
                self._room.look(is_urgent=num_losses > self._num_answered)
                self._num_answered = num_losses
            except RayLostError as error:
                self._loss = error
                return
            except Exception:  # whatever a Ray says that is dying: the watchdog of the search decides
                logging.getLogger(__name__).debug("cannot look for room", exc_info=True)
            self._wake.wait(_LOOK_SECONDS / 2)
            self._wake.clear()

    def close(self) -> None:
        """Ends the watch."""
        self._is_over = True
        self._wake.set()


@contextmanager
def watch_room(room: Room, tidy: Callable[[], object] = lambda: None) -> Iterator[RoomWatch]:
    """Looks for room for the duration of the block; the arguments are those of `RoomWatch`."""
    watch = RoomWatch(room, tidy)
    threading.Thread(target=watch.look_on, name="look for room", daemon=True).start()
    try:
        yield watch
    finally:
        watch.close()
