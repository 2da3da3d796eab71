"""The scores of one network as a table: a row a case, a column a condition. Free of torch.

Every number of a network is made of such a table and of how often each case counts: once for the number itself, as
often as it was drawn for an interval. So there is one formula for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from paretoseg.trainables.trainable import CaseScore, Condition


class ScoredCase(NamedTuple):
    """Which case a row of the table is."""

    shift: str
    """Name of the shift set that it is in, or '' for a case like those in training."""

    name: str
    """Unique within its dataset."""

    domain: str
    """Where it comes from."""


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """The scores of one network in one metric, both axes in alphabetical order."""

    cases: tuple[ScoredCase, ...]
    conditions: tuple[Condition, ...]
    values: Float[np.ndarray, "cases conditions"]
    """NaN where a case was not measured under a condition."""

    @property
    def once(self) -> Float[np.ndarray, "1 cases"]:
        """Every case counted once: what the number of a network is made of."""
        return np.ones((1, len(self.cases)))

    def select(self, is_kept: Callable[[Condition], bool]) -> ScoreTable:
        """The columns of some conditions; all cases stay, in their order."""
        places = [place for place, condition in enumerate(self.conditions) if is_kept(condition)]
        return ScoreTable(self.cases, tuple(self.conditions[place] for place in places), self.values[:, places])

    def average(self, times: Float[np.ndarray, "draws cases"]) -> Float[np.ndarray, "draws conditions"]:
        """The mean over cases under every condition.

        Args:
            times: How often each case counts, in as many ways as there are rows.

        Returns:
            NaN where no case that counts was measured.
        """
        is_known = ~np.isnan(self.values)
        return divide(times @ np.where(is_known, self.values, 0.0), times @ is_known.astype(float))


def tabulate(rows: Iterable[CaseScore]) -> ScoreTable:
    """The table of the rows of one network and metric, one a case and condition."""
    known = {(ScoredCase(row.shift, row.case, row.domain), row.condition): row.value for row in rows}
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
    """The mean of every row over what is not NaN; NaN where all is."""
    return divide(np.nansum(values, axis=1), (~np.isnan(values)).sum(axis=1).astype(float))
