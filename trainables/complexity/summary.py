"""The complexity of a dataset: means over cases with confidence intervals. Free of torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from paretoseg.trainables.complexity.complexity import COMPLEXITY, ComplexityRow
from paretoseg.trainables.scoring.resampling import draw_cases, find_bounds
from paretoseg.trainables.seeds import derive_seed


@dataclass(frozen=True)
class Summary:
    """One measure of one class over all cases of a dataset, or of one of its shift sets."""

    shift: str
    """Name of the shift set, or '' for the dataset itself."""

    label: str
    """Name of the class, or `WHOLE`."""

    measure: str
    """Name in `COMPLEXITY`."""

    num_cases: int
    """Number of cases with a value."""

    num_left_out: int
    """Number of cases without one: they do not contain the class, or the measure is undefined there."""

    num_subjects: int
    """Number of subjects of the cases with a value."""

    mean: float | None
    """Mean over cases; None, like all following fields, if there are no values."""

    low: float | None
    """Lower end of the interval of the mean; None with fewer than two subjects."""

    high: float | None
    """Upper end of the interval."""

    median: float | None
    quartile_1: float | None
    quartile_3: float | None


def summarise(rows: Iterable[ComplexityRow], sizes: Sequence[tuple[str, int]], labels: Sequence[str]) -> list[Summary]:
    """A summary for every shift set, class and measure, in the order of `sizes`, `labels` and `COMPLEXITY`.

    Args:
        rows: The rows of all cases.
        sizes: Number of cases by name of the shift set, '' for the dataset itself.
        labels: The classes that were measured.
    """
    groups: dict[tuple[str, str, str], list[ComplexityRow]] = {}
    for row in rows:
        groups.setdefault((row.shift, row.label, row.measure), []).append(row)
    return [
        _summarise_one((shift, label, measure), groups.get((shift, label, measure), []), size)
        for shift, size in sizes
        for label in labels
        for measure in COMPLEXITY
    ]


def _summarise_one(key: tuple[str, str, str], rows: Sequence[ComplexityRow], num_all: int) -> Summary:
    values = np.array([row.value for row in rows])
    subjects = [row.subject for row in rows]
    # Each group has its own draws, so that adding a measure or class changes no interval.
    interval = find_interval(values, subjects, np.random.default_rng(derive_seed("complexity", *key)))
    quartiles = np.percentile(values, [25, 50, 75]).tolist() if rows else [None] * 3
    return Summary(
        *key,
        num_cases=len(rows),
        num_left_out=num_all - len(rows),
        num_subjects=len(set(subjects)),
        mean=float(values.mean()) if rows else None,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        median=quartiles[1],
        quartile_1=quartiles[0],
        quartile_3=quartiles[2],
    )


def find_interval(
    values: Float[np.ndarray, " cases"], subjects: Sequence[str], generator: np.random.Generator
) -> tuple[float, float] | None:
    """The percentile bootstrap interval of the mean over cases; None with fewer than two subjects.

    Args:
        values: One per case.
        subjects: The subject of each case; drawn as in `draw_cases`.
        generator: Source of the draws.
    """
    if len(set(subjects)) < 2:
        return None
    times = draw_cases(subjects, generator)
    return find_bounds((times @ values) / times.sum(axis=1))
