"""A corruption that moves a class out of a case's image: known before the search, and no reason to end a trial."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from paretoseg.search.commands.cli import main
from paretoseg.trainables.data.folder import FolderConfig
from paretoseg.trainables.trainable import Split
from tests.trainables.data_files import draw_picture, write_picture

SHAPE = (32, 32)
DATA = ("data=folder", "data.root=data", "data.cache=caches")
BATTERY = (
    *("task.corruptions=[gaussian_noise,rotation]", "task.severities=[1,5]", "task.trained_corruptions=include"),
    *("task.strengths={rotation: [2, 4, 6, 8, 45]}", "task.num_battery_cases=0"),
)
TRAINING = (
    *("baselines=[]", "task.num_steps=1", "task.iterations_per_step=1", "task.pixels_per_batch=1024"),
    "task.measure_share=0",
    *("space.patch=16", "space.width=4", "space.depth=2", "budget.trials=1", "cluster=serial"),
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "500")


def write_pairs(cornered: set[str]) -> FolderConfig:
    """Twenty pictures with an object in the middle, or one of four pixels in a corner, which 45 degrees move out."""
    for number in range(20):
        name, mask = f"c{number:02}", np.zeros(SHAPE, dtype=np.uint8)
        mask[(slice(0, 2),) * 2 if name in cornered else (slice(8, 24),) * 2] = 1
        write_picture(Path("data/images") / f"{name}.png", draw_picture(number, SHAPE))
        write_picture(Path("data/masks") / f"{name}.png", mask)
    return FolderConfig(root="data", cache="caches")


@pytest.fixture
def cornered() -> dict[Split, str]:
    """Data whose first validation and test cases hold a small object in a corner; the names of these cases."""
    dataset = write_pairs(set()).load()
    names = {split: dataset.cases(split)[0].name for split in Split}
    write_pairs({*names.values()})
    return names


def search(*words: str) -> int:
    return main(["search", "study=mine", *DATA, *TRAINING, *BATTERY, *words])


def list_measured(folder: str) -> set[tuple[str, str, int]]:
    rows = pd.concat(map(pd.read_parquet, sorted(Path(folder, "cases").iterdir())))
    return {*zip(rows.case, rows.corruption, rows.severity, strict=True)}


@pytest.mark.slow
def test_a_case_that_would_lose_a_class_is_left_out_for_every_candidate_and_named(
    capsys: pytest.CaptureFixture[str], cornered: dict[Split, str]
) -> None:
    """Rows of the other cases and conditions are there, on validation and test cases, in searches and rescorings."""
    assert search() == 0
    note = (
        "these cases are measured under a corruption for no candidate, because it would move a class out of their "
        f"image: rotation 5: '{cornered[Split.VALIDATION]}', '{cornered[Split.TEST]}'"
    )
    assert note in capsys.readouterr().out
    names = {case.name for split in Split for case in FolderConfig(root="data", cache="caches").load().cases(split)}
    conditions = [("none", 0), ("gaussian_noise", 1), ("gaussian_noise", 5), ("rotation", 1), ("rotation", 5)]
    expected = {(name, *condition) for name in names for condition in conditions}
    expected -= {(name, "rotation", 5) for name in cornered.values()}
    assert list_measured("studies/mine") == expected
    assert main(["rescore", "studies/mine", "severities=[5]", "cluster=serial", "--name", "again"]) == 0
    assert note in capsys.readouterr().out
    measured = list_measured("studies/mine/rescores/again")
    assert measured == {place for place in expected if place[2] in (0, 5)}
    assert main(["report", "studies/mine"]) == 0


def test_a_condition_that_more_than_half_of_the_cases_leave_is_refused_before_the_search(
    capsys: pytest.CaptureFixture[str],
) -> None:
    dataset = write_pairs(set()).load()
    names = {case.name for case in dataset.test[:3]}
    write_pairs(names)
    assert len(dataset.test) == 4
    assert search() == 2
    message = "rotation of severity 5 would move a class out of 3 of 4 test cases; leave the severity or the corruption"
    assert message in capsys.readouterr().err
    assert not Path("studies").exists()


PROGRAM = """
from paretoseg.trainables.data.folder import FolderConfig
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.left_out import find_left_out_once
from paretoseg.trainables.trainable import Split
data = FolderConfig(root="data", cache="caches")
task = SegmentationConfig(corruptions=["elastic_deformation", "scaling", "rotation", "translation"]).build(data)
print([sorted(find_left_out_once(task.settings, data, split), key=repr) for split in Split])
"""


def test_every_process_finds_the_same_cases() -> None:
    write_pairs({f"c{number:02}" for number in range(20)})
    shown = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    ]
    assert shown[0] == shown[1]
    assert "translation" in shown[0]
