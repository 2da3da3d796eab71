"""The time of a trial by a moment of it: every part is scaled by what it grows with."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.segmentation import sampled_seconds
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.sampled_seconds import sample_seconds
from paretoseg.trainables.segmentation.search_part import COST_PREDICTIONS
from paretoseg.trainables.trainable import CLEAN, Split

DATA = TexturesConfig(image_size=40, num_train=4, num_validation=6, num_test=3, shift=["blend_0.60"])


class Machine:
    """An iteration takes .5 s (the first 9 s), a clean image 3 s, a corrupted one 2 s."""

    def __init__(self) -> None:
        self.now = 0.0
        self.has_started = False
        self.num_images = 0

    def train(self, first: int, end: int) -> None:
        self.now += 0.5 * (end - first) if self.has_started else 9.0
        self.has_started = True

    def measure(self, battery: Battery, cases: Sequence[Case]) -> None:
        self.num_images += len(cases) * len(battery.conditions)
        self.now += sum(3.0 if one.corruption == CLEAN else 2.0 for one in battery.conditions) * len(cases)


def test_the_parts_are_scaled_to_all_iterations_and_images(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, dataset = Machine(), DATA.load()
    monkeypatch.setattr(sampled_seconds.time, "perf_counter", lambda: machine.now)
    settings = SegmentationConfig(search_clean=[f"validation_00{number}" for number in range(4)]).build(DATA).settings
    sets = tuple(dataset.shift)
    found = sample_seconds(
        train=machine.train,
        measure=machine.measure,
        batteries={split: settings.battery(sets, split) for split in Split},
        dataset=dataset,
        window=(32, 32),
        num_iterations=200,
        num_quick_images=10,
    )
    assert found.training == pytest.approx(200 * 0.5)
    num_shift = {split: len(dataset.shift_cases(split)["blend_0.60"]) for split in Split}
    complete = 3.0 * (4 + num_shift[Split.VALIDATION]) + 2.0 * (6 * 6 + COST_PREDICTIONS)
    assert found.measuring == pytest.approx(10 * 2.0 + complete)
    assert found.testing == pytest.approx(3.0 * (3 + num_shift[Split.TEST]) + 2.0 * (3 * 6 + COST_PREDICTIONS))
    assert machine.num_images == 1 + 3
