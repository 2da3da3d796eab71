"""`paretoseg logs` and `paretoseg cancel` of a study that was submitted to Slurm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from paretoseg.cluster.cluster import JobState, SubmittedJob
from paretoseg.cluster.slurm import commands as slurm_commands
from paretoseg.search.commands.cli import main
from paretoseg.search.commands.job_options import show_log
from paretoseg.search.store.search_log import SEARCH_LOG
from tests.search.commands.test_submission import SUBMIT, Queue

STUDY = "studies/mine"
LOG = Path("studies/mine/slurm/job-1.log")


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Queue:
    """A Slurm with one job, that of a study."""
    monkeypatch.chdir(tmp_path)
    made = Queue()
    monkeypatch.setattr(slurm_commands, "ask", made.call)
    monkeypatch.setattr(slurm_commands.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert main(SUBMIT) == 0
    capsys.readouterr()
    return made


def test_a_job_is_cancelled_once_and_the_study_may_be_submitted_again(
    queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    queue.states["1"] = "RUNNING"
    assert main(["cancel", STUDY]) == 0
    assert queue.states == {"1": "CANCELLED"}
    assert capsys.readouterr().out.startswith("Cancelled job 1 on slurm (RUNNING on n1, 1 restart(s)). What its trials")
    assert main(["cancel", STUDY]) == 0
    assert capsys.readouterr().out.startswith("There is nothing to cancel: job 1 on slurm is over (CANCELLED on n1")
    assert main(SUBMIT) == 0


def test_a_refusal_of_slurm_is_one_line(queue: Queue, capsys: pytest.CaptureFixture[str]) -> None:
    queue.refusal = "scancel: error: Kill job error on job id 1: Access/permission denied\n"
    assert main(["cancel", STUDY]) == 2
    assert capsys.readouterr().err == (
        "paretoseg: scancel refused: scancel: error: Kill job error on job id 1: Access/permission denied\n"
    )


def test_without_scancel_the_way_out_is_named(
    queue: Queue, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_commands.shutil, "which", lambda name: None)
    assert main(["cancel", STUDY]) == 2
    assert "there is no scancel here; run this on a login node" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["logs", "cancel"])
def test_a_study_that_was_never_submitted_has_no_job(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([command, "nowhere"]) == 2
    assert "no study at 'nowhere'" in capsys.readouterr().err
    assert main(["search", "study=mine", "task=toy", "cluster=serial", "budget.trials=1", "confirm.seeds=1"]) == 0
    assert main([command, STUDY]) == 2
    assert f"study '{STUDY}' was not submitted to a cluster; a search that runs" in capsys.readouterr().err


def test_the_log_is_shown_whole_or_its_last_lines(queue: Queue, capsys: pytest.CaptureFixture[str]) -> None:
    LOG.write_text("one\ntwo [bold]\nthree\n")
    assert main(["logs", STUDY]) == 0
    assert capsys.readouterr().out == "one\ntwo [bold]\nthree\n"
    assert main(["logs", STUDY, "--lines", "2"]) == 0
    assert capsys.readouterr().out == "two [bold]\nthree\n"
    assert main(["logs", STUDY, "--lines", "0"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["logs", STUDY, "--lines", "-1"]) == 2


def test_a_job_that_has_printed_nothing_is_said_to_wait(queue: Queue, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", STUDY]) == 2
    assert "job 1 on slurm has written nothing to '" in (error := capsys.readouterr().err)
    assert "job-1.log' (PENDING on n1, 1 restart(s)); it writes when it runs" in error


def test_a_log_is_followed_until_the_job_is_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "job.log"
    writes = iter([b"starts \xc3", b"\xbc\n", b"", *[b"goes on\n"] * 8])

    def pause(seconds: float) -> None:
        with log.open("ab") as stream:
            stream.write(next(writes))

    states: Iterator[bool] = iter([True, True, False])  # once before there is a log, then every ten seconds
    job = SubmittedJob("job 1", str(log), lambda: JobState("", is_live=next(states)), lambda: None)
    show_log(job, None, is_followed=True, pause=pause)
    assert capsys.readouterr().out == "starts \u00fc\n" + "goes on\n" * 8


def test_what_a_search_in_a_pod_printed_is_shown_where_its_study_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(STUDY).mkdir(parents=True)
    (Path(STUDY) / SEARCH_LOG).write_text("one\ntwo\n")
    assert main(["logs", STUDY, "--lines", "1", "--follow"]) == 0  # nobody writes to it: there is nothing to wait for
    assert capsys.readouterr().out == "two\n"
