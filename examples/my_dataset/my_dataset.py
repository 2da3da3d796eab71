"""Dataset `rings`: a bright ring on noise. Replace `draw` by what reads your files."""

from dataclasses import dataclass

import numpy as np

from paretoseg.trainables.data.datasets import Case, DataConfig, Dataset


@dataclass(unsafe_hash=True)
class RingsConfig(DataConfig):
    """Its fields are the keys `data.*`."""

    num_cases: int = 12
    noise: float = 0.2

    def findings(self) -> list[str]:
        return [] if self.num_cases >= 3 else [f"data.num_cases must be at least 3, got {self.num_cases}"]

    def load(self) -> Dataset:
        splits = {split: [] for split in ("train", "validation", "test")}
        for number in range(self.num_cases):
            split = list(splits)[number % 3]
            splits[split].append(self.draw(f"ring_{number}", split, np.random.default_rng(number)))
        return Dataset("rings", **splits, spacing_mm=(1.0, 1.0), num_channels=1, class_names=("background", "ring"))

    def draw(self, name: str, split: str, generator: np.random.Generator) -> Case:
        row, column = np.mgrid[:48, :48] - generator.uniform(18, 30, size=(2, 1, 1))
        label = (abs(np.hypot(row, column) - generator.uniform(6, 14)) < 3).astype(np.uint8)
        image = 0.3 + 0.4 * label[np.newaxis] + self.noise * generator.normal(size=(1, 48, 48))
        return Case(name, "here", name, split, image.clip(0, 1).astype(np.float32), label)
