"""Whether robustness under corruptions predicts scores on shift sets, as the commands show it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from paretoseg.search.certainty.reality import measure_reality
from paretoseg.search.commands.plan import compose_new_or_stored, make_plan
from paretoseg.search.commands.stability import read_reality
from paretoseg.search.config.splits import keep_splits
from paretoseg.search.config.stored_task import rebuild_task
from paretoseg.search.reports.reality_text import CAPTION, describe_reality
from paretoseg.search.store.certainty_file import write_certainty
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.trials.events import Created, Event, Finished, Opened, Started
from paretoseg.trainables.scoring.measures import DICE
from paretoseg.trainables.segmentation.task import SegmentationTask
from paretoseg.trainables.trainable import CaseScore, Split
from tests.scores import summarise
from tests.search.command_line import TINY, run

WORDS = [*TINY[1:], "budget.trials=9", "task.corruptions=[gaussian_noise]", "task.severities=[3]",
         "data.shift=[blend_0.60,blend_0.80]"]  # fmt: skip
NUM_TRIALS = 9


def build_rows(task: SegmentationTask, values: dict[tuple[str, str], float]) -> list[CaseScore]:
    """Rows with one score for all cases of a shift set ('' for none) under a corruption."""
    return [
        CaseScore(case.case, case.domain, corruption, 3 * (corruption != "none"), "dice", value, shift=case.shift)
        for case in task.split_rows()
        if case.split == Split.VALIDATION.value
        for (shift, corruption), value in values.items()
        if shift == case.shift
    ]


@pytest.fixture(scope="module")
def scores() -> dict[tuple[str, str], np.ndarray]:
    """By shift set and corruption, the score of every trial."""
    keys = [("", "none"), ("", "gaussian_noise"), ("blend_0.60", "none"), ("blend_0.80", "none")]
    return dict(zip(keys, np.random.default_rng(0).random((4, NUM_TRIALS)), strict=True))


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, scores: dict[tuple[str, str], np.ndarray]) -> Path:
    words = [*WORDS, f"storage={tmp_path_factory.mktemp('studies')}"]
    plan = make_plan(compose_new_or_stored(words), words)
    folder, task = plan.folder, plan.task
    assert isinstance(task, SegmentationTask)
    folder.write_experiment(plan.text)
    keep_splits(folder, task)
    events: list[Event] = [Created(0.0, "tiny", task.objectives(), task.cost_names(), plan.overrides)]
    events.append(Opened(0.0, "here", 1, NUM_TRIALS, None))
    costs = dict.fromkeys(task.cost_names(), 1.0)
    for number in range(NUM_TRIALS):
        rows = build_rows(task, {key: float(values[number]) for key, values in scores.items()})
        folder.cases.write(number, 0, Split.VALIDATION, rows)
        events.append(Started(0.0, number, plan.space.default(), 0, "random"))
        found = dict(summarise(rows, DICE, task.rule).values)
        events.append(Finished(1.0, number, found, costs, "", 0.0, 1.0))
    for event in events:
        folder.journal.append(event)
    folder.journal.close()
    return Path(folder.folder.location)


@pytest.fixture
def study(searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to be changed."""
    monkeypatch.setenv("COLUMNS", "140")
    return Path(shutil.copytree(searched, tmp_path / "tiny"))


def test_robustness_leaves_shift_sets_out_and_is_compared_with_each(
    study: Path, scores: dict[tuple[str, str], np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("front", study, "--json", "--stability") == 0
    row = json.loads(capsys.readouterr().out)[0]
    for shift in ("blend_0.60", "blend_0.80"):
        site = scores[shift, "none"]
        assert row[f"rho_{shift}"] == pytest.approx(spearmanr(scores["", "gaussian_noise"], site).statistic)
        assert row[f"rho_{shift}_accuracy"] == pytest.approx(spearmanr(scores["", "none"], site).statistic)
        assert row[f"rho_{shift}_low"] < row[f"rho_{shift}"] < row[f"rho_{shift}_high"]
    mean = scores["blend_0.60", "none"] + scores["blend_0.80", "none"]
    assert row["rho_all_shifts"] == pytest.approx(spearmanr(scores["", "gaussian_noise"], mean).statistic)


def test_the_front_and_the_report_show_a_table(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("front", study, "--json", "--stability") == 0
    row = json.loads(capsys.readouterr().out)[0]
    low, high = row["rho_blend_0.60_low"], row["rho_blend_0.60_high"]
    cell = f"{row['rho_blend_0.60']:.2f} [{low:.2f}, {high:.2f}]"
    assert run("front", study, "--stability") == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "What predicts the scores of 9 trials on shift sets" in lines
    assert any(line.startswith(f"shift set blend_0.60 {cell}") for line in lines)
    assert lines[-1] == CAPTION
    assert run("report", study, "--no-pictures") == 0
    section = (study / "report.html").read_text().split('<section id="reality">')[1].split("</section>")[0]
    assert f'<td>shift set blend_0.60</td><td class="number">{cell}</td>' in section
    assert "mean over all shift sets" in section


def test_with_few_trials_it_is_unknown_and_never_a_number(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (0, 1):
        (study / "cases" / f"trial-0000{number}-validation.parquet").unlink()
    assert run("front", study, "--json", "--stability") == 0
    row = json.loads(capsys.readouterr().out)[0]
    assert {value for name, value in row.items() if name.startswith("rho_")} == {None}
    assert run("front", study, "--stability") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "of 7 trials on shift sets (too few to know)" in shown
    assert "shift set blend_0.60 unknown unknown unknown" in shown


def test_status_shows_what_the_search_stored(
    study: Path, scores: dict[tuple[str, str], np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("status", study) == 0
    assert "reality" not in capsys.readouterr().out
    folder = StudyFolder(str(study))
    record = folder.read_record()
    task = rebuild_task(folder, record.created)
    write_certainty(folder.folder, record, None, read_reality(folder, record, task))
    assert run("status", study) == 0
    mean = scores["blend_0.60", "none"] + scores["blend_0.80", "none"]
    value = spearmanr(scores["", "gaussian_noise"], mean).statistic
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("reality")]
    assert line.startswith(f"reality robustness against scores on 2 shift sets: rank correlation {value:.2f} [")
    assert line.endswith("], over 9 trials")
    assert "; at equal accuracy " in line


def test_status_says_that_few_trials_do_not_show_it() -> None:
    values = np.arange(3.0)
    [line] = describe_reality(measure_reality(values, values, {"site": values}))
    assert line == "whether robustness predicts scores on shift set site is not known: 3 trials are too few"
    [line] = describe_reality(measure_reality(np.arange(9.0), np.arange(9.0), {"site": np.zeros(9)}))
    assert line.endswith("on shift set site is not known: trials do not differ")
    assert describe_reality(None) == []
