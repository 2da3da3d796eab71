"""Whether the order of a study's trials holds, as the commands show it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from paretoseg.search.commands.plan import compose_new_or_stored, make_plan
from paretoseg.search.commands.stability import read_order
from paretoseg.search.config.splits import keep_splits
from paretoseg.search.reports.stability_text import CAPTION
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.trials.events import Created, Event, Finished, Opened, Started
from paretoseg.trainables.scoring.measures import DICE
from paretoseg.trainables.segmentation.task import SegmentationTask
from paretoseg.trainables.trainable import CaseScore, Split
from tests.scores import summarise
from tests.search.command_line import TINY, TOY, run

WORDS = [*TINY[1:], "budget.trials=7", "task.corruptions=[gaussian_noise,gaussian_blur]"]
COLUMNS = ["tau_without_blur", "tau_without_noise", "tau_severities_equal", "tau_severities_half",
           "tau_severities_strongest"]  # fmt: skip


def build_rows(task: SegmentationTask, generator: np.random.Generator) -> list[CaseScore]:
    """What a network could have scored on the validation cases of the data."""
    levels = [("none", 0), *((name, level) for name in task.settings.corruptions for level in task.settings.severities)]
    return [
        CaseScore(case.case, case.domain, corruption, level, "dice", generator.random())
        for case in task.split_rows()
        if case.split == Split.VALIDATION.value
        for corruption, level in levels
    ]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of seven trials, of which one is degenerate and one has lost its rows."""
    words = [*WORDS, f"storage={tmp_path_factory.mktemp('studies')}"]
    plan = make_plan(compose_new_or_stored(words), words)
    folder, task, generator = plan.folder, plan.task, np.random.default_rng(0)
    assert isinstance(task, SegmentationTask)
    folder.write_experiment(plan.text)
    keep_splits(folder, task)
    events: list[Event] = [Created(0.0, "tiny", task.objectives(), task.cost_names(), plan.overrides)]
    events.append(Opened(0.0, "here", 1, 7, None))
    costs = dict.fromkeys(task.cost_names(), 1.0)
    for number in range(7):
        rows = build_rows(task, generator)
        if number != 5:
            folder.cases.write(number, 0, Split.VALIDATION, rows)
        values = dict(summarise(rows, DICE, task.rule).values)
        events.append(Started(0.0, number, plan.space.default(), 0, "random"))
        events.append(Finished(1.0, number, values, costs, "constant" if number == 6 else "", 0.0, 1.0))
    for event in events:
        folder.journal.append(event)
    folder.journal.close()
    return Path(folder.folder.location)


@pytest.fixture
def study(searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to be changed."""
    monkeypatch.setenv("COLUMNS", "120")
    return Path(shutil.copytree(searched, tmp_path / "tiny"))


def test_the_front_shows_the_taus_over_sound_trials_with_rows(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = StudyFolder(str(study))
    stability, reality = read_order(folder, folder.read_record())
    assert reality is None
    assert stability.num_trials == 5
    assert list(stability.columns) == COLUMNS
    assert run("front", study, "--stability") == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "Order of 5 trials in robustness" in lines
    assert f"without noise {stability.without['noise']:.2f}" in lines
    assert f"only the strongest severity {stability.weights['strongest']:.2f}" in lines
    assert CAPTION in lines


def test_json_has_the_taus_in_every_row_on_request_and_is_as_before_without(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = StudyFolder(str(study))
    columns = read_order(folder, folder.read_record())[0].columns
    assert run("front", study, "--json", "--stability") == 0
    rows = json.loads(capsys.readouterr().out)
    assert run("front", study, "--json") == 0
    plain = json.loads(capsys.readouterr().out)
    assert rows == [row | columns for row in plain]
    assert not {*columns} & {*plain[0]}


def test_few_trials_have_nulls_and_dashes(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (study / "cases" / "trial-00000-validation.parquet").unlink()
    assert run("front", study, "--json", "--stability") == 0
    row = json.loads(capsys.readouterr().out)[0]
    assert [row[name] for name in COLUMNS] == [None] * len(COLUMNS)
    assert run("front", study, "--stability") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Order of 4 trials in robustness (too few to compare)" in shown
    assert "without noise -" in shown


def test_the_report_has_a_table_and_a_picture(study: Path) -> None:
    assert run("report", study, "--no-pictures") == 0
    page = (study / "report.html").read_text()
    section = page.split('<section id="stability">')[1].split("</section>")[0]
    folder = StudyFolder(str(study))
    stability, _ = read_order(folder, folder.read_record())
    assert f'<td>without noise</td><td class="number">{stability.without["noise"]:.2f}</td>' in section
    assert "data:image/png;base64," in section


def test_the_report_leaves_the_picture_out_if_no_tau_is_known(study: Path) -> None:
    (study / "cases" / "trial-00000-validation.parquet").unlink()
    assert run("report", study, "--no-pictures") == 0
    section = (study / "report.html").read_text().split('<section id="stability">')[1].split("</section>")[0]
    assert "data:image" not in section


def test_rows_of_another_network_are_refused_and_the_report_says_so(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = StudyFolder(str(study))
    rows = folder.cases.read(0, Split.VALIDATION)
    folder.cases.write(0, 0, Split.VALIDATION, [replace(row, value=row.value / 2) for row in rows])
    assert run("front", study, "--stability") == 2
    error = capsys.readouterr().err
    assert "the rows of trial 0 give robustness" in error
    assert error.endswith("; without --stability the front is shown as it is\n")
    assert run("report", study, "--no-pictures") == 0
    assert "Note: the stability of the order is left out: the rows of trial 0" in capsys.readouterr().out
    assert 'id="stability"' not in (study / "report.html").read_text()


@pytest.mark.usefixtures("elsewhere")
def test_a_task_without_images_has_no_stability(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TOY) == 0
    capsys.readouterr()
    assert run("front", "studies/mine", "--stability") == 2
    assert capsys.readouterr().err.startswith("paretoseg: this study's task has no images, so the order of its trials")
