"""What would settle who is on a front: how many further seeds of which candidates.

Further seeds are imagined to give the same means and the same covariance, which becomes better known. They shrink what
seeds leave open and leave alone what subjects do. So a candidate may stay undecided however many seeds it is given:
then more subjects are needed, or it lies on the edge. Seeds go to the undecided candidates and to their rivals on the
front, because how far a candidate lies behind a rival is as uncertain as the worse known of the two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from paretoseg.search.candidates.seed_effects import SeedEffects, fit_seed_effects
from paretoseg.search.certainty.membership import State, find_membership

TRIED = (1, 2, 3, 5, 8, 12)
"""Numbers of further seeds that are tried."""

NEAR = 2.0
"""A rival is not worse in any objective by more than so many standard errors of the difference."""


@dataclass(frozen=True)
class FurtherSeeds:
    """What a candidate would need."""

    candidate: int
    """Its position."""

    number: int | None
    """Of further seeds: those that decide about it, or about others if it is on the front itself; with any more, it
    stays decided. None if not even `TRIED[-1]` would decide."""


def find_further_seeds(
    values: Float[np.ndarray, "candidates seeds objectives"],
    subject_draws: Float[np.ndarray, "draws candidates objectives"] | None,
    states: Sequence[State],
    generator: np.random.Generator,
) -> tuple[FurtherSeeds, ...]:
    """The smallest number of further seeds that would decide about every undecided candidate, if the means stay.

    It is a forecast: new seeds move the means too, so many candidates will need more. In simulated searches, the seeds
    that it names decided about 54 percent of the candidates, 96 percent of these rightly
    (`benchmarks/front_membership.py`).

    Args:
        values: As for `find_membership`.
        subject_draws: As for `find_membership`.
        states: Of the candidates at present.
        generator: Source of the draws.

    Returns:
        Of all undecided candidates and of the members of the front that must run too, in the order of candidates; empty
        if none is undecided.
    """
    undecided = np.array([state is State.UNDECIDED for state in states])
    if not undecided.any():
        return ()
    effects = fit_seed_effects(values)
    is_rival = _find_rivals(values, effects) & np.array([state is State.ON_FRONT for state in states])
    runs = undecided | is_rival[undecided].any(axis=0)
    numbers: dict[int, int] = {}
    for number in TRIED:
        further = np.where(runs, number, 0)
        better = dataclasses.replace(effects, dof=effects.dof + int(further.sum()))
        found = find_membership(values, subject_draws, generator, effects=better, further=further)
        assert found is not None, "states are known, so is the membership"
        for place in np.flatnonzero(undecided):
            if found.states[place] is State.UNDECIDED:
                numbers.pop(int(place), None)
            else:
                numbers.setdefault(int(place), number)
    for place in np.flatnonzero(runs & ~undecided):
        helped = [number for other, number in numbers.items() if is_rival[other, place]]
        if helped:
            numbers[int(place)] = max(helped)
    return tuple(
        FurtherSeeds(place, numbers.get(place)) for place in range(len(states)) if undecided[place] or place in numbers
    )


def _find_rivals(
    values: Float[np.ndarray, "candidates seeds objectives"], effects: SeedEffects
) -> Bool[np.ndarray, "candidates candidates"]:
    """Whether the candidate of the column may well dominate that of the row."""
    assert effects.covariance is not None, "states are known, so is what a seed does"
    means = np.nanmean(values - effects.blocks, axis=1)
    share = 1.0 / (~np.isnan(values[:, :, 0])).sum(axis=1)
    errors = np.sqrt((share[:, None] + share)[:, :, None] * np.diag(effects.covariance))
    return np.asarray((means[None] <= means[:, None] + NEAR * errors).all(axis=2))
