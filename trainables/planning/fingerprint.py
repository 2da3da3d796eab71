"""The fingerprint of a dataset: shapes, spacings, intensities inside foreground, and how much of it there is.

Free of torch. Isensee et al. (2021) plan networks from such a fingerprint. Only training cases are looked at, so that
nothing of validation and test cases decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Real, UInt8

from paretoseg.trainables.data.ignored import IGNORED
from paretoseg.trainables.data.regions import Regions
from paretoseg.trainables.seeds import derive_seed

SAMPLES_PER_CASE = 10_000
"""Foreground voxels of a case, drawn with replacement, from which its intensities are known."""


@dataclass(frozen=True, eq=False)
class CaseFacts:
    """What is known of one case."""

    name: str
    shape: tuple[int, ...]
    """Voxels along the axes, turned as `data.orientation` says."""

    spacing_mm: tuple[float, ...]
    inside: tuple[int, ...]
    """Shape of the smallest box that holds all voxels that are not 0 in every channel."""

    voxels: tuple[int, ...]
    """Known voxels by class, 255 numbers, the background first."""

    samples: Real[np.ndarray, "c n"]
    """Intensities of random foreground voxels; without any if there is no foreground."""


@dataclass(frozen=True)
class Intensities:
    """Intensities of a channel inside foreground, in the unit of the files."""

    mean: float
    std: float
    median: float
    low: float
    """0.5th percentile."""

    high: float
    """99.5th percentile."""


@dataclass(frozen=True)
class ClassFacts:
    """How large a class is, and how often it is there."""

    name: str
    num_cases: int
    """Cases that hold it."""

    prevalence: float
    """Share of the cases that hold it, in [0, 1]."""

    share: float
    """Its mean share of the known voxels of the cases that hold it, in [0, 1]."""

    median_voxels: float
    """Median number of its voxels in them."""

    median_mm: float
    """The same as a volume (2D: area), in mm^3 (mm^2)."""


@dataclass(frozen=True)
class Fingerprint:
    """What training cases look like."""

    name: str
    num_cases: int
    shapes: tuple[tuple[int, ...], ...]
    """By case, after margins of 0 are cut off."""

    spacings_mm: tuple[tuple[float, ...], ...]
    """By case, in the order of the axes."""

    channels: tuple[str, ...]
    intensities: tuple[Intensities, ...]
    """By channel."""

    classes: tuple[ClassFacts, ...]
    """Without the background."""

    inside_share: float
    """Median share of a case's voxels that are left after margins of 0 are cut off."""

    num_empty: int
    """Cases without foreground."""

    num_outputs: int
    """Output channels of a network: one per class, background included; without it if classes overlap."""

    @property
    def spatial_dims(self) -> int:
        """2 for pictures, 3 for volumes."""
        return len(self.shapes[0])

    @property
    def median_shape(self) -> tuple[float, ...]:
        """The median extent along each axis, in voxels."""
        return tuple(np.median(np.array(self.shapes), axis=0).tolist())

    @property
    def median_spacing_mm(self) -> tuple[float, ...]:
        """The median spacing along each axis."""
        return tuple(np.median(np.array(self.spacings_mm), axis=0).tolist())


def measure_case(
    name: str,
    image: Real[np.ndarray, "c *spatial"],
    label: UInt8[np.ndarray, "*spatial"],
    spacing_mm: Sequence[float],
) -> CaseFacts:
    """The facts of one case; the draw of its voxels depends on its name alone.

    Args:
        name: Of the case.
        image: In the unit of the files.
        label: Class of every voxel; `IGNORED` where nothing is known.
        spacing_mm: In the order of the axes.
    """
    counts = np.bincount(label.reshape(-1), minlength=IGNORED + 1)[:IGNORED]
    places = np.flatnonzero((label > 0) & (label != IGNORED))
    generator = np.random.default_rng(derive_seed("fingerprint", name))
    chosen = generator.choice(places, SAMPLES_PER_CASE) if len(places) else places
    samples = image.reshape(len(image), -1)[:, chosen]
    inside = _find_box((image != 0).any(axis=0))
    return CaseFacts(name, label.shape, tuple(spacing_mm), inside, tuple(counts.tolist()), samples)


def summarise(
    dataset: str,
    facts: Iterable[CaseFacts],
    class_names: Sequence[str],
    channels: Sequence[str],
    regions: Regions | None = None,
) -> Fingerprint:
    """The fingerprint of cases.

    Args:
        dataset: Name of the dataset.
        facts: Of every case, at least one.
        class_names: The background first.
        channels: Names of the channels; numbers are taken if there are none.
        regions: What the classes consist of, if they overlap.

    Raises:
        ValueError: if no case has any foreground.
    """
    cases = list(facts)
    samples = np.concatenate([case.samples for case in cases], axis=1)
    if not samples.size:
        raise ValueError(f"dataset '{dataset}': no training case has foreground, so its intensities are not known")
    shares = [math.prod(case.inside) / math.prod(case.shape) for case in cases]
    return Fingerprint(
        name=dataset,
        num_cases=len(cases),
        shapes=tuple(case.inside for case in cases),
        spacings_mm=tuple(case.spacing_mm for case in cases),
        channels=tuple(channels) or tuple(f"channel {number}" for number in range(len(samples))),
        intensities=tuple(_describe(channel) for channel in samples),
        classes=tuple(
            _measure_class(name, (index,) if regions is None else regions.values[index - 1], cases)
            for index, name in enumerate(class_names)
            if index
        ),
        inside_share=float(np.median(shares)),
        num_outputs=len(class_names) - (regions is not None),
        num_empty=sum(not any(case.voxels[1:]) for case in cases),
    )


def _describe(values: Real[np.ndarray, " n"]) -> Intensities:
    values = values.astype(np.float64)
    low, median, high = np.percentile(values, (0.5, 50.0, 99.5)).tolist()
    return Intensities(float(values.mean()), float(values.std()), median, low, high)


def _measure_class(name: str, values: Sequence[int], cases: Sequence[CaseFacts]) -> ClassFacts:
    counted = [(case, sum(case.voxels[value] for value in values)) for case in cases]
    holders, voxels = [case for case, count in counted if count], [count for _, count in counted if count]
    sizes = [count * math.prod(case.spacing_mm) for count, case in zip(voxels, holders, strict=True)]
    shares = [count / sum(case.voxels) for count, case in zip(voxels, holders, strict=True)]
    return ClassFacts(
        name=name,
        num_cases=len(holders),
        prevalence=len(holders) / len(cases),
        share=float(np.mean(shares)) if shares else 0.0,
        median_voxels=float(np.median(voxels)) if voxels else 0.0,
        median_mm=float(np.median(sizes)) if sizes else 0.0,
    )


def _find_box(inside: np.ndarray) -> tuple[int, ...]:
    """Shape of the smallest box that holds all that is True; the whole shape if nothing is."""
    edges = []
    for axis in range(inside.ndim):
        places = np.flatnonzero(inside.any(axis=tuple(other for other in range(inside.ndim) if other != axis)))
        edges.append(int(places[-1] - places[0]) + 1 if len(places) else inside.shape[axis])
    return tuple(edges)


def to_plain(fingerprint: Fingerprint) -> Mapping[str, object]:
    """The fingerprint as what JSON holds."""
    return {
        **asdict(fingerprint),
        "median_shape": list(fingerprint.median_shape),
        "median_spacing_mm": list(fingerprint.median_spacing_mm),
    }
