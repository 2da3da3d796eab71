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
cluster = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
second = cluster.add_node(**node)
print(cluster.address, flush=True)
for line in sys.stdin:  # until the test has ended
    if line == "kill\\n":
        cluster.remove_node(second, allow_graceful=False)
        print("killed", flush=True)
cluster.shutdown()
"""


class Nodes:
    """A head and a second node, with three CPUs each, as processes that a process of its own has started."""

    def __init__(self) -> None:
        words = [sys.executable, "-c", NODES]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.address = self._read()

    def kill_second(self) -> None:
        assert self._process.stdin is not None
        print("kill", file=self._process.stdin, flush=True)
        assert self._read() == "killed"

    def close(self) -> None:
        self._process.communicate()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    token = secrets.token_hex(32)
    settings = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "RAY_USAGE_STATS_ENABLED": "0"}
    # As for searches that start their own Ray: its workers give way to every other process of the machine.
    for name, value in (settings | {"RAY_worker_niceness": "0"}).items():
        monkeypatch.setenv(name, value)
    made = Nodes()
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
