"""The command line and a user's own data: refused as a whole, or run, resumed and reported on the same data only."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from paretoseg.search.commands.cli import main
from paretoseg.search.running.worker import Broken, Job, JobKind, Work
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.datasets import load_once
from paretoseg.trainables.data.decathlon import DecathlonConfig
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.trainable import Assignment
from tests.trainables.data_files import draw_mask, draw_picture, write_list, write_picture, write_pictures

TASK = ["task.num_steps=1", "task.iterations_per_step=1", "task.pixels_per_batch=256", "task.num_quick_cases=1"]
SPACE = ["space.patch=16", "space.width=4", "space.depth=2", "task.corruptions=[gaussian_noise]", "task.severities=[1]"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))


def search(*overrides: str) -> int:
    return main(
        ["search", "study=mine", "task=segmentation", "cluster=serial", "baselines=[]", "budget.trials=1", *overrides]
    )


def test_bad_data_is_refused_in_one_report_and_nothing_starts(capsys: pytest.CaptureFixture[str]) -> None:
    write_pictures(Path("data"))
    Path("data/images/c0.png").unlink()
    write_picture(Path("data/masks/c1.png"), draw_mask(value=255))
    assert search("data=decathlon", "data.root=data") == 2
    error = capsys.readouterr().err
    assert error.startswith("paretoseg: ")
    assert "images/c0.png' is missing" in error
    assert "masks/c1.png' has values 255" in error
    assert "Traceback" not in error
    assert not Path("studies").exists()


@pytest.mark.parametrize("override", ["data.shift=[mars]", "data.label_map=[255:orgam]", "data.intensity=ct"])
def test_names_that_are_not_known_are_refused(override: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_pictures(Path("data"))
    assert search("data=decathlon", "data.root=data", override) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not Path("studies").exists()


def test_a_study_runs_and_is_resumed_on_moved_data_but_not_on_other_data(capsys: pytest.CaptureFixture[str]) -> None:
    write_pictures(Path("data"))
    assert search("data=decathlon", "data.root=data", *TASK, *SPACE) == 0
    assert Path("studies/mine/splits.json").is_file()
    shutil.move("data", "moved")
    assert main(["search", "study=mine", "data.root=moved"]) == 0
    assert "The study is complete" in capsys.readouterr().out
    write_picture(Path("moved/images/c3.png"), draw_picture(99))
    assert main(["search", "study=mine", "data.root=moved"]) == 2
    error = capsys.readouterr().err
    assert "the data has changed since the study started: case 'c3' has another image" in error
    assert main(["report", "studies/mine"]) == 0  # the pictures are left out, and that is said


def write_domains(root: Path) -> None:
    """Eight pairs here and four there, all of 16 x 16."""
    for number, domain in enumerate(["here"] * 8 + ["there"] * 4):
        write_picture(root / "images" / domain / f"c{number:02d}.png", draw_picture(number, (16, 16)))
        write_picture(root / "masks" / domain / f"c{number:02d}.png", draw_mask((16, 16)))


def test_shift_sets_are_measured_on_validation_for_all_and_on_test_for_the_front(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_domains(Path("data"))
    data = ["data=folder", "data.root=data", "data.shift=[there]"]
    assert search(*data, *TASK, *SPACE, "budget.trials=3", "task.surface_metrics=none", "confirm.seeds=1") == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "Note: shift set 'there': 2 validation and 2 test cases, none in training" in words
    splits = {row["case"]: row for row in json.loads(Path("studies/mine/splits.json").read_text())["cases"]}
    away = {name for name, row in splits.items() if row["shift"] == "there"}
    assert away == {"c08", "c09", "c10", "c11"}
    assert not any(splits[name]["split"] == "train" for name in away)

    trials = pd.read_parquet("studies/mine/trials.parquet").set_index("trial_id")
    cases = pd.read_parquet("studies/mine/cases")
    rows = cases[cases["shift"] == "there"]
    assert set(rows.corruption) == {"none"}
    for split, measured in (("validation", set(trials.index)), ("test", set(trials.index[trials.is_on_front]))):
        of_split = rows[rows["split"] == split]
        assert set(of_split.trial_id) == measured
        assert set(of_split["case"]) == {name for name in away if splits[name]["split"] == split}
    for trial_id, trial in trials.iterrows():
        mine = cases[(cases.trial_id == trial_id) & (cases["split"] == "validation") & (cases["class"] == "mean")]
        clean = mine[(mine["shift"] == "") & (mine.corruption == "none")]
        assert trial.accuracy == pytest.approx(clean.value.mean())

    assert main(["search", "study=mine", "data.shift=[]"]) == 2
    assert "case 'c08' has" in capsys.readouterr().err


def test_a_new_site_without_labels_or_with_other_classes_is_refused_before_the_search(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_pictures(Path("data"))
    cases = write_pictures(Path("sites/north"))
    write_list(Path("sites/north"), cases, labels={"0": "background", "1": "tumour"})
    Path("sites/north/masks/c1.png").unlink()
    assert search("data=decathlon", "data.root=data", f"data.shift=[{Path.cwd()}/sites/north]") == 2
    error = capsys.readouterr().err
    assert "sites/north' must have the classes of the data, background, organ, got background, tumour" in error
    assert "sites/north/masks/c1.png' is missing" in error
    assert "Traceback" not in error
    assert not Path("studies").exists()
    assert search("data=decathlon", "data.root=data", "data.shift=[sites/south]") == 2
    assert "data.shift: unknown shift set 'sites/south', and there is no folder of that path" in capsys.readouterr().err


def test_a_study_is_resumed_where_the_folder_of_a_shift_set_has_moved(capsys: pytest.CaptureFixture[str]) -> None:
    write_domains(Path("data"))
    shutil.move("data/images/there", "far/north/images")
    shutil.move("data/masks/there", "far/north/masks")
    data = ["data=folder", "data.root=data", "data.shift=[far/north]"]
    assert search(*data, *TASK, *SPACE, "task.surface_metrics=none") == 0
    shutil.move("far", "near")
    assert main(["search", "study=mine"]) == 2
    assert "data.shift: unknown shift set 'far/north'" in capsys.readouterr().err
    assert main(["search", "study=mine", "data.shift=[near/north]"]) == 0
    assert "The study is complete" in capsys.readouterr().out


def test_images_smaller_than_the_patch_are_a_note(capsys: pytest.CaptureFixture[str]) -> None:
    write_pictures(Path("data"))
    assert search("data=decathlon", "data.root=data", *TASK, *SPACE, "space.patch=32") == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "Note: 5 of 5 images are smaller than the largest patch (32) and are padded with zeros: c0" in words


def test_a_case_that_becomes_unreadable_fails_the_trial_that_reads_it_by_name() -> None:
    write_pictures(Path("data"))
    task = SegmentationConfig().build(DecathlonConfig(root="data"))
    task.check()
    Path("data/images/c2.png").write_bytes(b"gone")
    job = Job(JobKind.TRIAL, 0, Assignment(Candidate(), seed=1), task, "studies/mine", timeout_min=60.0)
    result = Work(job).advance().result
    assert isinstance(result, Broken)
    assert result.failure.reason.startswith("ValueError: case 'c2': file '")
    assert "images/c2.png' cannot be read" in result.failure.reason
    write_picture(Path("data/images/c2.png"), draw_picture(2))
    assert load_once(task.data).num_channels == 1
