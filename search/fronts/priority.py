"""Who comes first among candidates that are compared in several objectives.

Two permutations are easily confused: an *order* lists items from best to worst (`argsort`), a *place* says of each item
how many are better. Everything here returns places.
"""

from __future__ import annotations

from math import comb

import numpy as np
from jaxtyping import Float, Int

from paretoseg.search.fronts.dominance import check_finite


class Priority:
    """The places of trials: of every one, how many others come before it, by rank and hypervolume contribution.

    0 is the best. Equal trials, and those that tie in both, share a place; then the next place is left empty, as in
    sports. So a place does not depend on the order of the rows, and a trial never comes before one that dominates it.
    With one objective, or if all objectives agree, this is the order of the losses.

    Contributions are computed within a front, when one of its places is asked for: O(n log n) for two objectives.

    Args:
        losses: Finite, shape (num_trials, num_objectives); lower is better.

    Raises:
        ValueError: if a loss is not finite.
    """

    def __init__(self, losses: Float[np.ndarray, "trials objectives"]) -> None:
        self._losses = losses
        self.ranks = rank_by_nondomination(losses) if len(losses) else np.zeros(0, dtype=int)
        """Of every trial, the front that it is on; 0 is the best."""

        self._order = np.argsort(self.ranks, kind="stable")
        self._starts = np.concatenate(([0], np.cumsum(np.bincount(self.ranks)))).astype(int)
        """Of every front, how many trials are on those before it."""

        self._places = np.full(len(losses), -1)
        """-1 where it is not known yet."""

    def find_place(self, row: int) -> int:
        """The place of a trial."""
        if self._places[row] < 0:
            self._place_front(int(self.ranks[row]))
        return int(self._places[row])

    def find_first(self, limit: int) -> Int[np.ndarray, " first"]:
        """The rows of the trials whose places are below a limit, in ascending order."""
        full = int(np.searchsorted(self._starts, limit, side="right")) - 1
        rows = self._order[: self._starts[full]]
        if full < len(self._starts) - 1 and self._starts[full] < limit:
            edge = self._list_front(full)
            if self._places[edge[0]] < 0:
                self._place_front(full)
            rows = np.concatenate((rows, edge[self._places[edge] < limit]))
        return np.sort(rows)

    def find_all(self) -> Int[np.ndarray, " trials"]:
        """The places of all trials."""
        for rank in range(len(self._starts) - 1):
            self._place_front(rank)
        return self._places.copy()

    def _list_front(self, rank: int) -> np.ndarray:
        return self._order[self._starts[rank] : self._starts[rank + 1]]

    def _place_front(self, rank: int) -> None:
        rows = self._list_front(rank)
        unique, inverse, counts = np.unique(self._losses[rows], axis=0, return_inverse=True, return_counts=True)
        contributions = find_contributions(unique)
        order = np.argsort(-contributions, kind="stable")  # from best to worst
        before = np.concatenate(([0], np.cumsum(counts[order])[:-1]))
        starts_next = np.concatenate(([True], np.diff(contributions[order]) != 0.0))
        places = np.empty(len(order), dtype=int)
        places[order] = np.maximum.accumulate(np.where(starts_next, before, 0))
        self._places[rows] = self._starts[rank] + places[inverse.reshape(-1)]


def find_places(losses: Float[np.ndarray, "trials objectives"]) -> Int[np.ndarray, " trials"]:
    """Of every trial, how many others come before it: the places of `Priority`.

    Args:
        losses: Finite; lower is better.

    Raises:
        ValueError: if a loss is not finite.
    """
    return Priority(losses).find_all()


def rank_by_nondomination(losses: Float[np.ndarray, "trials objectives"]) -> Int[np.ndarray, " trials"]:
    """The front that every trial is on when fronts are taken away one after the other; 0 is the best.

    Equal trials have the same rank. Source: Deb, Pratap, Agarwal and Meyarivan, IEEE TEC 6(2), 2002.

    Raises:
        ValueError: if a loss is not finite.
    """
    import moocore

    check_finite(losses)
    return np.asarray(moocore.pareto_rank(losses), dtype=int)


def find_contributions(front: Float[np.ndarray, "trials objectives"]) -> Float[np.ndarray, " trials"]:
    """The volume that each member of a front alone dominates, in no unit; higher is better.

    The front is scaled to [0, 1] in every objective, so units do not matter, nor does a network that collapsed: it is
    on another front. The reference is 1 + 1/H in every objective, where H + 1 members would lie on an edge of an even
    front: then the ends of an even front count as much as its inner members (Ishibuchi, Imada, Setoguchi and Nojima,
    Evolutionary Computation 26(3), 2018).

    Args:
        front: Losses that do not dominate each other, each once; lower is better.
    """
    import moocore

    if len(front) == 1:
        return np.ones(1)
    low, span = front.min(axis=0), np.ptp(front, axis=0)
    scaled = (front - low) / np.where(span > 0.0, span, 1.0)
    reference = 1.0 + 1.0 / _count_divisions(*front.shape)
    found = moocore.hv_contributions(scaled, ref=np.full(front.shape[1], reference))
    # Equal volumes of an even front may differ in the last digits, depending on where they lie.
    return np.round(np.asarray(found, dtype=float), 12)


def _count_divisions(num_members: int, num_objectives: int) -> int:
    """H: an even front with H divisions of an edge has comb(H + m - 1, m - 1) members; the largest that fits."""
    if num_objectives == 1:
        return 1
    divisions = 1
    while comb(divisions + num_objectives, num_objectives - 1) <= num_members:
        divisions += 1
    return divisions
