"""The measures that compare a mask with its reference: names, units, directions, and when to measure. Free of torch.

A new measure needs an entry here and its computation in `evaluation/metrics.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from paretoseg.spaces.objective import Direction
from paretoseg.trainables.data.regions import Regions


@dataclass(frozen=True)
class Measure:
    """One way to compare a predicted mask with its reference."""

    name: str
    """Its name in the column `metric`."""

    title: str
    """Its name in texts and figures."""

    unit: str
    """Its unit; the unit of an objective also identifies its measure."""

    direction: Direction
    """Whether higher or lower is better."""

    description: str
    """What the number means, in a few words."""


DICE = Measure("dice", "Dice", "Dice", Direction.MAXIMISE, "overlap of the masks")
NSD = Measure(
    "nsd", "NSD", "NSD", Direction.MAXIMISE, "share of both surfaces that is within the tolerance of the other"
)
HD95 = Measure("hd95_mm", "HD95", "mm", Direction.MINIMISE, "distance within which 95 percent of the surfaces agree")

MEASURES: Mapping[str, Measure] = {measure.name: measure for measure in (DICE, NSD, HD95)}
"""Every measure by name."""


POINTS = 100.0
"""Dice points that equal a Dice of 1."""


class ObjectiveMetric(StrEnum):
    """The measures that can be objectives: between 0 and 1, higher is better."""

    dice = "dice"
    nsd = "nsd"


class SurfaceMetrics(StrEnum):
    """On which images surface distances are measured; that takes longer than overlaps."""

    clean = "clean"
    all = "all"
    none = "none"


class AbsentClasses(StrEnum):
    """What a class counts that neither mask of a case holds; lower-case names, as in the config."""

    one = "one"
    skip = "skip"


@dataclass(frozen=True)
class Scoring:
    """How the masks of a dataset are compared with their references."""

    class_names: tuple[str, ...]
    """Names by label; the first is the background, which is not scored."""

    spacing_mm: tuple[float, ...]
    """Edge lengths of a pixel or voxel, in the order of the spatial axes."""

    metric: ObjectiveMetric = ObjectiveMetric.dice
    """The measure of the objectives; measured on every image."""

    surface_metrics: SurfaceMetrics = SurfaceMetrics.clean
    """On which images NSD and HD95 are also measured."""

    nsd_tolerance_mm: float = 1.0
    """Largest distance between surfaces that counts as equal in NSD, in millimetres."""

    absent_classes: AbsentClasses = AbsentClasses.one
    """Whether a class that is in neither mask of a case counts in its mean."""

    regions: Regions | None = None
    """What the classes consist of, if they overlap."""

    @property
    def num_classes(self) -> int:
        """Number of classes, background included."""
        return len(self.class_names)

    def measures(self, is_clean: bool) -> tuple[Measure, ...]:
        """The measures for a clean or a corrupted image; Dice is always among them."""
        if self.surface_metrics is SurfaceMetrics.all or (self.surface_metrics is SurfaceMetrics.clean and is_clean):
            return (DICE, NSD, HD95)
        return (DICE, NSD) if self.metric is ObjectiveMetric.nsd else (DICE,)


def measure_of_unit(unit: str) -> Measure | None:
    """The measure of objectives with this unit, or None."""
    return next((measure for measure in MEASURES.values() if measure.unit == unit), None)
