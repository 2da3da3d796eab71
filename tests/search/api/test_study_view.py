"""A study as Python sees it: the tables of its files, what the commands say, and no trace of a look."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import paretoseg
from paretoseg.search.commands.cli import main
from paretoseg.search.store.lock import hold_lock
from paretoseg.search.store.study_folder import StudyFolder
from tests.builders import created
from tests.search.crafted import EARLIER

pytestmark = pytest.mark.usefixtures("elsewhere")

PAGE = Path(__file__).parents[3] / "docs" / "python.md"
WORDS = ("study=demo", "task=toy", "cluster=serial", "strategy=random", "budget.trials=8")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished study of the toy task."""
    place = tmp_path_factory.mktemp("searched")
    paretoseg.run_search(*WORDS, f"storage={place}", quiet=True)
    return place / "demo"


@pytest.fixture
def view(searched: Path) -> Iterator[paretoseg.StudyView]:
    """The study, of which not a byte may change."""
    before = {path: path.read_bytes() for path in searched.rglob("*") if path.is_file()}
    with hold_lock(StudyFolder(str(searched)).folder):  # as a search does that goes on
        yield paretoseg.open_study(searched)
    after = {path: path.read_bytes() for path in searched.rglob("*") if path.is_file()}
    lock = searched / "writer.lock"
    assert {path: text for path, text in after.items() if path != lock} == {
        path: text for path, text in before.items() if path != lock
    }


def test_the_tables_are_those_of_the_files(view: paretoseg.StudyView, searched: Path) -> None:
    pd.testing.assert_frame_equal(view.trials, pd.read_parquet(searched / "trials.parquet"))
    candidates = pd.read_parquet(searched / "candidates.parquet")
    pd.testing.assert_frame_equal(view.candidates, candidates)
    front = pd.read_csv(searched / "front.csv")
    assert list(view.front["trial_id"]) == list(front["trial_id"])
    assert list(view.front.columns) == list(front.columns)
    assert view.front["accuracy"].is_monotonic_decreasing
    assert set(view.front["trial_id"]) == set(candidates.loc[candidates["is_on_front"], "trial_id"])


def test_the_rows_of_cases_are_those_of_the_files(view: paretoseg.StudyView, searched: Path) -> None:
    files = sorted(searched.glob("cases/*-validation.parquet"))
    whole = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    pd.testing.assert_frame_equal(view.cases(), whole)
    one = view.cases("test", trials=[int(view.front["trial_id"].iloc[0])])
    assert set(one["split"]) == {"test"}
    assert one["trial_id"].nunique() == 1
    assert len(view.cases(metric="nsd")) == 0
    with pytest.raises(ValueError, match="unknown split 'tests'; did you mean 'test'"):
        view.cases("tests")
    with pytest.raises(ValueError, match="none is number 99"):
        view.cases(trials=[99])


def test_measures_say_which_values_are_better(view: paretoseg.StudyView) -> None:
    measures = view.measures
    assert list(measures.index) == ["accuracy", "robustness", "parameters"]
    assert list(measures["better"]) == ["higher", "higher", "lower"]
    assert list(measures["is_objective"]) == [True, True, False]
    assert set(measures.index) <= set(view.front.columns)


def test_the_description_is_what_the_command_prints(
    view: paretoseg.StudyView, searched: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["front", str(searched)]) == 0
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert view.describe().splitlines() == printed
    assert view.name == "demo"
    assert view.notes == []
    assert repr(view) == f"<StudyView '{searched}': {len(view.trials)} trials, {len(view.front)} on the front>"


def test_a_study_that_only_began_has_empty_tables() -> None:
    folder = StudyFolder("young")
    folder.journal.append(created(name="young"))
    folder.journal.close()
    view = paretoseg.open_study("young")
    for table in (view.front, view.candidates, view.trials, view.cases()):
        assert len(table) == 0
        assert "trial_id" in table.columns
    assert view.describe().startswith("No trial has finished yet")
    assert view._repr_html_().startswith("<iframe")


def test_a_growing_study_is_read_again() -> None:
    paretoseg.run_search(*WORDS, "budget.trials=2", "confirm.seeds=1", quiet=True)
    view = paretoseg.open_study("studies/demo")
    assert len(view.trials) == 2
    paretoseg.run_search("study=demo", "budget.trials=4", quiet=True)
    assert len(view.trials) == 4
    assert set(view.front["trial_id"]) == {int(line) for line in pd.read_csv("studies/demo/front.csv")["trial_id"]}


def test_a_study_of_an_earlier_version_opens(tmp_path: Path) -> None:
    place = shutil.copytree(EARLIER, tmp_path / "earlier")
    view = paretoseg.open_study(place)
    rows = view.cases()
    assert len(view.front) > 0
    assert list(rows.columns)[-2:] == ["value", "objective"]
    assert rows["value"].notna().all()


def test_the_report_goes_where_it_is_asked_for(searched: Path, tmp_path: Path) -> None:
    view = paretoseg.open_study(shutil.copytree(searched, tmp_path / "copy"))
    assert view.report(tmp_path / "page.html", pictures=False) == str(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    assert view.report() == f"{tmp_path}/copy/report.html"
    assert (tmp_path / "copy" / "report.html").exists()
    with pytest.raises(ValueError, match="output must lie in an existing folder"):
        view.report("missing/page.html")


def test_the_example_of_the_page_runs_as_it_stands_there(capsys: pytest.CaptureFixture[str]) -> None:
    example = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
    exec(example, {})
    shown = capsys.readouterr().out
    assert shown.count("Front of demo") == 2  # as the search and the study show it
    assert "accuracy      higher" in shown
    assert Path("demo.html").is_file()


def test_a_place_without_a_study_is_refused() -> None:
    with pytest.raises(ValueError, match="no study at 'nowhere'"):
        paretoseg.open_study("nowhere")
