"""Measures, per case and class, of how hard a segmentation task is before a network is trained. Free of torch.

The measures use only the image and its reference. `COMPLEXITY` is their table: texture similarity after Kamath et al.,
'Do we really need that skip-connection?' (MICCAI 2023), its bounded and symmetric variant, the same against a ring
around the boundary, contrast, size and shape. A class is compared with all other pixels: with several classes, the
other classes are part of its background.

A class that a case does not contain has a share of 0 and no other measure. The case is left out of the means of those
measures, and summaries state the number of cases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, UInt8

from paretoseg.trainables.complexity.edginess import find_edginess
from paretoseg.trainables.complexity.local_patterns import (
    code_patterns,
    count_codes,
    expect_kl_bits,
    find_jsd_bits,
    find_kl_bits,
    to_grey,
)
from paretoseg.trainables.data.datasets import Case, Dataset
from paretoseg.trainables.data.ignored import IGNORED
from paretoseg.trainables.data.regions import Regions, select_class

RING_PIXELS = 10
"""Width of the ring around a mask, in multiples of the shortest edge of a pixel or voxel."""

WHOLE = "foreground"
"""Name of the union of all foreground classes, used in place of a class."""


class Harder(StrEnum):
    """Which values of a measure mean a harder task."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"


@dataclass(frozen=True, eq=False)
class Region:
    """A class in an image, and its surroundings."""

    grey: UInt8[np.ndarray, "*spatial"]
    """The image as 8-bit grey values."""

    codes: UInt8[np.ndarray, "*spatial"]
    """The image's local binary patterns, 0 to 25."""

    mask: Bool[np.ndarray, "*spatial"]
    """True where the class is; at least one pixel, and not all."""

    spacing_mm: tuple[float, ...]
    """In the order of the axes."""

    @cached_property
    def ring(self) -> Bool[np.ndarray, "*spatial"]:
        """The pixels outside the mask within `RING_PIXELS` of it, by Euclidean distance."""
        return find_ring(self.mask, self.spacing_mm)

    @cached_property
    def inside(self) -> Float[np.ndarray, " codes"]:
        """Shares of the codes in the mask."""
        return count_codes(self.codes[self.mask])

    @cached_property
    def outside(self) -> Float[np.ndarray, " codes"]:
        """Shares of the codes in the rest of the image."""
        return count_codes(self.codes[~self.mask])

    @cached_property
    def around(self) -> Float[np.ndarray, " codes"]:
        """Shares of the codes in the ring."""
        return count_codes(self.codes[self.ring])


@dataclass(frozen=True)
class Complexity:
    """One measure of how hard a task is."""

    title: str
    """What people call it."""

    unit: str
    harder: Harder
    """Which values mean a harder task."""

    description: str
    """What the number means, in a few words."""

    measure: Callable[[Region], float | None]
    """Computes its value; None where it is undefined."""


@dataclass(frozen=True)
class ComplexityRow:
    """One measure of one case and class."""

    case: str
    subject: str
    domain: str
    split: str
    """'train', 'validation' or 'test', as the case says."""

    shift: str
    """Name of the shift set that the case was measured in; '' in the dataset itself."""

    label: str
    """Name of the class, or `WHOLE`."""

    measure: str
    """Name in `COMPLEXITY`."""

    value: float
    """Finite."""


def _contrast(region: Region) -> float | None:
    """|m - n| / sqrt(s^2 + t^2), with mean and deviation of the mask (m, s) and the ring (n, t); None if s = t = 0."""
    inside, around = (region.grey[where].astype(np.float64) for where in (region.mask, region.ring))
    noise = float(np.sqrt(inside.var() + around.var()))
    return abs(float(inside.mean() - around.mean())) / noise if noise else None


COMPLEXITY: Mapping[str, Complexity] = {
    "texture_kl_bits": Complexity(
        "texture similarity TS (KL)",
        "bit",
        Harder.LOWER,
        "divergence of the class's texture from that of the rest of the image",
        lambda region: find_kl_bits(region.inside, region.outside),
    ),
    "chance_kl_bits": Complexity(
        "TS of one texture by chance",
        "bit",
        Harder.NEITHER,
        "lower bound of the TS to expect if the textures were the same",
        lambda region: expect_kl_bits(int(region.mask.sum()), int((~region.mask).sum())),
    ),
    "texture_jsd_bits": Complexity(
        "texture difference (JSD)",
        "bit",
        Harder.LOWER,
        "the same, symmetric and between 0 and 1",
        lambda region: find_jsd_bits(region.inside, region.outside),
    ),
    "ring_jsd_bits": Complexity(
        "difference at the ring (JSD)",
        "bit",
        Harder.LOWER,
        "the same, from the texture around the class only",
        lambda region: find_jsd_bits(region.inside, region.around),
    ),
    "contrast_to_noise": Complexity(
        "contrast-to-noise ratio",
        "1",
        Harder.LOWER,
        "difference in brightness from the surroundings, relative to the spread of both",
        _contrast,
    ),
    "foreground_share": Complexity(
        "foreground share",
        "1",
        Harder.LOWER,
        "share of the image that the class takes",
        lambda region: float(region.mask.mean()),
    ),
    "edginess": Complexity(
        "edginess",
        "1",
        Harder.HIGHER,
        "how ragged the shapes are; 1 for a disc or a ball",
        lambda region: find_edginess(region.mask, region.spacing_mm),
    ),
}
"""Every measure by its name in tables."""


def find_ring(mask: Bool[np.ndarray, "*spatial"], spacing_mm: tuple[float, ...]) -> Bool[np.ndarray, "*spatial"]:
    """The pixels outside a non-empty mask within `RING_PIXELS` edges of it.

    Distances are between centres, in millimetres; an edge is the shortest side of a pixel or voxel.
    """
    from scipy import ndimage  # late: composing a config does not need it

    reach_mm = RING_PIXELS * min(spacing_mm)
    margins = [int(reach_mm / edge) + 1 for edge in spacing_mm]
    (box,) = ndimage.find_objects(mask.astype(np.uint8))
    window = tuple(
        slice(max(part.start - margin, 0), part.stop + margin) for part, margin in zip(box, margins, strict=True)
    )
    ring = np.zeros_like(mask)
    distance = ndimage.distance_transform_edt(~mask[window], sampling=spacing_mm)
    # Slightly more than the reach: spacings such as 0.1 have no exact binary representation.
    ring[window] = ~mask[window] & (distance <= reach_mm * (1.0 + 1e-9))
    return ring


def measure_case(case: Case, dataset: Dataset, shift: str = "") -> list[ComplexityRow]:
    """All defined measures of one case, for every foreground class and, if there are several, for their union.

    Args:
        case: A case of the dataset or of one of its shift sets.
        dataset: Gives classes and spacing.
        shift: Name of the shift set, or ''.
    """
    label = np.asarray(case.label)
    grey = to_grey(case.image)
    codes = code_patterns(grey, dataset.spacing_mm)
    rows = []
    for name, mask in _list_masks(label, dataset.class_names, dataset.regions):
        for measure, value in measure_region(Region(grey, codes, mask, dataset.spacing_mm)).items():
            about = (case.name, case.subject, case.domain, case.split, shift)
            rows.append(ComplexityRow(*about, label=name, measure=measure, value=value))
    return rows


def measure_region(region: Region) -> dict[str, float]:
    """Every defined measure by name; only the foreground share if the mask is empty or covers the whole image."""
    is_usable = bool(region.mask.any()) and not bool(region.mask.all())
    names = list(COMPLEXITY) if is_usable else ["foreground_share"]
    values = {name: COMPLEXITY[name].measure(region) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def list_cases(dataset: Dataset) -> list[tuple[str, Case]]:
    """Every case with the name of its shift set; the cases of the splits, with '', are first."""
    own = [("", case) for case in (*dataset.train, *dataset.validation, *dataset.test)]
    return own + [(name, case) for name, cases in dataset.shift.items() for case in cases]


def list_classes(class_names: tuple[str, ...]) -> tuple[str, ...]:
    """The foreground classes, followed by `WHOLE` if there are several.

    Raises:
        ValueError: if one of several classes has that name.
    """
    names = class_names[1:]
    if len(names) == 1:
        return names
    if WHOLE in names:
        raise ValueError(f"no class may be called '{WHOLE}' if there are several, got {', '.join(names)}; rename it")
    return (*names, WHOLE)


def _list_masks(
    label: UInt8[np.ndarray, "..."], class_names: tuple[str, ...], regions: Regions | None
) -> Iterator[tuple[str, Bool[np.ndarray, "..."]]]:
    is_any = (label > 0) & (label != IGNORED)
    for name in list_classes(class_names):
        yield (
            name,
            (
                is_any
                if name == WHOLE and name not in class_names
                else select_class(label, class_names.index(name), regions)
            ),
        )
