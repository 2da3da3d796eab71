"""Searches on a real Slurm of two hosts, each a set of namespaces on this machine with an address of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import psutil
import pytest

from tests.end_to_end.open_ports import find_answer, list_ports

if TYPE_CHECKING:
    from conftest import Command

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

by_hand = pytest.mark.skipif(not os.environ.get("PARETOSEG_SLURM_ALL"), reason="long; run with PARETOSEG_SLURM_ALL=1")

ON_SLURM = (
    "search", "task=toy", "tracking.mode=disabled", "strategy=nsga2", "strategy.population=4", "confirm.seeds=1",
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


@pytest.mark.usefixtures("slurm")
def test_doctor_finds_what_the_site_has_and_what_a_node_sees(command: Command) -> None:
    code, output = command.run("doctor", "cluster=slurm", "cluster.nodes=2", "cluster.gpus=2", "--job")
    assert code == 0, output
    for line in ("pass    partition: batch is up; 2 of its nodes", "pass    job: ", "pass    shared storage: "):
        assert line in output
    assert "pass    Python on a node: " in output
    # /dev/shm is that of each host.
    code, output = command.run("doctor", "cluster=slurm", "cluster.gpus=3", "storage=/dev/shm/studies", "--job")
    assert code == 1
    assert "fail    partition: batch has 2 x 4 cores and 2 GPUs, not 1 x 4 cores and 3 GPUs; lower" in output
    assert "fail    job: sbatch would refuse it: " in output
    assert "fail    shared storage: a node does not see /dev/shm/studies; choose a disk" in output
    assert not Path("/dev/shm/studies").exists()


def log_of(command: Command, study: str) -> str:
    return "\n".join(path.read_text() for path in (command.folder / "studies" / study / "slurm").glob("*.log"))


def count(command: Command, study: str, kind: str) -> Counter[object]:
    return Counter(record["trial_id"] for record in command.records(study) if record["kind"] == kind)


def test_a_search_uses_both_hosts_and_answers_no_stranger_and_status_tells_of_its_job(
    slurm: Slurm, command: Command, submit: Callable[..., str]
) -> None:
    job = submit("study=both", "task.seconds=1", "budget.trials=16")
    code, output = command.run(*ON_SLURM, "study=both")
    assert code == 2
    assert f"is already job {job} on slurm" in output
    slurm.wait_for(lambda: len(count(command, "both", "finished")) >= 3 or slurm.is_over(job))
    ports = {host: list_ports(host, address_of(host)) for host in sorted(HOSTS)}
    assert {"gcs_server", "raylet"} <= {port.program for port in ports["slt-n1"]}
    assert "raylet" in {port.program for port in ports["slt-n2"]}
    assert {port.number for port in ports["slt-n1"]}.isdisjoint({10001, 8265, 44217, 44227, 52365})
    answers = {(host, port): find_answer(address_of(host), port) for host, found in ports.items() for port in found}
    assert {place: answer for place, answer in answers.items() if answer} == {}
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


@by_hand
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


def address_of(host: str) -> str:
    return f"{os.environ.get('SLURM_TEST_NET', '10.213.77')}.{10 + int(host[-1])}"


def kill_raylet(host: str) -> None:
    """Kills the Ray node of a host; the processes of all hosts are seen from this machine."""
    address = address_of(host)
    (raylet,) = [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "raylet" and f"--node_ip_address={address}" in process.info["cmdline"]
    ]
    raylet.kill()


def check_all_finished_once(command: Command, study: str, number: int) -> None:
    finished = count(command, study, "finished")
    assert len(finished) == number
    assert set(finished.values()) == {1}
    assert not count(command, study, "failed")


def test_trials_of_two_processes_outlive_a_dead_raylet_and_its_node_comes_back(
    slurm: Slurm, command: Command, submit: Callable[..., str]
) -> None:
    team = ("cluster.cpus=3", "cluster.time_min=60", "resources.cpus=2", "resources.workers=2")
    job = submit("study=raylet", "task.seconds=1", "task.num_steps=2", "budget.trials=8", *team)
    slurm.wait_for(lambda: len(count(command, "raylet", "reported")) >= 2 or slurm.is_over(job))
    kill_raylet("slt-n2")
    slurm.wait_for(lambda: slurm.is_over(job))

    log = log_of(command, "raylet")
    assert slurm.state(job) == "COMPLETED", log
    check_all_finished_once(command, "raylet", 8)
    # Ray notices the dead node and the new one in either order, or within one look: the room may have nothing to say.
    assert "slt-n2: Ray ended with exit code" in log
    assert log.count("slt-n2: Ray starts") == 2


HOLD = """
import sys
from paretoseg.search.store.folder import Folder
from paretoseg.search.store.lock import hold_lock

with hold_lock(Folder(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_job_whose_study_is_locked_waits_and_starts_again(
    slurm: Slurm, command: Command, submit: Callable[..., str]
) -> None:
    options = "cluster.options=['--hold']"
    job = submit("study=held", "budget.trials=2", "cluster.nodes=1", "cluster.lock_wait_s=3", options)
    words = [sys.executable, "-c", HOLD, str(command.folder / "studies" / "held")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        slurm.call("scontrol", "release", job)
        slurm.wait_for(lambda: "work is left: requeued" in log_of(command, "held") or slurm.is_over(job))
    slurm.wait_for(lambda: slurm.is_over(job))

    log = log_of(command, "held")
    assert slurm.state(job) == "COMPLETED", log
    assert "Waiting up to 3 s: study" in log
    check_all_finished_once(command, "held", 2)


@by_hand
@pytest.mark.parametrize("host", ["slt-n2", "slt-n1"])
def test_a_search_outlives_a_host_that_dies(
    slurm: Slurm, command: Command, submit: Callable[..., str], host: str
) -> None:
    """The second host is a worker; the first one is that of the head and the script, so the job starts again."""
    job = submit(f"study=dead-{host}", "task.seconds=2", "budget.trials=12")
    slurm.wait_for(lambda: len(count(command, f"dead-{host}", "finished")) >= 3 or slurm.is_over(job))
    node = str(Path(os.environ["PARETOSEG_SLURM"]) / "node.sh")
    slurm.call(node, "kill", host)
    try:
        if host == "slt-n1":
            slurm.wait_for(lambda: slurm.state(job) == "PENDING" or slurm.is_over(job))
            slurm.call(node, "up", host)
        slurm.wait_for(lambda: slurm.is_over(job))
    finally:
        slurm.call(node, "up", host)

    log = log_of(command, f"dead-{host}")
    assert slurm.state(job) == "COMPLETED", log
    check_all_finished_once(command, f"dead-{host}", 12)
    opened = [record for record in command.records(f"dead-{host}") if record["kind"] == "opened"]
    assert len(opened) == (1 if host == "slt-n2" else 2)


@by_hand
def test_a_step_that_slurm_refuses_is_noticed_within_seconds(
    slurm: Slurm, command: Command, submit: Callable[..., str]
) -> None:
    setup = command.folder / "setup.sh"
    setup.write_text("export SLURM_MPI_TYPE=none_such\n")
    job = submit("study=refused", "budget.trials=2", f"cluster.setup={setup}")
    slurm.wait_for(lambda: slurm.is_over(job))
    log = log_of(command, "refused")
    assert slurm.state(job) == "FAILED", log
    assert "the step on the other nodes failed: srun: error: " in log
    assert "the search ended with exit code 2" in log
