"""A study is searched, exported with the command, and used without paretoseg."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.trainables.data_files import write_list, write_volume

TINY = [
    "study=tiny",
    "confirm.seeds=1",
    "baselines=[]",
    "cluster=serial",
    "task=segmentation",
    "task.num_steps=1",
    "task.iterations_per_step=24",
    "task.corruptions=[gaussian_noise]",
    "task.severities=[3]",
    "data=textures",
    "data.blend=0.2",
    "data.image_size=48",
    "data.num_train=8",
    "data.num_validation=3",
    "data.num_test=3",
    "space.depth=2",
    "space.width=4",
    "space.patch=32",
    "space.learning_rate=0.02",
    "space.foreground_ratio=0.8",
    "strategy=random",
    "budget.trials=2",
]


@pytest.mark.slow
def test_a_member_of_the_front_is_exported_proved_and_never_overwritten(command) -> None:
    code, output = command.run("search", *TINY)
    assert code == 0, output
    study = "studies/tiny"
    code, output = command.run("export", study, "--pick", "knee", "--format", "bundle", "--output", "out/bundle")
    assert code == 0, output
    assert "Proved with `python -m monai.bundle run`: equal to the evaluation in all 2304 pixels" in output
    bundle: Path = command.folder / "out" / "bundle"
    assert json.loads((bundle / "configs" / "metadata.json").read_text())["eval_metrics"]["test_accuracy"] >= 0.0
    assert "gaussian_noise" in (bundle / "docs" / "README.md").read_text()
    assert [path.name for path in (command.folder / "out").iterdir()] == ["bundle"]

    before = {path: path.stat().st_mtime_ns for path in bundle.rglob("*")}
    code, output = command.run("export", study, "--pick", "knee", "--format", "bundle", "--output", "out/bundle")
    assert (code, output) == (
        2,
        "paretoseg: 'out/bundle' exists already and is not overwritten; choose another folder with --output\n",
    )
    assert {path: path.stat().st_mtime_ns for path in bundle.rglob("*")} == before

    code, output = command.run("export", study, "--pick", "most-robust", "--format", "onnx")
    assert code == 0, output
    assert "Proved with ONNX Runtime: equal to the evaluation in all 2304 pixels" in output


def write_scans(root: Path) -> None:
    """Volumes in LAS with long voxels, each with a bright block off the middle."""
    affine = np.array([[-1.0, 0.0, 0.0, 9.0], [0.0, 1.0, 0.0, -4.0], [0.0, 0.0, 2.0, 3.0], [0.0, 0.0, 0.0, 1.0]])
    cases = []
    for number in range(6):
        generator = np.random.default_rng(number)
        label = np.zeros((22, 26, 12), dtype=np.uint8)
        label[3 : 11 + number % 3, 4:20, 2:7] = 1
        image = 100 + 400.0 * label + generator.integers(0, 60, size=label.shape)
        write_volume(root / f"i{number}.nii.gz", image.astype(np.int16), affine)
        write_volume(root / f"l{number}.nii.gz", label, affine)
        cases.append({"image": f"i{number}.nii.gz", "label": f"l{number}.nii.gz"})
    write_list(root, cases)


FILES = [
    "study=scans",
    "confirm.seeds=1",
    "baselines=[]",
    "cluster=serial",
    "task=segmentation",
    "task.num_steps=1",
    "task.iterations_per_step=30",
    "task.corruptions=[gaussian_noise]",
    "task.severities=[3]",
    "data=decathlon",
    "data.root=scans",
    "data.cache=cache",
    "data.orientation=PIR",
    "data.spacing_mm=[1.2,1.5,1.0]",
    "space.depth=2",
    "space.width=4",
    "space.patch=16",
    "strategy=random",
    "budget.trials=1",
]


@pytest.mark.slow
def test_a_network_trained_on_files_is_proved_on_a_raw_one_and_onnx_says_that_it_wants_prepared_arrays(command) -> None:
    write_scans(command.folder / "scans")
    code, output = command.run("search", *FILES)
    assert code == 0, output
    code, output = command.run("export", "studies/scans", "--pick", "knee", "--format", "bundle", "--output", "bundle")
    assert code == 0, output
    assert f"equal to the evaluation in all {22 * 26 * 12} pixels" in output
    assert "from its raw file 'i" in output
    assert "their axes point to PIR" in (command.folder / "bundle" / "docs" / "README.md").read_text()
    code, output = command.run("export", "studies/scans", "--pick", "knee", "--format", "onnx", "--output", "onnx")
    assert code == 0, output
    assert "Its segment.py takes prepared arrays, not raw files" in output
    assert json.loads((command.folder / "onnx" / "model.json").read_text())["preparation"]["orientation"] == "PIR"
