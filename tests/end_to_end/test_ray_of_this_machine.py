"""The Ray that a search starts on this machine: which processes can reach it, and what happens when it dies."""

from __future__ import annotations

import ipaddress
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from conftest import Command

pytestmark = pytest.mark.slow

SEARCH = (
    "search",
    "task=toy",
    "task.seconds=0.5",
    "budget.trials=60",
    "cluster.cpus=1",
    "tracking.mode=disabled",
    "confirm.seeds=1",
)
JOIN = """
import sys
from ray._raylet import GcsClient
try:
    GcsClient(address=sys.argv[1])
except Exception as error:
    print(type(error).__name__)
else:
    print("joined")
"""


def start(command: Command, study: str) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A search whose first trial has finished, and all processes that it has started."""
    process = command.start(*SEARCH, f"study={study}")
    command.wait_for(process, lambda: any(record["kind"] == "finished" for record in command.records(study)))
    return process, psutil.Process(process.pid).children(recursive=True)


def is_loopback(address: str) -> bool:
    found = ipaddress.ip_address(address)
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


def test_only_this_user_on_this_machine_can_join_the_ray_of_a_search(command: Command) -> None:
    process, children = start(command, "alone")
    listening = [
        (each.name(), connection.laddr)
        for each in (psutil.Process(process.pid), *children)
        for connection in each.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {name for name, _ in listening} >= {"gcs_server", "raylet"}
    assert [(name, address) for name, address in listening if not is_loopback(address.ip)] == []

    port = next(address.port for name, address in listening if name == "gcs_server")
    stranger = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    words = [sys.executable, "-c", JOIN, f"127.0.0.1:{port}"]
    joined = subprocess.run(
        words, env=stranger | {"HOME": str(command.folder)}, capture_output=True, text=True, check=True
    )
    assert joined.stdout == "AuthenticationError\n"

    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate()
    assert process.returncode == 75, output
    assert re.search(r"Work is left; resume with: .*paretoseg search study=alone", output)
    assert "SIGTERM received" not in output
    assert psutil.wait_procs(children)[1] == []


@pytest.mark.parametrize("name", ["raylet", "gcs_server"])
def test_a_search_whose_ray_dies_ends_with_work_left(command: Command, name: str) -> None:
    process, children = start(command, name)
    next(child for child in children if child.name() == name).kill()
    output, _ = process.communicate()

    assert process.returncode == 75, output
    assert f"Ray is lost (its process {name} died" in output
    assert re.search(rf"resume with: .*paretoseg search study={name}", output)
    assert "Traceback" not in output
    assert not [record for record in command.records(name) if record["kind"] == "failed"]
    assert psutil.wait_procs(children)[1] == []
