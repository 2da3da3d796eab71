"""What it costs to corrupt images before they are scaled, and to score masks on the grid of the file.

One battery is prepared in four ways, in rounds: as earlier versions did it (corrupted after scaling, scored on the
prepared grid), then corrupted before scaling by constants, by percentiles and by z-scores. The peer is the first way.
Beside it stands the time of the network on the same images, which bounds what any way of preparing can save. Last comes
the way of the probabilities to the grid of the file, for volumes resampled from 1 to 1.5 mm.

    python benchmarks/battery.py
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from results import record
from rounds import time_calls

from paretoseg.spaces.architecture import Architecture
from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.data.placement import place
from paretoseg.trainables.data.preprocessing import Original, Rescaling
from paretoseg.trainables.evaluation.degrading import CaseBatch
from paretoseg.trainables.evaluation.measuring import predict
from paretoseg.trainables.evaluation.restoring import restore_mask
from paretoseg.trainables.networks.blueprint import Blueprint
from paretoseg.trainables.scoring.battery import Battery, MeasuringRules
from paretoseg.trainables.severities.levels import LEVELS
from paretoseg.trainables.trainable import Condition

SIZES = {"16 pictures of 256 x 256": (16, (256, 256)), "2 volumes of 96 x 96 x 96": (2, (96, 96, 96))}
PATCHES = {2: 64, 3: 32}
EARLIER = MeasuringRules(is_native=False, corrupts_before_scaling=False)
ROUNDS = 3

CONDITIONS = tuple(
    Condition(name, 4) for name, levels in LEVELS.items() if not levels.leaks_label and not name.startswith("legacy_")
)


def build_cases(number: int, shape: Sequence[int], rescaling: Rescaling) -> list[Case]:
    """Smooth random images that lie on the grid of their files."""
    generator, ones, cases = np.random.default_rng(0), (1.0,) * len(shape), []
    for index in range(number):
        image = np.clip(generator.normal(0.5, 0.15, (1, *shape)), 0, 1).astype(np.float32)
        label = np.zeros(shape, np.uint8)
        label[tuple(slice(extent // 4, 3 * extent // 4) for extent in shape)] = 1
        original = Original(image, label, place(shape, ones, ones), rescaling)
        cases.append(Case(f"c{index}", "", f"c{index}", "validation", image, label, original))
    return cases


def degrade_all(cases: Sequence[Case], rules: MeasuringRules) -> None:
    """Every condition of the battery, as a network would get it."""
    battery = dataclasses.replace(Battery(CONDITIONS, seed=0), rules=rules)
    batch = CaseBatch(cases, battery, (1.0,) * cases[0].label.ndim, "cpu")
    for condition in CONDITIONS:
        batch.degrade(condition)


def predict_all(cases: Sequence[Case]) -> None:
    """The forward passes of one condition."""
    dims = cases[0].label.ndim
    network = Blueprint(
        Architecture(depth=3, width=16), spatial_dims=dims, in_channels=1, num_classes=2, window=(PATCHES[dims],) * dims
    ).build()
    images = torch.stack([torch.from_numpy(case.image) for case in cases])
    predict(network.eval(), images, (PATCHES[dims],) * dims)


def restore_all() -> None:
    """The logits of two volumes, brought from 1.5 mm to 1 mm."""
    placement = place((96, 96, 96), (1.0,) * 3, (1.5,) * 3)
    for _ in range(2):
        restore_mask(torch.randn(2, *placement.resampled_shape), placement)


def main() -> None:
    """Measures, and replaces the section of the results."""
    torch.set_num_threads(1)
    rows = [["cases", "after scaling", *(f"before: {way.value}" for way in Rescaling), "the network", "restoring"]]
    for name, (number, shape) in SIZES.items():
        cases = {way: build_cases(number, shape, way) for way in Rescaling}
        works: dict[str, Callable[[], None]] = {
            "earlier": partial(degrade_all, cases[Rescaling.clip], EARLIER),
            **{way.value: partial(degrade_all, cases[way], MeasuringRules()) for way in Rescaling},
            "network": partial(predict_all, cases[Rescaling.clip]),
            "restoring": restore_all,
        }
        seconds = {key: [] for key in works}
        for _ in range(ROUNDS):
            for key, work in works.items():
                seconds[key].append(time_calls(work, 1, "cpu"))
        median = {key: statistics.median(values) for key, values in seconds.items()}
        times = {"network": len(CONDITIONS), "restoring": len(CONDITIONS) if len(shape) == 3 else 0}
        rows.append([name, *(f"{times.get(key, 1) * value:.2f}" for key, value in median.items())])
    text = (
        f"Seconds of one CPU thread for the {len(CONDITIONS)} conditions of a battery at one severity, medians of "
        f"{ROUNDS} rounds (`benchmarks/battery.py`). After scaling is how earlier versions did it; the network is of "
        "depth 3 and width 16; restoring is the way of two classes from 1.5 mm to 1 mm."
    )
    print(record("Corrupting before scaling, and the grid of the file", text, rows))


if __name__ == "__main__":
    main()
