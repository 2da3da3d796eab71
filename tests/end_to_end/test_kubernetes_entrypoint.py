"""The entrypoint of a manifest, with the manifest's environment, on a real Ray brought up as KubeRay would.

No pod starts here: images, mounts and scheduling stay untested. What KubeRay does is done by hand: `ray start` with the
head's parameters, a worker beside it, a token, and the entrypoint posted to the dashboard.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import psutil
import pytest
import yaml

if TYPE_CHECKING:
    from conftest import Command

REPOSITORY = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


class RayPods:
    """A head and workers as processes of this machine; ends what it started and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # a socket's path must be short
        self.port, self.dashboard_port = _free_port(), _free_port()
        self.token = secrets.token_hex(32)
        self._log = folder / "ray.log"
        self._processes: list[subprocess.Popen[bytes]] = []
        programs = folder / "bin"
        programs.mkdir()
        program = programs / "paretoseg"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m paretoseg "$@"\n')
        program.chmod(0o755)
        self._path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"

    def environment(self, container: dict[str, Any]) -> dict[str, str]:
        """The container's own variables, what the operator adds, and what an image would bring."""
        own = {item["name"]: item["value"] for item in container["env"] if "value" in item}
        added = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}
        image = {"PATH": self._path, "PYTHONPATH": str(REPOSITORY), "HOME": str(self.scratch)}
        return image | own | added

    def start_head(self, group: dict[str, Any]) -> None:
        parameters = group["rayStartParams"] | {"dashboard-host": "127.0.0.1"}
        words = [f"--{name}={value}" for name, value in parameters.items()]
        self._start(
            group,
            *("--head", f"--port={self.port}", "--node-ip-address=127.0.0.1", f"--temp-dir={self.scratch}"),
            *("--include-dashboard=true", f"--dashboard-port={self.dashboard_port}", self._agent_port(), *words),
        )

    def start_worker(self, group: dict[str, Any]) -> None:
        words = [f"--{name}={value}" for name, value in group["rayStartParams"].items()]
        container = group["template"]["spec"]["containers"][0]
        cpus = container["resources"]["limits"]["cpu"]
        address = f"--address=127.0.0.1:{self.port}"
        self._start(group, address, f"--num-cpus={cpus}", "--num-gpus=0", self._agent_port(), *words)

    def _agent_port(self) -> str:
        """A port for the agent of a node: the usual one may belong to another Ray, and then no job is ever accepted."""
        return f"--dashboard-agent-listen-port={_free_port()}"

    def post(self, entrypoint: str) -> tuple[str, str]:
        """Posts the entrypoint as the operator does in HTTPMode; returns the job's last state and message."""
        code = """
import sys, time
from ray.job_submission import JobSubmissionClient
while True:
    try:
        client = JobSubmissionClient(sys.argv[1])
        break
    except (ConnectionError, RuntimeError):
        time.sleep(0.3)
while True:
    try:
        job = client.submit_job(entrypoint=sys.argv[2])
        break
    except RuntimeError as error:  # the head answers before the agent of its node has started; the operator tries again
        if "No available agent" not in str(error):
            raise
        time.sleep(0.3)
while not client.get_job_status(job).is_terminal():
    time.sleep(0.3)
info = client.get_job_info(job)
print(client.get_job_logs(job), file=sys.stderr)
print(str(info.status.value), info.message, sep="|")
"""
        environment = {"PATH": self._path, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}
        address = f"http://127.0.0.1:{self.dashboard_port}"
        done = subprocess.run(
            [sys.executable, "-c", code, address, entrypoint],
            env=environment | {"HOME": str(self.scratch)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr + self._log.read_text()
        print(done.stderr)
        state, message = done.stdout.rsplit("\n", 1)[0].split("|", 1)
        return state, message

    def clean_up(self) -> None:
        family = [
            process
            for started in self._processes
            if psutil.pid_exists(started.pid)
            for process in (psutil.Process(started.pid), *psutil.Process(started.pid).children(recursive=True))
        ]
        for started in self._processes:
            started.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=10)
        for process in alive:
            process.kill()
        for started in self._processes:
            started.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _start(self, group: dict[str, Any], *words: str) -> None:
        container = group["template"]["spec"]["containers"][0]
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats", *words],
                env=self.environment(container),
                cwd=self.scratch,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        while self._log.read_text().count("Ray runtime started") < len(self._processes):
            assert process.poll() is None, self._log.read_text()
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def pods(tmp_path: Path) -> Iterator[RayPods]:
    made = RayPods(tmp_path)
    yield made
    made.clean_up()


def render(command: Command, *words: str) -> dict[str, Any]:
    places = ("cluster=kubernetes", "cluster.image=any/image:1", "cluster.claim=studies")
    sizes = ("cluster.cpus=2", "cluster.max_workers=1", f"cluster.mount={command.folder}/volume")
    code, output = command.run("search", "--dry-run", *words, *places, *sizes)
    assert code == 0, output
    manifest: dict[str, Any] = yaml.safe_load(output)
    return manifest


def test_the_entrypoint_searches_on_the_workers_and_leaves_the_study_on_the_volume(
    command: Command, pods: RayPods
) -> None:
    manifest = render(
        command,
        "study=mine",
        "task=toy",
        "budget.trials=5",
        "strategy=nsga2",
        "strategy.population=4",
        "confirm.seeds=1",
    )
    assert not (command.folder / "studies").exists()
    cluster = manifest["spec"]["rayClusterSpec"]
    pods.start_head(cluster["headGroupSpec"])
    pods.start_worker(cluster["workerGroupSpecs"][0])
    state, message = pods.post(manifest["spec"]["entrypoint"])

    assert state == "SUCCEEDED", message
    trials = pd.read_parquet(command.folder / "volume" / "mine" / "trials.parquet")
    assert set(trials.state) == {"FINISHED"}
    assert len(trials) == 5
    log = (command.folder / "volume" / "mine" / "search.log").read_text()
    assert "[5/5]" in log
    assert "Picture:" in log

    # As the operator does when the head died, or the user when the budget grows.
    manifest = render(
        command,
        "study=mine",
        "task=toy",
        "budget.trials=7",
        "strategy=nsga2",
        "strategy.population=4",
        "confirm.seeds=1",
    )
    state, message = pods.post(manifest["spec"]["entrypoint"])
    assert state == "SUCCEEDED", message
    more = pd.read_parquet(command.folder / "volume" / "mine" / "trials.parquet")
    assert list(more.candidate[:5]) == list(trials.candidate)
    assert set(more.state) == {"FINISHED"}
    assert len(more) == 7

    # One that ends badly says how in the one place where the follower looks.
    owned = command.folder / "owned"
    hostile = f"data.root='/nowhere $(touch {owned}) `touch {owned}`; touch {owned}'"
    manifest = render(command, "study=bad", "budget.trials=2", hostile)
    state, message = pods.post(manifest["spec"]["entrypoint"])
    assert state == "FAILED"
    assert message.startswith("Job entrypoint command failed with exit code 2")
    assert not owned.exists()
