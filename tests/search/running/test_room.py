"""How many trials fit when nodes leave or come, and what a user reads of it; without Ray."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from itertools import repeat

import pytest

from paretoseg.cluster.resources import Node, Resources
from paretoseg.search.running.room import PATIENCE_SECONDS, Room, watch_room
from paretoseg.search.running.watchdog import RayLostError

TEAM = Resources(cpus=2, workers=2)


@dataclass
class Cluster:
    """What a Ray would answer, and a clock."""

    nodes: list[Node] | None
    waiting: list[dict[str, float]] = field(default_factory=list)
    free: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    said: list[str] = field(default_factory=list)

    def room(self, resources: Resources = TEAM, *, slots: int = 3, gone_s: float = 120.0) -> Room:
        return Room(
            resources,
            slots,
            lambda: self.nodes,
            self.said.append,
            gone_s,
            now=lambda: self.seconds,
            list_waiting=lambda: self.waiting,
            find_free=lambda: self.free,
        )


def test_slots_follow_the_nodes_that_leave_and_come() -> None:
    cluster = Cluster([Node(3), Node(3)])
    room = cluster.room()
    assert room.look() == 3
    cluster.nodes = [Node(3)]
    assert room.look() == 3  # it was asked just now
    assert room.look(is_urgent=True) == 1
    cluster.nodes, cluster.seconds = [Node(3), Node(3), Node(2)], 10.0
    assert room.look() == 4
    assert cluster.said == [
        "A node has left: 1 trial at a time on 1 node now.",
        "2 nodes have come: 4 trials at a time on 3 nodes now.",
    ]


def test_slots_are_known_when_a_user_reads_of_them() -> None:
    cluster = Cluster([Node(1)])
    room = cluster.room()
    seen = []
    room.say = lambda line: seen.append((line, room.slots))
    room.look()
    assert seen == [("Nodes have left: no trial fits on what is left.", 0)]


def test_slots_stay_where_an_autoscaler_replaces_nodes() -> None:
    cluster = Cluster(None)
    assert cluster.room(slots=7).look() == 7
    assert cluster.said == []


def test_a_trial_that_waits_long_is_named_once_with_what_is_free() -> None:
    cluster = Cluster([Node(3), Node(3)], waiting=[{"CPU": 2.0}], free={"CPU": 1.0})
    room = cluster.room()
    for cluster.seconds in (0.0, PATIENCE_SECONDS - 5):
        room.look()
        assert cluster.said == []
    for cluster.seconds in (PATIENCE_SECONDS, 2 * PATIENCE_SECONDS, 10 * PATIENCE_SECONDS):
        room.look()
        need = "a trial needs 2 processes, each of 1 CPU on one node"
        assert cluster.said == [f"Waiting for room: {need}; free on 2 nodes together: 1 CPU."]


def test_a_wait_that_ends_and_one_of_others_are_not_named() -> None:
    cluster = Cluster([Node(3), Node(3)], waiting=[{"CPU": 2.0}])
    room = cluster.room()
    room.look()
    cluster.seconds, cluster.waiting = PATIENCE_SECONDS - 1, []
    room.look()
    cluster.seconds, cluster.waiting = PATIENCE_SECONDS + 1, [{"CPU": 2.0}]
    room.look()
    for cluster.seconds in (200.0, 400.0):
        cluster.waiting = [{"CPU": 4.0}, {"CPU": 2.0, "GPU": 1.0}]  # of another program on the same Ray
        room.look()
    assert cluster.said == []


def test_gpus_are_named_where_trials_need_them() -> None:
    cluster = Cluster([Node(8, 4)], waiting=[{"CPU": 4.0, "GPU": 1.0}], free={"CPU": 6.0})
    room = cluster.room(Resources(cpus=4, gpus=1), slots=2)
    for cluster.seconds in (0.0, PATIENCE_SECONDS):
        room.look()
    assert cluster.said == [
        "Waiting for room: a trial needs 4 CPUs and 1 GPU on one node; free on 1 node: 6 CPUs and 0 GPUs."
    ]


def test_a_cluster_without_any_room_is_waited_for_and_then_left() -> None:
    cluster = Cluster([Node(0), Node(1)])
    room = cluster.room(gone_s=120.0)
    assert room.look() == 0
    cluster.seconds = 100.0
    room.look()
    cluster.nodes = [Node(0), Node(2)]
    cluster.seconds = 119.0
    assert room.look() == 1
    cluster.nodes = [Node(0)]
    for cluster.seconds in (130.0, 250.0):
        assert room.look() == 0
    cluster.seconds = 253.0
    with pytest.raises(RayLostError, match="no node has had room for a trial for 120 s"):
        room.look()


def test_after_a_loss_there_is_no_room_until_the_nodes_are_counted_again() -> None:
    """And a thread asks, as a Ray that is lost may never answer."""
    may_answer = threading.Event()

    def list_nodes() -> list[Node]:
        may_answer.wait()
        return [Node(2.0)]

    room = Room(Resources(), 4, list_nodes, list_waiting=list, find_free=dict)
    with watch_room(room) as watch:
        assert watch.read(0) == 4
        assert watch.read(1) == 0
        may_answer.set()
        while not watch.read(1):
            pass
        assert watch.read(1) == 2


def test_a_ray_that_cannot_answer_is_left_to_the_watchdog_and_a_loss_of_all_nodes_is_not() -> None:
    answers: list[Exception] = [RuntimeError("no GCS"), RayLostError("no node")]
    has_asked = threading.Event()

    def list_nodes() -> list[Node]:
        error = answers.pop(0)
        if not answers:
            has_asked.set()
        raise error

    room = Room(Resources(), 4, list_nodes, list_waiting=list, find_free=dict, now=iter(range(0, 900, 9)).__next__)
    with watch_room(room) as watch:
        assert watch.read(0) == 4
        has_asked.wait()
        with pytest.raises(RayLostError, match="no node"):
            any(map(watch.read, repeat(-1)))  # there is never room, as nobody counted for that
