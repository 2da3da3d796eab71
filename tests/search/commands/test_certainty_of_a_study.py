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
from paretoseg.search.reports.certainty_text import CAPTION, describe_front
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.trials import events as happened
from paretoseg.search.trials.events import Created, Event, Finished, Opened, Started
from paretoseg.trainables.scoring.measures import DICE
from paretoseg.trainables.segmentation.task import SegmentationTask
from paretoseg.trainables.trainable import CaseScore, Split
from tests.scores import summarise
from tests.search.command_line import TINY, TOY, run

WORDS = [*TINY, "budget.trials=2", "data.shift=[blend_0.90]"]


def build_rows(task: SegmentationTask, split: Split, mean: float, changed: float, seed: int) -> list[CaseScore]:
    """What a network could have scored on the cases of a split of the data."""
    generator = np.random.default_rng(seed)
    ease = np.random.default_rng(99)
    cases = [row for row in task.split_rows() if row.split == split.value]
    levels = [(name, level) for name in task.settings.corruptions for level in task.settings.severities]
    rows = []
    luck = generator.normal(0.0, 0.002)
    for case in cases:
        easy = ease.normal(0.0, 0.05) + luck
        for corruption, level in [("none", 0), *(levels if not case.shift else ())]:
            value = (changed if level or case.shift else mean) + easy + generator.normal(0.0, 0.002)
            rows.append(CaseScore(case.case, case.domain, corruption, level, "dice", value, shift=case.shift))
            rows.append(replace(rows[-1], label="left", value=0.0))
            rows.append(replace(rows[-1], metric="nsd", value=0.0))
    return rows


MEANS = ((0.6, 0.5), (0.7, 0.4))
"""Accuracy and robustness of both candidates."""


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study with two candidates on its front, as if both had been trained, confirmed and tested."""
    words = [*WORDS[1:], f"storage={tmp_path_factory.mktemp('studies')}"]
    plan = make_plan(compose_new_or_stored(words), words)
    folder, task = plan.folder, plan.task
    assert isinstance(task, SegmentationTask)
    folder.write_experiment(plan.text)
    keep_splits(folder, task)
    events: list[Event] = [Created(0.0, "tiny", task.objectives(), task.cost_names(), plan.overrides)]
    events.append(Opened(0.0, "here", 1, 2, None))
    costs = dict.fromkeys(task.cost_names(), 1.0)
    generator = np.random.default_rng(0)
    candidates = [plan.space.default(), plan.space.sample(generator)]
    tested: list[Event] = []
    for number in range(6):
        which, seed = number % 2, number // 2
        values = {}
        for split in (Split.VALIDATION, Split.TEST):
            rows = build_rows(task, split, *MEANS[which], seed=number)
            folder.cases.write(number, seed, split, rows)
            values[split] = dict(summarise(rows, DICE, task.rule).values)
        events.append(Started(0.0, number, candidates[which], seed, "random" if number < 2 else "confirmation"))
        events.append(Finished(1.0, number, values[Split.VALIDATION], costs, "", 0.0, 1.0))
        tested.append(happened.Tested(2.0, number, values[Split.TEST]))
    events.insert(6, happened.Confirming(1.5, (1, 0), (None, None), 3, 8))
    for event in (*events, *tested):
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
    assert certainty.confirmed_front == (1, 0)
    assert certainty.is_trade_off
    assert run("front", study, "--intervals") == 0
    shown = capsys.readouterr().out
    assert "(in brackets: 95% intervals)" in shown
    for trial in record.front.trials:
        interval = certainty.find_estimate(trial.trial_id, "accuracy")
        assert interval is not None
        low, high = (f"{bound:.3f}".removeprefix("0") for bound in (interval.low, interval.high))
        assert f"{trial.objectives['accuracy']:.3f} [{low} {high}]" in shown
    ends = describe_front(certainty)[-1]
    assert ends.endswith(": more than noise: a trade-off.")
    assert ends in shown.splitlines()
    assert shown.splitlines()[-1].startswith(CAPTION)
    assert run("front", study) == 0
    plain = capsys.readouterr().out
    assert "95% intervals" not in plain
    assert ends in plain.splitlines()


def test_the_same_command_prints_the_same(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for _ in range(2):
        assert run("front", study, "--intervals") == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]


def test_json_has_bounds_probabilities_and_what_is_confirmed(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("front", study, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["trial_id"] for row in rows] == [1, 0]
    for row in rows:
        for name in ("accuracy", "test_accuracy", "robustness", "test_robustness"):
            assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]
        assert row["probability"] > 0.9
        assert (row["state"], row["is_confirmed"], row["num_seeds"]) == ("on the front", True, 3)
        assert row["were_test_cases_seen"] is False


def test_the_search_ends_with_a_line_on_the_ends(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ends = describe_front(read_certainty(read(study), read(study).read_record()))[-1]
    assert run(*WORDS, f"storage={study.parent}") == 0
    assert ends in capsys.readouterr().out.splitlines()
    (study / "cases" / "trial-00000-validation.parquet").unlink()
    assert run(*WORDS, f"storage={study.parent}") == 0
    shown = capsys.readouterr().out
    assert "Front of tiny" in shown
    assert "Ends on test cases:" not in shown


def test_the_report_shows_whiskers_and_the_sentence(study: Path) -> None:
    folder = read(study)
    certainty = read_certainty(folder, folder.read_record())
    assert run("report", study, "--no-pictures") == 0
    page = (study / "report.html").read_text()
    assert f"<li>{describe_front(certainty)[-1]}</li>" in page
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    for trial in data["trials"]:
        known = certainty.selection.estimates.get(trial["id"], {})
        assert trial["intervals"] == {name: [one.low, one.high] for name, one in known.items() if one}
    assert sum(bool(trial["intervals"]) for trial in data["trials"]) == 2


def test_the_estimate_is_that_of_a_plain_table_of_seeds_and_cases(study: Path) -> None:
    """Accuracy is a mean over cases, so its contributions are the scores themselves."""
    folder = read(study)
    record = folder.read_record()
    estimate = read_certainty(folder, record).test.estimates[1]["accuracy"]
    assert estimate is not None
    rows = [folder.cases.read(number, Split.TEST, "dice") for number in (1, 3, 5)]
    table = np.array([[row.value for row in of_one if row.is_clean and not row.shift] for of_one in rows])
    assert estimate.value == pytest.approx(table.mean())
    assert estimate.subjects.variance == pytest.approx(table.mean(axis=0).var(ddof=1) / table.shape[1])


def test_missing_rows_are_refused_with_the_way_out(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number = read(study).read_record().front.trials[1].trial_id
    name = f"cases/trial-{number:05d}-validation.parquet"
    (study / name).unlink()
    assert run("front", study, "--intervals") == 2
    assert capsys.readouterr().err == (
        f"paretoseg: {name} is missing or holds no dice, so it is not known how sure the front is; restore it; "
        "without --intervals the front is shown as it is\n"
    )
    assert run("front", study) == 0
    capsys.readouterr()
    assert run("report", study, "--no-pictures") == 0
    assert f"Note: it is not known how sure the front is: {name} is missing" in capsys.readouterr().out


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
    assert f"the validation rows of trial {other.trial_id} give accuracy" in capsys.readouterr().err


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
    assert "because the validation split holds only cases of one subject." in shown
    assert " P " not in shown


def test_what_the_search_stored_is_shown_without_a_row_until_the_journal_grows(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*WORDS, f"storage={study.parent}") == 0
    capsys.readouterr()
    shown = []
    for words in ((), ("--intervals",), ("--json",)):
        assert run("front", study, *words) == 0
        shown.append(capsys.readouterr().out)
    shutil.rmtree(study / "cases")
    for words, before in zip(((), ("--intervals",), ("--json",)), shown, strict=True):
        assert run("front", study, *words) == 0
        assert capsys.readouterr().out == before
    folder = read(study)
    folder.journal.append(Opened(9.0, "here", 1, 2, None))
    folder.journal.close()
    assert run("front", study) == 0
    assert "it is not known how sure the front is: " in capsys.readouterr().out


def test_what_the_search_stored_is_what_the_rows_give(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*WORDS, f"storage={study.parent}") == 0
    assert run("front", study, "--json") == 0
    capsys.readouterr()
    assert run("front", study, "--json") == 0
    stored = capsys.readouterr().out
    (study / "certainty.json").unlink()
    assert run("front", study, "--json") == 0
    assert capsys.readouterr().out == stored


@pytest.mark.usefixtures("elsewhere")
def test_a_task_without_images_has_no_intervals_and_its_search_says_nothing_of_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(*TOY) == 0
    assert "Ends on test cases" not in capsys.readouterr().out
    assert run("front", "studies/mine", "--intervals") == 0
    shown = capsys.readouterr().out
    assert "Not known: an interval of accuracy and of robustness, because this study's task has no images." in shown
