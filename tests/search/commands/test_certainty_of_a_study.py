"""The certainty of real studies, as the commands show it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from paretoseg.search.commands.certainty import read_certainty
from paretoseg.search.commands.plan import compose_new_or_stored, make_plan
from paretoseg.search.config.splits import keep_splits
from paretoseg.search.reports.certainty_text import CAPTION, describe_ends
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.trials import events as happened
from paretoseg.search.trials.events import Created, Event, Finished, Opened, Started
from paretoseg.trainables.scoring.measures import DICE
from paretoseg.trainables.scoring.objectives import summarise
from paretoseg.trainables.segmentation.task import SegmentationTask
from paretoseg.trainables.trainable import CaseScore, Split
from tests.search.command_line import TINY, TOY, run

WORDS = [*TINY, "budget.trials=2", "data.shift=[blend_0.90]"]


def build_rows(task: SegmentationTask, mean: float, changed: float) -> list[CaseScore]:
    """What a network could have scored on the validation cases of the data."""
    generator = np.random.default_rng(0)
    cases = [row for row in task.split_rows() if row.split == Split.VALIDATION.value]
    levels = [(name, level) for name in task.settings.corruptions for level in task.settings.severities]
    rows = []
    for case in cases:
        ease = generator.normal(0.0, 0.05)
        for corruption, level in [("none", 0), *(levels if not case.shift else ())]:
            value = (changed if level or case.shift else mean) + ease + generator.normal(0.0, 0.01)
            rows.append(CaseScore(case.case, case.domain, corruption, level, "dice", value, shift=case.shift))
            rows.append(replace(rows[-1], label="left", value=0.0))
            rows.append(replace(rows[-1], metric="nsd", value=0.0))
    return rows


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study with two networks on its front, as if both had been trained and tested."""
    words = [*WORDS[1:], f"storage={tmp_path_factory.mktemp('studies')}"]
    plan = make_plan(compose_new_or_stored(words), words)
    folder, task = plan.folder, plan.task
    assert isinstance(task, SegmentationTask)
    folder.write_experiment(plan.text)
    keep_splits(folder, task)
    events: list[Event] = [Created(0.0, "tiny", task.objectives(), task.cost_names(), plan.overrides)]
    events.append(Opened(0.0, "here", 1, 2, None))
    costs = dict.fromkeys(task.cost_names(), 1.0)
    for number, means in enumerate(((0.6, 0.5), (0.7, 0.4))):
        rows = build_rows(task, *means)
        folder.cases.write(number, 0, Split.VALIDATION, rows)
        values = dict(summarise(rows, DICE, task.rule).values)
        events.append(Started(0.0, number, plan.space.default(), 0, "random"))
        events.append(Finished(1.0, number, values, costs, "", 0.0, 1.0))
    events += [happened.Tested(2.0, number, {"accuracy": 0.5, "robustness": 0.5}) for number in (0, 1)]
    for event in events:
        folder.journal.append(event)
    folder.journal.close()
    return Path(folder.folder.location)


@pytest.fixture
def study(searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to be changed."""
    monkeypatch.setenv("COLUMNS", "120")
    return Path(shutil.copytree(searched, tmp_path / "tiny"))


def read(study: Path) -> StudyFolder:
    return StudyFolder(str(study))


def test_the_front_is_shown_with_intervals_and_the_ends(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = read(study).read_record()
    certainty = read_certainty(read(study), record)
    assert certainty.ends is not None
    assert run("front", study, "--intervals") == 0
    shown = capsys.readouterr().out
    assert "(in brackets: 95% intervals)" in shown
    for trial in record.front.trials:
        interval = certainty.intervals[trial.trial_id]["accuracy"]
        assert interval is not None
        low, high = (f"{bound:.3f}".removeprefix("0") for bound in interval)
        assert f"{trial.objectives['accuracy']:.3f} [{low} {high}]" in shown
    assert shown.splitlines()[-2:] == [describe_ends(certainty.ends), CAPTION]
    assert run("front", study) == 0
    assert "95%" not in capsys.readouterr().out


def test_the_same_command_prints_the_same(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for _ in range(2):
        assert run("front", study, "--intervals") == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]


def test_json_has_the_bounds_of_every_objective_on_request(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("front", study, "--json", "--intervals") == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 2
    for row in rows:
        for name in ("accuracy", "robustness"):
            assert row[f"{name}_low"] <= row[f"{name}_high"]
    assert run("front", study, "--json") == 0
    plain = json.loads(capsys.readouterr().out)
    assert [set(row) - set(other) for row, other in zip(rows, plain, strict=True)] == [
        {"accuracy_low", "accuracy_high", "robustness_low", "robustness_high"}
    ] * 2


def test_the_search_ends_with_a_line_on_the_ends(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ends = read_certainty(read(study), read(study).read_record()).ends
    assert ends is not None
    assert run(*WORDS, f"storage={study.parent}") == 0
    assert describe_ends(ends) in capsys.readouterr().out.splitlines()
    (study / "cases" / "trial-00000-validation.parquet").unlink()
    assert run(*WORDS, f"storage={study.parent}") == 0
    shown = capsys.readouterr().out
    assert "Front of tiny" in shown
    assert "Ends:" not in shown


def test_the_report_shows_whiskers_and_the_sentence(study: Path) -> None:
    folder = read(study)
    certainty = read_certainty(folder, folder.read_record())
    assert certainty.ends is not None
    assert run("report", study, "--no-pictures") == 0
    page = (study / "report.html").read_text()
    assert f"<li>{describe_ends(certainty.ends)}</li>" in page
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    for trial in data["trials"]:
        known = certainty.intervals.get(trial["id"], {})
        assert trial["intervals"] == {name: list(interval) for name, interval in known.items() if interval}
    assert sum(bool(trial["intervals"]) for trial in data["trials"]) == 2


def test_missing_rows_are_refused_with_the_way_out(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number = read(study).read_record().front.trials[1].trial_id
    name = f"cases/trial-{number:05d}-validation.parquet"
    (study / name).unlink()
    assert run("front", study, "--intervals") == 2
    assert capsys.readouterr().err == (
        f"paretoseg: {name} is missing or holds no dice, so trial {number} has no interval; restore it; "
        "without --intervals the front is shown as it is\n"
    )
    assert run("front", study) == 0
    capsys.readouterr()
    assert run("report", study, "--no-pictures") == 0
    assert f"Note: the front has no intervals: {name} is missing" in capsys.readouterr().out


def test_damaged_rows_are_refused_in_one_line(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number = read(study).read_record().front.trials[0].trial_id
    (study / f"cases/trial-{number:05d}-validation.parquet").write_bytes(b"no rows")
    assert run("front", study, "--intervals") == 2
    error = capsys.readouterr().err
    assert f"cases/trial-{number:05d}-validation.parquet is damaged" in error
    assert error.count("\n") == 1


def test_rows_of_another_network_are_refused(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = read(study)
    one, other = folder.read_record().front.trials[:2]
    folder.cases.write(other.trial_id, 0, Split.VALIDATION, folder.cases.read(one.trial_id, Split.VALIDATION))
    assert run("front", study, "--intervals") == 2
    assert f"the rows of trial {other.trial_id} give accuracy" in capsys.readouterr().err


def test_a_study_without_its_config_is_refused(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (study / "experiment.yaml").unlink()
    assert run("front", study, "--intervals") == 2
    assert "the study's experiment.yaml is missing" in capsys.readouterr().err


def test_subjects_are_those_that_the_study_kept(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = read(study)
    splits = folder.read_splits() or []
    folder.write_splits([replace(row, subject="one") for row in splits])
    assert run("front", study, "--intervals") == 0
    shown = capsys.readouterr().out
    assert shown.count("[-]") == 4
    assert "No interval for accuracy: the validation split holds only cases of one subject." in shown


@pytest.mark.usefixtures("elsewhere")
def test_a_task_without_images_has_no_intervals_and_its_search_says_nothing_of_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(*TOY) == 0
    assert "Ends:" not in capsys.readouterr().out
    assert run("front", "studies/mine", "--intervals") == 2
    assert capsys.readouterr().err.startswith("paretoseg: this study's task has no images, so its front has no")
