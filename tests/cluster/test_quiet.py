"""What Ray prints goes into a file, and Python's own stderr stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from paretoseg.cluster.quiet import name_log

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


TEMPORARY = """
import os, sys
from paretoseg.cluster.quiet import keep_apart

with keep_apart(None) as log:
    late = sys.stderr
    os.write(2, b"dump")
print(late.closed, f"{log.stat().st_mode & 0o777:o}", log.read_text(), log)
"""


def test_without_a_folder_the_file_is_new_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    words = [sys.executable, "-c", TEMPORARY]
    env = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=env)
    is_closed, mode, content, name = done.stdout.split()
    assert (is_closed, mode, content) == ("True", "600", "dump")
    assert list(tmp_path.iterdir()) == [Path(name)]


def test_a_loss_names_the_file_only_if_ray_printed_something(tmp_path: Path) -> None:
    log = tmp_path / "ray.log"
    assert name_log("its node died", log) == "its node died"
    log.touch()
    assert name_log("its node died", log) == "its node died"
    log.write_text("Raylet is terminated")
    assert name_log("its node died", log) == f"its node died; {log} holds what Ray printed"
