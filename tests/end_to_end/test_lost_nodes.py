"""A search on a Ray of two nodes, both on this machine, that loses one of them."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from conftest import Command

pytestmark = pytest.mark.slow

NODES = """
import sys
from ray.cluster_utils import Cluster

node = {"num_cpus": 3, "object_store_memory": 128 * 1024**2}
head = {"include_dashboard": False, "num_cpus": int(sys.argv[1])}
cluster = Cluster(initialize_head=True, head_node_args=node | head)
second = cluster.add_node(**node)
print(cluster.address, flush=True)
for line in sys.stdin:  # until the test has ended
    if line == "kill\\n":
        cluster.remove_node(second, allow_graceful=False)
        print("killed", flush=True)
    if line == "add\\n":
        second = cluster.add_node(**node)
        print("added", flush=True)
cluster.shutdown()
"""


class Nodes:
    """A head and a second node with three CPUs, as processes that a process of its own has started."""

    def __init__(self, head_cpus: int) -> None:
        words = [sys.executable, "-c", NODES, str(head_cpus)]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.address = self._read()

    def kill_second(self) -> None:
        self._ask("kill", "killed")

    def add_second(self) -> None:
        self._ask("add", "added")

    def _ask(self, word: str, answer: str) -> None:
        assert self._process.stdin is not None
        print(word, file=self._process.stdin, flush=True)
        assert self._read() == answer

    def close(self) -> None:
        self._process.communicate()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Nodes]:
    token = secrets.token_hex(32)
    settings = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "RAY_USAGE_STATS_ENABLED": "0"}
    # As for searches that start their own Ray: its workers give way to every other process of the machine.
    for name, value in (settings | {"RAY_worker_niceness": "0"}).items():
        monkeypatch.setenv(name, value)
    made = Nodes(getattr(request, "param", 3))
    yield made
    made.close()


def test_trials_of_two_processes_go_on_with_what_is_left_of_the_cluster(nodes: Nodes, command: Command) -> None:
    """Three trials fit on two nodes, one on the node that stays: it must not keep what the others wait for."""
    words = (
        "search", "study=lost", "task=toy", "task.seconds=1", "task.num_steps=2", "budget.trials=5", "confirm.seeds=1",
        "tracking.mode=disabled", "cluster=attached", f"cluster.address={nodes.address}", "cluster.num_nodes=2",
        "resources.cpus=2", "resources.workers=2",
    )  # fmt: skip
    process = command.start(*words)
    command.wait_for(process, lambda: any(record["kind"] == "reported" for record in command.records("lost")))
    nodes.kill_second()
    output, _ = process.communicate()

    assert process.returncode == 0, output
    assert "3 at a time" in output
    assert "A node has left: 1 trial at a time on 1 node now." in output
    assert set(pd.read_parquet(command.folder / "studies" / "lost" / "trials.parquet").state) == {"FINISHED"}
    finished = [record["trial_id"] for record in command.records("lost") if record["kind"] == "finished"]
    assert sorted(finished) == list(range(5))


@pytest.mark.parametrize("nodes", [0], indirect=True)
def test_a_trial_whose_node_is_preempted_three_times_finishes_with_its_seed(nodes: Nodes, command: Command) -> None:
    """Two losses are what a trial may have of its own; all of its trials run on the second node."""
    words = (
        "search", "study=spot", "task=toy", "task.seconds=2", "task.num_steps=8", "budget.trials=1", "confirm.seeds=1",
        "strategy=random", "tracking.mode=disabled", "cluster=attached", f"cluster.address={nodes.address}",
        "cluster.num_nodes=2", "resources.cpus=2",
    )  # fmt: skip
    process = command.start(*words)
    for _ in range(3):
        seen = count_steps(command)
        command.wait_for(process, lambda seen=seen: count_steps(command) > seen)
        nodes.kill_second()
        nodes.add_second()
    output, _ = process.communicate()

    assert process.returncode == 0, output
    kinds = [record["kind"] for record in command.records("spot")]
    assert kinds.count("started") == 1
    assert kinds.count("resumed") == 3
    assert kinds.count("finished") == 1
    assert "failed" not in kinds


def count_steps(command: Command) -> int:
    return sum(record["kind"] == "reported" for record in command.records("spot"))
