import io
import json
import os
import shlex
from pathlib import Path

import pytest
from rich.console import Console

from paretoseg.cluster.cluster import Ticket
from paretoseg.cluster.slurm import commands as slurm_commands
from paretoseg.search.commands.cli import main
from paretoseg.search.commands.submission import _announce, make_order
from paretoseg.search.config.config import compose
from paretoseg.search.store.lock import hold_lock
from paretoseg.search.store.study_folder import StudyFolder

SUBMIT = ["search", "study=mine", "task=toy", "cluster=slurm", "cluster.nodes=2", "tracking.mode=disabled"]


class Queue:
    """A Slurm in a dict: what was submitted, and the state of every job."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.refusal = ""

    def call(self, *words, timeout_s=0.0):
        match words[0]:
            case "sbatch" if self.refusal:
                return slurm_commands.Answer(1, "", self.refusal)
            case "sbatch":
                job = str(len(self.states) + 1)
                self.states[job] = "PENDING"
                return slurm_commands.Answer(0, f"{job}\n", "")
            case "squeue":
                job = words[3].removeprefix("--jobs=")
                return slurm_commands.Answer(0, f"{self.states[job]}|1|n1|None|\n", "")
            case "scancel" if self.refusal:
                return slurm_commands.Answer(1, "", self.refusal)
            case "scancel":
                self.states[words[1]] = "CANCELLED"
                return slurm_commands.Answer(0, "", "")
        raise AssertionError(words)


@pytest.fixture
def queue(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Queue()
    monkeypatch.setattr(slurm_commands, "ask", made.call)
    monkeypatch.setattr(slurm_commands.shutil, "which", lambda name: f"/usr/bin/{name}")
    return made


def run(*words):
    return main([str(word) for word in words])


def script_words(text):
    """The search as the script holds it."""
    inside = text.partition("search=(\n")[2].partition("\n)")[0]
    return [word for line in inside.splitlines() for word in shlex.split(line)]


def test_the_order_names_the_study_absolutely_and_leaves_the_cluster_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = ["seed=1", "study=mine", "cluster=slurm", "cluster.nodes=2", "storage=here", "task=toy"]
    order = make_order("mine", given, "here", "here/mine")
    assert order.overrides == ("study=mine", f"storage={tmp_path}/here", "seed=1", "task=toy")
    assert order.location == f"{tmp_path}/here/mine"


@pytest.mark.parametrize(
    "storage",
    [
        "/a b/c", "/it's/here", "/with,comma", "/x$(id)", "/x${oc.env:HOME}", "/x\\${a}", "/${a:'b'}\\", "/back\\slash",
        "/end\\", "/ü", "s3://K:S@b/p?a=h%3A1&b=c",
    ],
)  # fmt: skip
def test_whatever_the_storage_is_called_the_job_finds_the_same_one(storage):
    order = make_order("mine", [], storage, f"{storage}/mine")
    assert compose([*order.overrides, "task=toy"]).experiment.storage == storage


def test_a_dry_run_prints_the_script_and_leaves_nothing_behind(queue, tmp_path, capsys):
    assert run(*SUBMIT, "--dry-run") == 0
    text = capsys.readouterr().out
    assert text.startswith("#!/bin/bash\n")
    assert script_words(text)[4:] == [
        "study=mine", f"storage={tmp_path}/studies", "task=toy", "tracking.mode=disabled",
        "cluster=attached", "cluster.num_nodes=2", "cluster.wait_s=300", "cluster.lock_wait_s=120",
    ]  # fmt: skip
    assert list(tmp_path.iterdir()) == []
    assert queue.states == {}


def test_a_submission_begins_the_study_and_status_shows_its_job(queue, capsys):
    assert run(*SUBMIT) == 0
    assert "Submitted job 1 to slurm." in capsys.readouterr().out
    assert json.loads(Path("studies/mine/job.json").read_text())["job"] == "1"
    assert run("status", "studies/mine") == 0
    assert "job     1 on slurm: PENDING on n1, 1 restart(s); log: " in capsys.readouterr().out


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED"])
def test_a_second_job_of_the_same_study_is_refused(queue, capsys, state):
    assert run(*SUBMIT) == 0
    queue.states["1"] = state
    capsys.readouterr()
    assert run(*SUBMIT) == 2
    error = capsys.readouterr().err
    assert f"is already job 1 on slurm ({state} on n1" in error
    assert error.count("\n") == 1
    assert len(queue.states) == 1


def test_when_the_job_is_over_the_name_alone_submits_the_study_again(queue):
    assert run(*SUBMIT) == 0
    queue.states["1"] = "TIMEOUT"
    assert run("search", "study=mine", "budget.trials=9") == 0
    words = script_words(Path("studies/mine/slurm/search.sbatch").read_text())
    assert {"study=mine", "budget.trials=9", "cluster.num_nodes=2"} <= set(words)
    assert StudyFolder("studies/mine").read_ticket().job == "2"


def test_a_study_of_a_cluster_goes_on_here_and_the_other_way_round(queue):
    assert run(*SUBMIT, "budget.trials=3", "strategy=nsga2", "strategy.population=4", "confirm.seeds=1") == 0
    queue.states["1"] = "CANCELLED"
    assert run("search", "study=mine", "cluster=serial") == 0
    assert len(StudyFolder("studies/mine").read_record().trials) == 3
    assert run("search", "study=mine", "budget.trials=5", "cluster=slurm", "cluster.cpus=2") == 0
    script = Path("studies/mine/slurm/search.sbatch").read_text()
    assert "cluster.num_nodes=2" in script_words(script)
    assert "--cpus-per-task=2" in script


def test_a_refusal_of_slurm_is_one_line(queue, capsys):
    queue.refusal = "sbatch: error: first\nsbatch: error: Batch job submission failed: Invalid account\n"
    assert run(*SUBMIT) == 2
    error = capsys.readouterr().err
    assert "sbatch refused the job: sbatch: error: Batch job submission failed: Invalid account" in error
    assert error.count("\n") == 1
    assert StudyFolder("studies/mine").read_ticket() is None


def test_a_job_that_slurm_refuses_leaves_no_study_and_may_be_fixed(queue, capsys):
    queue.refusal = "sbatch: error: Invalid account\n"
    assert run(*SUBMIT, "strategy=nsga2", "strategy.population=4") == 2
    assert not StudyFolder("studies/mine").exists()
    assert not Path("studies/mine/experiment.yaml").exists()
    queue.refusal = ""
    assert run(*SUBMIT, "strategy=nsga2", "strategy.population=8") == 0
    assert "strategy=nsga2", "strategy.population=8" in StudyFolder("studies/mine").read_record().created.overrides


def test_a_job_that_slurm_refuses_leaves_an_older_study_as_it_was(queue):
    assert run(*SUBMIT, "cluster=serial", "budget.trials=2") == 2  # cluster.nodes is not for this cluster
    assert (
        run(
            "search",
            "study=mine",
            "task=toy",
            "cluster=serial",
            "budget.trials=2",
            "tracking.mode=disabled",
            "confirm.seeds=1",
        )
        == 0
    )
    queue.refusal = "sbatch: error: Invalid account\n"
    assert run(*SUBMIT, "budget.trials=4") == 2
    assert len(StudyFolder("studies/mine").read_record().trials) == 2
    assert Path("studies/mine/experiment.yaml").exists()


def test_a_key_of_the_cluster_that_a_study_was_started_with_needs_no_cluster_again(queue):
    assert run(*SUBMIT) == 0
    queue.states["1"] = "TIMEOUT"
    assert run("search", "study=mine", "cluster.partition=gpu") == 0
    assert "#SBATCH --partition=gpu\n" in Path("studies/mine/slurm/search.sbatch").read_text()


def test_a_key_that_no_cluster_of_the_study_has_is_refused(queue, capsys):
    assert run(*SUBMIT) == 0
    assert run("search", "study=mine", "cluster.partitio=gpu") == 2
    assert "unknown key 'cluster.partitio'; did you mean 'cluster.partition'" in capsys.readouterr().err
    assert run("search", "study=other", "cluster.partition=gpu") == 2
    assert "unknown key 'cluster.partition'" in capsys.readouterr().err


def test_the_command_that_is_announced_holds_no_key():
    output = io.StringIO()
    folder = StudyFolder("s3://KEY:SECRET@bucket/x?region=us-east-1")
    _announce(Ticket("slurm", "8", "host", 0.0), folder, Console(file=output))
    assert "paretoseg status 's3://bucket/x?region=us-east-1'" in output.getvalue()


def test_a_study_at_work_is_not_submitted(queue, capsys):
    with hold_lock(StudyFolder("studies/mine").folder):
        assert run(*SUBMIT) == 2
    assert f"being written by process {os.getpid()}" in capsys.readouterr().err
    assert queue.states == {}


def test_where_there_is_no_slurm_nothing_starts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(*SUBMIT) == 2
    error = capsys.readouterr().err
    assert "cluster=slurm needs the command sbatch, which is not installed here" in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_ticket_is_named(queue, capsys):
    assert run(*SUBMIT) == 0
    Path("studies/mine/job.json").write_text("{}")
    capsys.readouterr()
    assert run("status", "studies/mine") == 2
    refusal = "job.json' is damaged (cluster is missing); delete it when the job that it names is over"
    assert refusal in capsys.readouterr().err
