"""Stored networks are measured again on a real Ray, with a power cut in the middle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from conftest import Command

pytestmark = pytest.mark.slow

TINY = (
    "search", "study=tiny", "cluster=serial", "strategy=random", "budget.trials=2", "task.num_steps=1",
    "confirm.seeds=1", "baselines=[]",
    "task.iterations_per_step=24", "task.corruptions=[gaussian_blur]", "data.image_size=32", "data.num_train=4",
    "data.num_validation=4", "data.num_test=3", "space.depth=2", "space.width=4", "space.patch=32",
    "space.learning_rate=0.02", "space.foreground_ratio=0.8",
)  # fmt: skip


def count_results(folder: Path) -> int:
    path = folder / "rescore.json"
    return len(json.loads(path.read_text())["results"]) if path.exists() else 0


def test_a_rescoring_on_ray_outlives_a_kill_and_gives_what_a_serial_one_gives(command: Command) -> None:
    code, output = command.run(*TINY)
    assert code == 0, output
    study = command.folder / "studies" / "tiny"
    before = {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}

    words = ("rescore", "studies/tiny", "corruptions=[impulse_noise]", "severities=[1,3]", "--name")
    on_ray = study / "rescores" / "ray"
    process = command.start(*words, "ray", "cluster=local", "cluster.cpus=2")
    command.wait_for(process, lambda: count_results(on_ray) > 0)
    command.kill(process)
    num_kept = count_results(on_ray)
    code, output = command.run(*words, "ray", "cluster=local", "cluster.cpus=2")
    assert code == 0, output
    assert f"{num_kept} of " in output
    assert "measurements are done already" in output
    code, output = command.run(*words, "serial", "cluster=serial")
    assert code == 0, output

    for path in (on_ray / "cases").iterdir():
        assert path.read_bytes() == (study / "rescores" / "serial" / "cases" / path.name).read_bytes()
    front = pd.read_csv(on_ray / "front.csv")
    assert front.equals(pd.read_csv(study / "rescores" / "serial" / "front.csv"))
    assert front.is_on_front.any()
    assert {path: path.read_bytes() for path in before} == before
