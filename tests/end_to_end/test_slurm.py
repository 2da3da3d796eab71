"""Searches on a real Slurm of two hosts, each a set of namespaces on this machine with an address of its own."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from conftest import Command

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

ON_SLURM = (
    "search", "task=toy", "tracking.mode=disabled", "strategy.population=4",
    "cluster=slurm", "cluster.nodes=2", "cluster.cpus=2", "cluster.time_min=10",
)  # fmt: skip
HOSTS = {"slt-n1", "slt-n2"}


class Slurm:
    """What a user of the cluster types beside the search."""

    def call(self, *words: str) -> str:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()

    def state(self, job: str) -> str:
        return self.call("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T")

    def is_over(self, job: str) -> bool:
        return self.state(job) in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")

    def wait_for(self, is_there: Callable[[], bool]) -> None:
        while not is_there():
            time.sleep(0.2)


def _why_not() -> str:
    """Why no Slurm can be started here, or ''."""
    folder = os.environ.get("PARETOSEG_SLURM", "")
    if not folder:
        return "PARETOSEG_SLURM does not name a folder with start-slurm.sh"
    if not (Path(folder) / "start-slurm.sh").is_file():
        return f"there is no start-slurm.sh in PARETOSEG_SLURM={folder}"
    if os.geteuid() != 0:
        return "starting a Slurm needs root"
    words = ("unshare", "--net", "--mount", "--uts", "--pid", "--fork", "true")
    if subprocess.run(words, capture_output=True, check=False).returncode:
        return "this machine refuses Linux namespaces"
    return ""


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    reason = _why_not()
    if reason:
        pytest.skip(reason)
    folder = Path(os.environ["PARETOSEG_SLURM"])
    base = Path(os.environ.get("SLURM_TEST_BASE", "/tmp/slurm-test"))
    started = subprocess.run([folder / "start-slurm.sh"], capture_output=True, text=True, check=False)
    if started.returncode:
        pytest.fail(f"Slurm did not start: {started.stdout}{started.stderr}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(base / "etc" / "slurm.conf"))
        yield Slurm()
    if "already up" not in started.stdout:
        subprocess.run([folder / "stop-slurm.sh", "--purge"], capture_output=True, check=True)


@pytest.fixture
def submit(slurm: Slurm, command: Command) -> Iterator[Callable[..., str]]:
    """Submits a search and gives the number of its job, which is cancelled at the end."""
    jobs: list[str] = []

    def do(*words: str) -> str:
        code, output = command.run(*ON_SLURM, *words)
        assert code == 0, output
        jobs.append(output.split("Submitted job ")[1].split()[0])
        return jobs[-1]

    yield do
    for job in jobs:
        subprocess.run(["scancel", job], capture_output=True, check=False)


def log_of(command: Command, study: str) -> str:
    return "\n".join(path.read_text() for path in (command.folder / "studies" / study / "slurm").glob("*.log"))


def count(command: Command, study: str, kind: str) -> Counter[object]:
    return Counter(record["trial_id"] for record in command.records(study) if record["kind"] == kind)


def test_a_search_uses_both_hosts_and_status_tells_of_its_job(
    slurm: Slurm, command: Command, submit: Callable[..., str]
) -> None:
    job = submit("study=both", "task.seconds=1", "budget.trials=16")
    code, output = command.run(*ON_SLURM, "study=both")
    assert code == 2
    assert f"is already job {job} on slurm" in output
    slurm.wait_for(lambda: slurm.is_over(job))

    assert slurm.state(job) == "COMPLETED", log_of(command, "both")
    trials = pd.read_parquet(command.folder / "studies" / "both" / "trials.parquet")
    assert set(trials.state) == {"FINISHED"}
    assert len(trials) == 16
    assert set(trials.host) == HOSTS
    assert trials[trials.is_on_front].test_accuracy.notna().all()
    assert (command.folder / "studies" / "both" / "slurm" / "ray-token").stat().st_mode & 0o777 == 0o600
    _, status = command.run("status", "studies/both")
    assert f"job     {job} on slurm: COMPLETED on slt-n[1-2], 0 restart(s)" in status


@pytest.mark.parametrize("way", ["requeue", "signal"])
def test_a_job_that_starts_again_loses_no_trial_and_repeats_none(
    slurm: Slurm, command: Command, submit: Callable[..., str], way: str
) -> None:
    job = submit(f"study={way}", "task.seconds=2", "budget.trials=16")
    slurm.wait_for(lambda: len(count(command, way, "finished")) >= 5)
    before = count(command, way, "finished")
    if way == "requeue":
        slurm.call("scontrol", "requeue", job)
    else:  # what Slurm sends before the time limit
        slurm.call("scancel", "--batch", "--signal=USR1", job)
    slurm.wait_for(lambda: slurm.is_over(job))

    assert slurm.state(job) == "COMPLETED", log_of(command, way)
    assert set(count(command, way, "started").values()) == {1}
    finished = count(command, way, "finished")
    assert len(finished) == 16
    assert set(finished.values()) == {1}
    resumed = count(command, way, "resumed")
    assert resumed
    assert not set(resumed) & set(before)
    assert not count(command, way, "failed")
    assert len([record for record in command.records(way) if record["kind"] == "opened"]) == 2
    _, status = command.run("status", f"studies/{way}")
    assert "1 restart(s)" in status
    if way == "signal":
        assert "work is left: requeued" in log_of(command, way)
