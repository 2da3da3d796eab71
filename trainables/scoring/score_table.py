"""The scores of one network as a table: one row per case, one column per condition. Free of torch.

Every result of a network is computed from such a table and from how often each case counts: once for the result itself,
as often as it was drawn for an interval. So one formula serves both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from paretoseg.trainables.trainable import CaseScore, Condition


class ScoredCase(NamedTuple):
    """The case of a row of the table."""

    shift: str
    """Name of the shift set that it is in, or '' for a case like those in training."""

    name: str
    """Unique within its dataset."""

    domain: str
    """Its origin: site, scanner, blend level."""


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """The scores of one network in one metric, both axes in alphabetical order."""

    cases: tuple[ScoredCase, ...]
    conditions: tuple[Condition, ...]
    values: Float[np.ndarray, "cases conditions"]
    """NaN where a case was not measured under a condition, or has no class to score there."""

    @property
    def once(self) -> Float[np.ndarray, "1 cases"]:
        """Counts every case once, for the result itself."""
        return np.ones((1, len(self.cases)))

    def select(self, is_kept: Callable[[Condition], bool]) -> ScoreTable:
        """The table with some of the conditions only; all cases stay, in their order."""
        places = [place for place, condition in enumerate(self.conditions) if is_kept(condition)]
        return ScoreTable(self.cases, tuple(self.conditions[place] for place in places), self.values[:, places])

    def average(self, times: Float[np.ndarray, "draws cases"]) -> Float[np.ndarray, "draws conditions"]:
        """The mean over cases under every condition.

        Args:
            times: How often each case counts, one row for each draw.

        Returns:
            NaN where no case that counts was measured.
        """
        is_known = ~np.isnan(self.values)
        return divide(times @ np.where(is_known, self.values, 0.0), times @ is_known.astype(float))


def tabulate(rows: Iterable[CaseScore]) -> ScoreTable:
    """The table of the rows of one network and metric, with one row for each case and condition."""
    known = {
        (ScoredCase(row.shift, row.case, row.domain), row.condition): np.nan if row.is_left_out else row.value
        for row in rows
    }
    cases = sorted({case for case, _ in known})
    conditions = sorted({condition for _, condition in known})
    row_of = {case: place for place, case in enumerate(cases)}
    column_of = {condition: place for place, condition in enumerate(conditions)}
    values = np.full((len(cases), len(conditions)), np.nan)
    for (case, condition), value in known.items():
        values[row_of[case], column_of[condition]] = value
    return ScoreTable(tuple(cases), tuple(conditions), values)


def divide(sums: Float[np.ndarray, "*shape"], counts: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Sums divided by counts; NaN where nothing was counted."""
    quotients: np.ndarray = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return quotients


def average_known(values: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows"]:
    """The mean of every row over the values that are not NaN; NaN if all are."""
    return divide(np.nansum(values, axis=1), (~np.isnan(values)).sum(axis=1).astype(float))
