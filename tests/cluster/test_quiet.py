"""What Ray prints goes into a file, and Python's own stderr stays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, sys, warnings
from pathlib import Path
from ray._private import worker
from paretoseg.cluster.quiet import keep_apart

message = {"lines": ["Raylet is terminated", "[state-dump] NodeManager"], "pid": "raylet", "is_err": False}
with keep_apart(Path(sys.argv[1])):
    if len(sys.argv) > 2:
        worker.print_to_stdstream(message, ignore_prefix=False)
        os.write(2, b"*** SIGABRT received ***\\n")
    print("of the search", file=sys.stderr)
    print("of the user")
os.write(2, b"after\\n")
worker.print_to_stdstream(message, ignore_prefix=False)
"""


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True, check=True)


def test_messages_of_nodes_and_dumps_go_into_a_file_of_their_own(tmp_path: Path) -> None:
    done = run(str(tmp_path), "talk")
    assert done.stderr == "of the search\nafter\n"
    assert done.stdout.startswith("of the user\n")
    assert "(raylet)" in done.stdout  # what comes later is shown as before
    lines = (tmp_path / "ray.log").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines[:2]] == [
        "(raylet) Raylet is terminated",
        "(raylet) [state-dump] NodeManager",
    ]
    assert lines[2] == "*** SIGABRT received ***"
    run(str(tmp_path), "talk")
    assert len((tmp_path / "ray.log").read_text().splitlines()) == 6


def test_nothing_is_left_of_a_ray_that_printed_nothing(tmp_path: Path) -> None:
    assert run(str(tmp_path)).stderr == "of the search\nafter\n"
    assert list(tmp_path.iterdir()) == []
