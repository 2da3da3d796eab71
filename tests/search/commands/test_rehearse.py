"""`paretoseg rehearse`: what it shows and writes, what it refuses, and studies of earlier versions."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from tests.search.command_line import FAILING, TOY, run

EARLIER = Path(__file__).parents[2] / "earlier" / "study"
QUICK = ("--repetitions", 2, "--trials", 4, "--strategies", "random,nsga2")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The folder of a toy study of twelve trials."""
    place = tmp_path_factory.mktemp("recorded")
    words = [word for word in TOY if not word.startswith("strategy.")]
    assert run(*words, "strategy=random", "budget.trials=12", f"storage={place}") == 0
    return place / "mine"


@pytest.fixture
def study(recorded, elsewhere, capsys):
    """A copy of it, in the current folder."""
    shutil.copytree(recorded, "studies/mine")
    capsys.readouterr()
    return "studies/mine"


def read_rows(text):
    return list(csv.DictReader(text.splitlines()))


def test_it_shows_how_options_compare_and_what_that_is_worth(study, capsys):
    assert run("rehearse", study, *QUICK, "--workers", "1,2") == 0
    shown = capsys.readouterr().out
    assert "Rehearsal of mine: 2 simulated searches each" in shown
    for words in ("At the end of the budget, compared with 'random, 1 worker'", "only 12 candidates are recorded"):
        assert words in shown
    assert "proposals were replaced by the nearest recorded candidate" in shown
    assert "0 of 12 candidates are recorded with several" in shown
    assert "Health of 2 searches with random, 1 worker: " in shown
    assert max(map(len, shown.split("At the end")[0].splitlines())) <= 80


def test_it_writes_a_table_the_curves_and_a_picture(study, capsys):
    assert run("rehearse", study, *QUICK) == 0
    folder = Path("rehearsal-mine")
    assert sorted(path.name for path in folder.iterdir()) == ["curves.csv", "rehearsal.csv", "rehearsal.png"]
    assert (folder / "rehearsal.png").read_bytes().startswith(b"\x89PNG")
    rows = read_rows((folder / "rehearsal.csv").read_text())
    assert [(row["strategy"], row["budget_share"]) for row in rows] == [
        (strategy, share) for strategy in ("random", "nsga2") for share in ("0.25", "0.5", "1.0")
    ]
    for row in rows:
        assert 0 <= float(row["hypervolume"]) <= float(row["recorded_hypervolume"]) + 1e-12
        assert float(row["hypervolume_low"]) <= float(row["hypervolume"]) <= float(row["hypervolume_high"])
        assert (row["difference"] == "") == (row["strategy"] == "random")
    points = read_rows((folder / "curves.csv").read_text())
    assert {point["axis"] for point in points} == {"compute_hours", "hours"}
    assert len(points) == 2 * 2 * 101


def test_json_holds_the_rows_of_the_table_and_nothing_else(study, capsys):
    assert run("rehearse", study, *QUICK, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    kept = read_rows(Path("rehearsal-mine/rehearsal.csv").read_text())
    assert [str(row["hypervolume"]) for row in rows] == [row["hypervolume"] for row in kept]


def test_the_same_command_gives_the_same_curves(study):
    texts = []
    for output in ("one", "two"):
        assert run("rehearse", study, *QUICK, "--failures", 0.2, "--output", output) == 0
        texts.append(Path(output, "curves.csv").read_text())
    assert texts[0] == texts[1]


def test_the_study_is_only_read(study):
    before = {path: path.stat().st_mtime_ns for path in Path(study).rglob("*")}
    assert run("rehearse", study, *QUICK) == 0
    assert {path: path.stat().st_mtime_ns for path in Path(study).rglob("*")} == before


def test_left_out_options_are_those_of_the_study(study, capsys):
    assert run("rehearse", study, "--repetitions", 2, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert next(iter(rows))["strategy"] == "random"
    assert {(row["pruner"], row["workers"]) for row in rows} == {("never", 1)}
    assert {row["candidates"] for row in rows} == {12}


def test_studies_of_the_same_task_are_pooled(study, capsys):
    words = [word for word in TOY if not word.startswith(("strategy.", "study="))]
    assert run(*words, "study=more", "strategy=random", "seed=1", "budget.trials=8") == 0
    assert run(*words, "study=noisy", "strategy=random", "task.wobble=0.1", "budget.trials=8") == 0
    capsys.readouterr()
    assert run("rehearse", study, "studies/noisy", "studies/more", *QUICK, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert {(row["study"], row["candidates"]) for row in rows} == {("mine + more", 20), ("noisy", 8)}


def test_a_study_of_an_earlier_version_is_rehearsed(elsewhere, capsys):
    shutil.copytree(EARLIER, "studies/earlier")
    assert run("rehearse", "studies/earlier", "--repetitions", 2, "--json") == 0
    assert {row["candidates"] for row in json.loads(capsys.readouterr().out)} == {4}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["studies/other"], "no study at 'studies/other'; known: "),
        (["--strategies", "nsga"], "unknown strategy 'nsga'; did you mean 'nsga3'? known: "),
        (["--strategies", ","], "--strategies must name at least one of "),
        (["--pruners", "medium"], "unknown pruner 'medium'; did you mean 'median'? known: "),
        (["--workers", "0"], "--workers must lie in 1..10000, got 0"),
        (["--workers", "1;4"], "--workers must be whole numbers separated by commas, such as 1,4,16; got '1;4'"),
        (["--workers", ""], "--workers must name at least one number"),
        (["--trials", "0"], "--trials must be at least 1, got 0"),
        (["--trials", "13"], "--trials must be at most 12, as mine has 12 recorded candidates; got 13"),
        (["--repetitions", "1"], "--repetitions must be at least 2"),
        (["--failures", "1"], "--failures must lie in 0..1, below 1, got 1.0"),
        (["--failures", "nan"], "--failures must lie in 0..1, below 1, got nan"),
        (["--seed", "-1"], "--seed must not be negative, got -1"),
        (["--output", ""], "--output must name a folder, got ''"),
        (["--output", "studies/mine/experiment.yaml"], "--output must be a folder, but"),
    ],
)
def test_a_mistake_is_refused_in_one_line(study, capsys, arguments, message):
    assert run("rehearse", study, *arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    [line] = shown.err.splitlines()
    assert line.startswith("paretoseg: ")
    assert message in line
    assert not list(Path().glob("rehearsal-*"))


def test_a_study_in_which_nothing_finished_is_refused(elsewhere, capsys):
    run(*TOY, *FAILING)
    capsys.readouterr()
    assert run("rehearse", "studies/mine") == 2
    assert "study 'mine' has no finished trial, so there is nothing to play" in capsys.readouterr().err
