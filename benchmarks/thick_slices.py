"""Networks that follow the spacing of thick slices, against networks that treat all axes alike, at equal compute.

Makes thick slices of a dataset of volumes: every `--thickness` neighbours along the last axis of the file become one.
Then it trains the same candidates with `task.geometry=spacing` and `task.geometry=equal`, with as many voxels and the
same seeds, and reports the paired difference in mean Dice on the validation cases, clean and under the battery. Rows
are appended to a file at once, and a run that was stopped goes on from there.

    nice python benchmarks/thick_slices.py --data DATASET --folder rows
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import torch
from results import record
from scipy import stats

from paretoseg.search.config.config import compose
from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.trainable import Assignment, Split, Task

SEEDS = (0, 1, 2)
GEOMETRIES = ("spacing", "equal")
CANDIDATES = {
    f"{family}, depth {depth}, patch {patch}": Candidate(
        Architecture(family=family, depth=depth, activation="leaky_relu"), Recipe(patch=patch, learning_rate=0.01)
    )
    for family, depth, patch in (("composable", 3, 32), ("composable", 4, 32), ("dynunet", 3, 32))
}


def thicken(source: Path, target: Path, thickness: int) -> None:
    """Writes the volumes of a Decathlon dataset with the mean of every few slices, and the most frequent class."""
    description = json.loads((source / "dataset.json").read_text())
    num_classes = len(description["labels"])
    for row in description["training"]:
        image, label = (nibabel.load(source / row[role]) for role in ("image", "label"))
        values, classes = np.asarray(image.dataobj, np.float32), np.asarray(label.dataobj).astype(np.uint8)
        extent = values.shape[2] // thickness
        shape = (*values.shape[:2], extent, thickness)
        parts = [array[..., : extent * thickness].reshape(shape) for array in (values, classes)]
        votes = np.stack([(parts[1] == one).sum(axis=-1) for one in range(num_classes)], axis=-1)
        affine = image.affine.copy()
        affine[:3, 3] += affine[:3, 2] * (thickness - 1) / 2
        affine[:3, 2] *= thickness
        for role, array in (("image", parts[0].mean(axis=-1)), ("label", votes.argmax(axis=-1).astype(np.uint8))):
            (target / row[role]).parent.mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(array, affine), target / row[role])
    (target / "dataset.json").write_text(json.dumps(description))


def build_task(data: Path, geometry: str, iterations: int) -> Task:
    """The task on the thick slices."""
    settings = [
        "study=thick", "data=decathlon", f"data.root={data}", "data.validation_share=0.3", "data.test_share=0.3",
        f"task.geometry={geometry}", "task.num_steps=1", f"task.iterations_per_step={iterations}",
        "task.corruptions=[gaussian_noise,gaussian_blur,motion,bias_field]", "task.severities=[2,4]",
        "task.least_loss=0",
    ]  # fmt: skip
    return compose(settings).experiment.build_task()


def measure(task: Task, candidate: Candidate, seed: int) -> dict[str, float]:
    """One training: the objectives on the validation cases, voxels, and seconds."""
    trainable = task.build(Assignment(candidate, seed))
    start = time.perf_counter()
    for _ in range(trainable.num_steps):
        trainable.step()
    seconds = time.perf_counter() - start
    found = trainable.evaluate(Split.VALIDATION)
    return {**found.objectives.values, "voxels": found.costs["train_voxels"], "seconds": seconds}


def list_missing(rows: list[dict[str, object]]) -> Iterator[tuple[str, int, str]]:
    """Candidates, seeds and geometries that have no row, pairs together."""
    known = {(row["candidate"], row["seed"], row["geometry"]) for row in rows}
    wanted = ((name, seed, geometry) for name in CANDIDATES for seed in SEEDS for geometry in GEOMETRIES)
    return (one for one in wanted if one not in known)


def write_table(rows: list[dict[str, object]]) -> list[list[str]]:
    """The lines of the table: means by candidate, and paired differences with a 95 % interval over seeds (t)."""
    table = pd.DataFrame(rows)
    lines = []
    for name, of_candidate in table.groupby("candidate", sort=False):
        for objective in ("accuracy", "robustness"):
            wide = of_candidate.pivot(index="seed", columns="geometry", values=objective)
            gains = wide["spacing"] - wide["equal"]
            half = stats.t.ppf(0.975, len(gains) - 1) * gains.std(ddof=1) / np.sqrt(len(gains))
            means = [f"{wide[geometry].mean():.3f}" for geometry in GEOMETRIES]
            lines.append([str(name), objective, *means, f"{gains.mean():+.3f} ± {half:.3f}"])
    return lines


def main() -> None:
    """Trains what is missing, and writes the section of RESULTS.md when nothing is left."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a dataset of volumes with a dataset.json")
    parser.add_argument("--folder", type=Path, required=True, help="where thick volumes and rows lie")
    parser.add_argument("--thickness", type=int, default=4, help="slices that become one")
    parser.add_argument("--iterations", type=int, default=300, help="iterations of a training")
    given = parser.parse_args()
    thick, file = given.folder / "thick", given.folder / "rows.jsonl"
    if not (thick / "dataset.json").exists():
        thicken(given.data, thick, given.thickness)
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    for name, seed, geometry in list_missing(rows):
        task = build_task(thick.resolve(), geometry, given.iterations)
        rows.append({"candidate": name, "seed": seed, "geometry": geometry, **measure(task, CANDIDATES[name], seed)})
        with file.open("a") as stream:
            stream.write(json.dumps(rows[-1]) + "\n")
        print(rows[-1], flush=True)
    head = ["candidate", "mean over validation cases", "follows the spacing", "equal axes", "difference"]
    text = (
        f"Volumes with slices of {given.thickness} times their own thickness (`benchmarks/thick_slices.py`): "
        f"`task.geometry=spacing` against `equal`, {given.iterations} iterations of as many voxels, one thread, "
        f"{len(SEEDS)} seeds in pairs. Dice, and the 95 % interval of the mean difference over seeds (Student's t)."
    )
    print(record("Networks for thick slices", text, [head, *write_table(rows)]))


if __name__ == "__main__":
    main()
