"""`paretoseg ablate` from the command line: on the toy task, and on networks that train for a moment."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from paretoseg.search.running.worker import Work
from paretoseg.search.store.ablation_folder import AblationFolder
from paretoseg.search.store.lock import hold_lock
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.toy import closed_form, count_parameters
from tests.search.command_line import TINY, TOY, run

WORDS = ["--candidate", 0, "--dimensions", "skip,depth"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    storage = tmp_path_factory.mktemp("studies")
    assert run(*TOY, "confirm.seeds=3", "task.wobble=0.01", "seed=5", f"storage={storage}") == 0
    return storage / "mine"


@pytest.fixture
def study(searched: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(searched, tmp_path / "studies" / "mine"))


def contents(study: Path) -> dict[Path, bytes]:
    """What the study itself keeps, byte by byte."""
    paths = [path for path in study.rglob("*") if path.is_file() and "ablations" not in path.parts]
    return {path.relative_to(study): path.read_bytes() for path in paths}


def trained(study: Path, number: int = 0) -> list[Trial]:
    return list(AblationFolder(StudyFolder(str(study)).folder, number).read_record().trials)


def test_the_neighbours_are_trained_seed_by_seed_and_the_study_is_left_alone(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(study)
    record = StudyFolder(str(study)).read_record()
    own = [trial for trial in record.trials if trial.candidate == record.trials[0].candidate]
    assert {trial.seed for trial in own} == {5, 6, 7}, "the first candidate was confirmed"
    num_choosing = sum(trial.origin != "confirmation" for trial in own)
    assert run("ablate", study, *WORDS) == 0
    shown = capsys.readouterr().out
    assert "it and 6 neighbours under seeds 5, 6, 7 are 21 trainings (3 of the study); 18 to go, about" in shown
    assert contents(study) == before
    folder, trials = study / "ablations" / "0", trained(study)
    assert [trial.seed for trial in trials] == [5] * 6 + [6] * 6 + [7] * 6
    assert [trial.candidate for trial in trials[:6]] == [trial.candidate for trial in trials[6:12]]
    assert {path.name.split("-")[-1] for path in (folder / "cases").iterdir()} == {"validation.parquet"}
    assert list((folder / "checkpoints").iterdir()) == []
    assert all(not trial.test for trial in trials)
    assert (folder / "ablation.png").read_bytes().startswith(b"\x89PNG")
    assert "skip: concatenation -> none" in shown
    assert "No interval for accuracy and robustness: this study's task has no images." in shown
    assert f"The search has chosen the candidate by {num_choosing} of its 3 trainings, on these cases" in shown
    assert "no test case is touched" in shown
    assert run("ablate", study, *WORDS) == 0
    assert "(3 of the study, 18 done before); 0 to go." in capsys.readouterr().out
    assert trained(study) == trials


def test_neighbours_that_break_a_constraint_known_before_are_not_trained(capsys: pytest.CaptureFixture[str]) -> None:
    base = SearchSpace().default()
    size = count_parameters(base)
    assert run(*TOY, "budget.trials=2", f'constraints=["parameters<={size}"]') == 0
    capsys.readouterr()
    assert run("ablate", "studies/mine", *WORDS, "--seeds", 1) == 0
    shown = capsys.readouterr().out
    depth = base.architecture.depth
    assert f"depth: {depth} -> {depth + 1}" in shown
    assert f" is not trained, as it breaks parameters<={size:g}" in shown
    trials = trained(Path("studies/mine"))
    assert trials
    assert max(count_parameters(trial.candidate) for trial in trials) <= size


def test_the_table_holds_the_paired_differences(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ablate", study, *WORDS, "--json") == 0
    streams = capsys.readouterr()
    rows = json.loads(streams.out)
    assert "neighbours under seeds" in streams.err
    table = pd.read_csv(study / "ablations" / "0" / "ablation.csv")
    assert list(table.change) == [row["change"] for row in rows]
    base = StudyFolder(str(study)).read_record().trials[0].candidate
    for row, accuracy in zip(rows, table.accuracy_difference, strict=True):
        assert row["accuracy_difference"] == pytest.approx(accuracy)
        assert (row["accuracy_verdict"], row["accuracy_low"]) == ("unknown", None)
        changed = Candidate.from_dict(base.as_dict() | {row["dimension"]: _read(row["after"])})
        if "with" not in row["change"]:  # noise of three seeds, of standard deviation .01 each
            expected = closed_form(changed)[0] - closed_form(base)[0]
            assert row["accuracy_difference"] == pytest.approx(expected, abs=5 * 0.01 * np.sqrt(2 / 3))


def _read(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def test_more_dimensions_and_seeds_are_added(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ablate", study, "--candidate", 0, "--dimensions", "skip", "--most", 1) == 0
    assert "Left out, as --most is 1: skip: addition, attention_gate, dense." in capsys.readouterr().out
    assert len(trained(study)) == 3
    assert run("ablate", study, "--candidate", 0, "--dimensions", "depth", "--seeds", 4, "--json") == 0
    streams = capsys.readouterr()
    assert "under seeds 5, 6, 7, 8 are 12 trainings (3 of the study); 9 to go" in streams.err
    assert [(row["dimension"], row["seeds"]) for row in json.loads(streams.out)] == [
        ("skip", "5 6 7"), ("depth", "5 6 7 8"), ("depth", "5 6 7 8")
    ]  # fmt: skip


def test_an_interrupted_ablation_goes_on_and_ends_as_without_the_interruption(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Path(shutil.copytree(study, tmp_path / "whole" / "mine"))
    assert run("ablate", whole, *WORDS) == 0
    calls, advance = [0], Work.advance

    def advance_or_stop(self: Work) -> object:
        calls[0] += 1
        if calls[0] == 30:  # in the eighth trial
            raise KeyboardInterrupt
        return advance(self)

    monkeypatch.setattr(Work, "advance", advance_or_stop)
    capsys.readouterr()
    assert run("ablate", study, *WORDS) == 75
    shown = capsys.readouterr().out
    assert "11 trainings have not ended, so the table is not final." in shown
    assert "Work is left; the same command resumes." in shown
    monkeypatch.undo()
    assert run("ablate", study, *WORDS) == 0
    assert [(one.candidate, one.seed, one.objectives) for one in trained(study)] == [
        (one.candidate, one.seed, one.objectives) for one in trained(whole)
    ]
    files = ("ablation.csv", "ablation.json")
    for name in files:
        assert (study / "ablations/0" / name).read_bytes() == (whole / "ablations/0" / name).read_bytes()


def test_failed_trainings_are_named_and_not_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    failing = ["task.failure=error", "task.fails_below=0.31", "space.foreground_ratio=[0.1,0.9]"]
    assert run(*TOY, *failing, "confirm.seeds=1", "budget.trials=1") == 0
    for number in ("8 to go", "0 to go"):
        capsys.readouterr()
        assert run("ablate", "studies/mine", "--candidate", 0, "--dimensions", "foreground_ratio") == 0
        shown = capsys.readouterr().out
        assert number in shown
        assert "foreground_ratio: 0.5 -> 0.3 could not be trained under seeds 0, 1, 2." in shown


def test_the_number_of_a_further_seed_leads_to_its_candidate(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [first, *_], *_ = [[one for one in StudyFolder(str(study)).read_record().results[0].trials if one.trial_id]]
    assert run("ablate", study, "--candidate", first.trial_id, "--dimensions", "skip", "--most", 1) == 0
    assert f"Note: trial {first.trial_id} is a further seed of candidate 0" in capsys.readouterr().out
    assert [path.name for path in (study / "ablations").iterdir()] == ["0"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--candidate", 99], "the study has no candidate 99 with a sound network; known: 0, "),
        ([*WORDS, "--seeds", 0], "--seeds must lie in 1..20, got 0"),
        ([*WORDS, "--most", 0], "--most must be at least 1, got 0"),
        (["--candidate", 0, "--dimensions", "skipp"], "unknown dimension 'skipp'; did you mean 'skip'"),
        (["--candidate", 0, "--dimensions", "loss"], "does not search dimension 'loss'; it searches skip, depth"),
        ([*WORDS, "seed=3"], "an ablation trains and measures as the study did and cannot change seed; it takes"),
        ([*WORDS, "task.noise=1"], "cannot change task.noise"),
        ([*WORDS, "nonsense=1"], "unknown key 'nonsense'"),
        ([*WORDS, "resources"], "cannot read 'resources'; an override reads key=value"),
        ([*WORDS, "cluster=slurm"], "an ablation runs with cluster=local, serial or attached"),
    ],
)
def test_mistakes_are_refused_in_one_line_before_anything_is_written(
    searched: Path, words: list[object], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(searched.rglob("*"))
    assert run("ablate", searched, *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("paretoseg: ")
    assert error.count("\n") == 1
    assert set(searched.rglob("*")) == before


def test_a_missing_study_and_one_without_a_network_are_refused(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ablate", "studies/none", "--candidate", 0) == 2
    assert "no study at 'studies/none'" in capsys.readouterr().err
    experiment = (study / "experiment.yaml").read_text()
    (study / "experiment.yaml").unlink()
    assert run("ablate", study, *WORDS) == 2
    assert "experiment.yaml is missing" in capsys.readouterr().err
    (study / "experiment.yaml").write_text(experiment.replace("depth: null", "depth: 2"))
    assert run("ablate", study, "--candidate", 0, "--dimensions", "skip") == 2
    assert "candidate 0 lies outside of the study's space, as its dimension 'depth'" in capsys.readouterr().err


def test_two_at_a_time_and_another_ablation_in_the_folder_are_refused(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = AblationFolder(StudyFolder(str(study)).folder, 0)
    with hold_lock(place.folder, kind="ablation"):
        assert run("ablate", study, *WORDS) == 2
    assert "is being written by" in capsys.readouterr().err
    shutil.rmtree(study / "ablations")
    other = StudyFolder(str(study)).read_record().results[-1].number
    assert run("ablate", study, "--candidate", other, "--dimensions", "attention", "--most", 1, "--seeds", 1) == 0
    capsys.readouterr()
    (study / "ablations" / str(other)).rename(study / "ablations" / "0")
    assert run("ablate", study, *WORDS) == 2
    error = capsys.readouterr().err
    assert "does not hold an ablation of candidate 0: trial 0 there is none of its neighbours; move it away" in error


def test_an_ablation_cannot_be_confirmed_or_searched_on(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would measure test cases."""
    assert run("ablate", study, "--candidate", 0, "--dimensions", "skip", "--most", 1, "--seeds", 1) == 0
    capsys.readouterr()
    assert run("confirm", study / "ablations" / "0") == 2
    assert run("search", "study=0", f"storage={study / 'ablations'}", "task=toy") == 2
    assert run("status", study / "ablations" / "0") == 0


def test_the_report_shows_ablations(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ablate", study, *WORDS, "--most", 1, "--seeds", 1) == 0
    (study / "ablations" / "7").mkdir()
    (study / "ablations" / "7" / "ablation.json").write_text("{}")
    capsys.readouterr()
    assert run("report", study, "--no-pictures") == 0
    page = (study / "report.html").read_text()
    assert "<h3>Candidate 0</h3>" in page
    assert "<td>skip: concatenation → none</td>" in page
    assert "Candidate 7" not in page
    assert "Note: the ablation of candidate 7 is left out: " in capsys.readouterr().out


@pytest.mark.slow
def test_real_networks_get_intervals_from_validation_cases_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TINY, "budget.trials=1", "confirm.seeds=1") == 0
    study = Path("studies/tiny")
    tested = (study / "cases" / "trial-00000-test.parquet").read_bytes()
    capsys.readouterr()
    assert run("ablate", study, "--candidate", 0, "--dimensions", "mirroring", "--json", "cluster=serial") == 0
    streams = capsys.readouterr()
    [row] = json.loads(streams.out)
    assert "are 6 trainings (1 of the study); 5 to go" in streams.err
    assert (study / "cases" / "trial-00000-test.parquet").read_bytes() == tested
    folder = study / "ablations" / "0"
    rows = pd.concat([pd.read_parquet(folder / "cases"), pd.read_parquet(study / "cases")])
    assert set(pd.read_parquet(folder / "cases").split) == {"validation"}
    means = rows[(rows["split"] == "validation") & (rows.objective == "accuracy")]
    assert len(means) == 6 * 4
    if row["seeds"] == "0 1 2":
        low, value, high = (row[f"accuracy_{name}"] for name in ("low", "difference", "high"))
        assert low < value < high
        assert row["accuracy_verdict"] in ("within noise", "more than noise")
        trials = pd.read_parquet(folder / "trials.parquet").set_index(["mirroring", "seed"]).accuracy
        first = pd.read_parquet(study / "trials.parquet").accuracy[0]
        before = [first, *trials["off"]]
        assert value == pytest.approx(np.mean(trials["on"]) - np.mean(before))
    else:  # tiny networks may be broken
        assert row["collapsed"] or "is broken under" in streams.err
    assert row["parameters_difference"] == 0
    trained_before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    (study / "cases" / "trial-00000-validation.parquet").write_bytes(b"no rows")
    assert run("ablate", study, "--candidate", 0, "--dimensions", "mirroring", "--seeds", 4, "cluster=serial") == 2
    assert "cases/trial-00000-validation.parquet is damaged" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == trained_before
