"""Real processes: every test here types the command as a user would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_FOLDER = Path(__file__).parent


PATIENCE_SECONDS = 900
"""Guards against hanging for ever, and nothing else does: what a search takes on a busy machine is no mistake of it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives these tests more time than others."""
    for item in items:
        if _FOLDER in item.path.parents:
            item.add_marker(pytest.mark.timeout(PATIENCE_SECONDS))


class Command:
    """The command line in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "paretoseg", *words],
            cwd=self.folder,
            # Beside other tests, Ray's workers would hardly get on: they give way to every other process.
            env=os.environ | {"COLUMNS": "200", "RAY_worker_niceness": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    def run(self, *words: str) -> tuple[int, str]:
        process = self.start(*words)
        output, _ = process.communicate()
        return process.returncode, output

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Kills the process at once, as a power cut would."""
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()

    def stop_when(self, process: subprocess.Popen[str], is_there: Callable[[], bool]) -> None:
        """Halts a process while a condition holds, however long this machine takes to look; SIGCONT lets it go on."""
        while True:
            self.wait_for(process, is_there)
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            if is_there():
                return
            process.send_signal(signal.SIGCONT)

    def kill_when(self, process: subprocess.Popen[str], is_there: Callable[[], bool]) -> None:
        """Kills a process at a moment when a condition holds."""
        self.stop_when(process, is_there)
        self.kill(process)

    def records(self, study: str) -> list[dict[str, object]]:
        """The complete records of a study's journal."""
        lines = [
            line
            for path in sorted((self.folder / "studies" / study / "journal").glob("*.jsonl"))
            for line in path.read_bytes().split(b"\n")[:-1]
        ]
        return [json.loads(line) for line in lines]

    def wait_for(self, process: subprocess.Popen[str], is_there: Callable[[], bool]) -> None:
        """Returns when a condition holds; fails if the process ends before."""
        while not is_there():
            assert process.poll() is None, f"ended early: {process.communicate()[0]}"
            time.sleep(0.005)

    def clean_up(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                self.kill(process)


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    made = Command(tmp_path)
    yield made
    made.clean_up()
