"""What a mask is compared with its reference by: names, units, directions, and what is measured when. Free of torch.

Adding a measure takes an entry here and its computation in `metrics.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from paretoseg.spaces.objective import Direction


@dataclass(frozen=True)
class Measure:
    """One way to compare a predicted mask with its reference."""

    name: str
    """What it is called in the column `metric`."""

    title: str
    """What people call it."""

    unit: str
    """What it is counted in; of an objective, it also tells by which measure it is judged."""

    direction: Direction
    """Whether higher or lower is better."""

    description: str
    """What the number says, in a few words."""


DICE = Measure("dice", "Dice", "Dice", Direction.MAXIMISE, "overlap of the masks")
NSD = Measure(
    "nsd", "NSD", "NSD", Direction.MAXIMISE, "share of both surfaces that lies within the tolerance of the other"
)
HD95 = Measure("hd95_mm", "HD95", "mm", Direction.MINIMISE, "distance within which 95 percent of the surfaces agree")

MEASURES: Mapping[str, Measure] = {measure.name: measure for measure in (DICE, NSD, HD95)}
"""Every measure by name."""


class ObjectiveMetric(StrEnum):
    """The measures that can be objectives: between 0 and 1, higher is better."""

    dice = "dice"
    nsd = "nsd"


class SurfaceMetrics(StrEnum):
    """On which images surfaces are compared; it takes longer than overlaps do."""

    clean = "clean"
    all = "all"
    none = "none"


@dataclass(frozen=True)
class Scoring:
    """How the masks of a dataset are compared with their references."""

    class_names: tuple[str, ...]
    """Names by label; the first is the background, which is not scored."""

    spacing_mm: tuple[float, ...]
    """Edge lengths of a pixel or voxel, in the order of the spatial axes."""

    metric: ObjectiveMetric = ObjectiveMetric.dice
    """What the objectives are made of; measured on every image."""

    surface_metrics: SurfaceMetrics = SurfaceMetrics.clean
    """On which images NSD and HD95 are measured besides."""

    nsd_tolerance_mm: float = 1.0
    """How far surfaces may lie apart and still count as equal in NSD."""

    @property
    def num_classes(self) -> int:
        """Number of classes, background included."""
        return len(self.class_names)

    def measures(self, is_clean: bool) -> tuple[Measure, ...]:
        """What is measured on a clean or on a corrupted image; Dice always."""
        if self.surface_metrics is SurfaceMetrics.all or (self.surface_metrics is SurfaceMetrics.clean and is_clean):
            return (DICE, NSD, HD95)
        return (DICE, NSD) if self.metric is ObjectiveMetric.nsd else (DICE,)


def measure_of_unit(unit: str) -> Measure | None:
    """The measure that an objective of this unit is made of, or None."""
    return next((measure for measure in MEASURES.values() if measure.unit == unit), None)
