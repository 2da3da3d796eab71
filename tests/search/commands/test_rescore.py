import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from paretoseg.search.commands.cli import main
from paretoseg.search.store.checkpoints import Checkpoints
from paretoseg.search.store.lock import hold_lock
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.trainables.segmentation.trial import SegmentationTrainable
from paretoseg.trainables.trainable import Split
from tests.search.command_line import TINY

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A finished study of tiny networks of which every checkpoint was kept."""
    folder = tmp_path_factory.mktemp("studies")
    with pytest.MonkeyPatch.context() as patch:
        for method in ("keep_only", "delete"):
            patch.setattr(Checkpoints, method, lambda self, trial_ids: None)
        assert main([*TINY, "budget.trials=3", f"storage={folder}"]) == 0
    return folder / "tiny"


@pytest.fixture
def study(kept, tmp_path):
    return Path(shutil.copytree(kept, tmp_path / "studies" / "tiny"))


def contents(study):
    """What the study itself keeps, byte by byte."""
    paths = [path for path in study.rglob("*") if path.is_file() and "rescores" not in path.parts]
    return {path.relative_to(study): path.read_bytes() for path in paths}


def read_table(folder):
    columns = [f"{name}_{when}" for name in ("accuracy", "robustness") for when in ("before", "after")]
    return pd.read_csv(folder / "front.csv", converters=dict.fromkeys(columns, float)).set_index("trial_id")


def rescore(study, *words):
    return main(["rescore", str(study), *words])


def test_the_studys_own_battery_gives_its_own_rows_to_the_bit_and_the_study_is_left_alone(study, capsys):
    before = contents(study)
    record = StudyFolder(str(study)).read_record()
    assert rescore(study, "severities=[2,4]", "--name", "same") == 0
    assert contents(study) == before
    beside = study / "rescores" / "same"
    sound = {trial.trial_id for trial in record.trials if trial.is_eligible}
    names = {path.name for path in (beside / "cases").iterdir()}
    assert names == {path.name for path in (study / "cases").iterdir() if int(path.name[6:11]) in sound}
    for name in names:
        assert (beside / "cases" / name).read_bytes() == (study / "cases" / name).read_bytes()
    table = read_table(beside)
    assert set(table.index) == sound
    for trial in (record.trials[trial_id] for trial_id in sound):
        row = table.loc[trial.trial_id]
        assert row.accuracy_before == row.accuracy_after == trial.objectives["accuracy"]
        assert row.robustness_before == row.robustness_after == trial.objectives["robustness"]
    assert list(table.was_on_front) == list(table.is_on_front)
    assert set(table.index[table.is_on_front]) == {trial.trial_id for trial in record.front.trials}
    shown = capsys.readouterr().out
    assert "no trial leaves or joins it" in shown
    assert (beside / "drift.png").read_bytes().startswith(b"\x89PNG")


def test_another_battery_is_measured_beside_and_not_twice(study, capsys, monkeypatch):
    words = ("corruptions=[impulse_noise]", "severities=[1,5]", "--name", "impulse")
    assert rescore(study, *words) == 0
    beside = study / "rescores" / "impulse"
    rows = pd.read_parquet(beside / "cases")
    assert set(zip(rows.corruption, rows.severity, strict=True)) == {
        ("none", 0), ("impulse_noise", 1), ("impulse_noise", 5)
    }  # fmt: skip
    own = pd.read_parquet(study / "cases")
    own = own[own.trial_id.isin(rows.trial_id)]
    clean = ["trial_id", "split", "case", "metric", "class", "value"]
    pd.testing.assert_frame_equal(
        rows[rows.corruption == "none"][clean].reset_index(drop=True),
        own[own.corruption == "none"][clean].reset_index(drop=True),
    )
    table = read_table(beside)
    assert (table.accuracy_before == table.accuracy_after).all()
    assert not (table.robustness_before == table.robustness_after).any()
    record = json.loads((beside / "rescore.json").read_text())
    assert record["schema"] == 1
    assert record["settings"]["task"]["corruptions"] == ["impulse_noise"]
    assert record["settings"]["task"]["severities"] == [1, 5]
    assert len(record["settings"]["task"]["strengths"]["impulse_noise"]) == 5

    monkeypatch.setattr(SegmentationTrainable, "evaluate", lambda self, split: pytest.fail("measured again"))
    before = {path: path.read_bytes() for path in (beside / "cases").iterdir()}
    capsys.readouterr()
    assert rescore(study, *words) == 0
    assert "measurements are done already" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in (beside / "cases").iterdir()} == before


def test_fewer_validation_cases_may_be_corrupted_and_test_cases_are_as_before(study):
    own = pd.read_parquet(study / "cases")
    assert rescore(study, "task.num_battery_cases=1", "--name", "few") == 0
    rows = pd.read_parquet(study / "rescores" / "few" / "cases")
    own = own[own.trial_id.isin(rows.trial_id)]
    corrupted, before = (frame[frame.severity > 0].groupby("split").case.nunique() for frame in (rows, own))
    assert corrupted["validation"] == 1 < before["validation"]
    assert corrupted["test"] == before["test"]
    assert rows[rows.severity == 0].shape == own[own.severity == 0].shape


def test_an_interrupted_rescoring_goes_on_where_it_was(study, capsys, monkeypatch):
    whole = SegmentationTrainable.evaluate
    measured = []

    def interrupt(self, split):
        if measured:
            raise KeyboardInterrupt
        measured.append(split)
        return whole(self, split)

    words = ("severities=[3]", "--name", "cut")
    monkeypatch.setattr(SegmentationTrainable, "evaluate", interrupt)
    assert rescore(study, *words) == 75
    assert "the same command resumes" in capsys.readouterr().out
    first = {path: path.read_bytes() for path in (study / "rescores" / "cut" / "cases").iterdir()}
    assert len(first) == 1

    again = []
    monkeypatch.setattr(
        SegmentationTrainable, "evaluate", lambda self, split: again.append(split) or whole(self, split)
    )
    assert rescore(study, *words) == 0
    paths = list((study / "rescores" / "cut" / "cases").iterdir())
    assert len(again) == len(paths) - 1 > 0
    assert all(path.read_bytes() == content for path, content in first.items())

    assert rescore(study, "severities=[3]", "--name", "whole") == 0
    for path in paths:
        assert path.read_bytes() == (study / "rescores" / "whole" / "cases" / path.name).read_bytes()


def test_a_trial_that_breaks_is_reported_and_measured_by_the_next_run(study, capsys, monkeypatch):
    whole = SegmentationTrainable.evaluate

    def fail(self, split):
        if split is Split.TEST:
            raise RuntimeError("no test today")
        return whole(self, split)

    with monkeypatch.context() as patch:
        patch.setattr(SegmentationTrainable, "evaluate", fail)
        assert rescore(study, "severities=[3]", "--name", "broken") == 75
    assert "error: RuntimeError: no test today" in capsys.readouterr().out
    assert rescore(study, "severities=[3]", "--name", "broken") == 0


def test_a_network_that_counts_as_broken_now_is_marked_and_off_the_front(study, monkeypatch, capsys):
    import paretoseg.trainables.segmentation.trial as module

    whole = module.SegmentationTrainable.evaluate
    [best, *_] = StudyFolder(str(study)).read_record().front.trials

    def mark(self, split):
        evaluation = whole(self, split)
        is_best = self._assignment.candidate == best.candidate
        return type(evaluation)(
            **{
                **vars(evaluation),
                "degenerate": "predicts almost nothing" if is_best else "",
                "note": "" if is_best else "never predicts tail",
            }
        )

    monkeypatch.setattr(module.SegmentationTrainable, "evaluate", mark)
    assert rescore(study, "severities=[3]", "--name", "broken") == 0
    shown = capsys.readouterr().out
    assert "leaves: predicts almost nothing" in shown
    assert "note: never predicts tail" in shown
    assert "Beside robustness" in shown
    table = read_table(study / "rescores" / "broken")
    assert not table.loc[best.trial_id].is_on_front
    assert table.loc[best.trial_id].degenerate == "predicts almost nothing"


def test_a_shift_set_is_measured_beside_the_studys_cases(study):
    assert rescore(study, "data.shift=[blend_0.60]", "--name", "shift") == 0
    rows = pd.read_parquet(study / "rescores" / "shift" / "cases")
    shifted = rows[rows["shift"] == "blend_0.60"]
    assert set(shifted.corruption) == {"none"}
    assert set(shifted.split) == {"validation", "test"}
    own = pd.read_parquet(study / "cases")
    own = own[own.trial_id.isin(rows.trial_id)]
    same = ["trial_id", "split", "case", "corruption", "severity", "metric", "class", "value"]
    pd.testing.assert_frame_equal(
        rows[rows["shift"] == ""][same].reset_index(drop=True), own[same].reset_index(drop=True)
    )


def test_a_study_that_a_search_works_on_is_only_read(study):
    with hold_lock(StudyFolder(str(study)).folder):
        assert rescore(study, "severities=[3]", "--name", "live") == 0
