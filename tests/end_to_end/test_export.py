"""A study is searched, exported by command, and used by those who do not have paretoseg."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

TINY = [
    "study=tiny",
    "cluster=serial",
    "task=segmentation",
    "task.num_steps=1",
    "task.iterations_per_step=8",
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
        "paretoseg: 'out/bundle' is there already and is not touched; choose another folder with --output\n",
    )
    assert {path: path.stat().st_mtime_ns for path in bundle.rglob("*")} == before

    code, output = command.run("export", study, "--pick", "most-robust", "--format", "onnx")
    assert code == 0, output
    assert "Proved with ONNX Runtime: equal to the evaluation in all 2304 pixels" in output
