"""Several fronts side by side: the hypervolume of each, their differences, and how much of one another covers.

All are measured up to one reference point, on the same cases. Subjects are what was sampled, and all fronts share them.
Another training seed, or another run of a search, would give other fronts: that is in no interval here.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from paretoseg.search.certainty.contributions import Sampling
from paretoseg.search.certainty.hypervolume import HypervolumeDifference, HypervolumeEstimate, compare_hypervolumes
from paretoseg.search.fronts.dominance import find_nondominated
from paretoseg.spaces.objective import Objective, to_losses
from paretoseg.trainables.scoring.objectives import RobustnessRule, measure_draws
from paretoseg.trainables.scoring.score_table import ScoreTable


@dataclass(frozen=True, eq=False)
class ComparedCandidate:
    """A candidate of a study, as the cases that are compared show it."""

    number: int
    tables: tuple[ScoreTable, ...]
    """The scores of its trials on these cases; empty if the task has no cases."""

    objectives: tuple[Mapping[str, float], ...]
    """What the journal holds of each of its trials."""

    means: Mapping[str, float]
    """What the study says of it: the mean over its seeds, without what a seed does to all candidates."""


@dataclass(frozen=True, eq=False)
class ComparedFront:
    """A study in a comparison."""

    name: str
    candidates: tuple[ComparedCandidate, ...]
    """All that may be on its front; at least one."""


@dataclass(frozen=True, eq=False)
class FrontComparison:
    """What is said of several fronts."""

    names: tuple[str, ...]
    objectives: tuple[Objective, ...]
    reference: Mapping[str, float]
    """The common reference point, in the units of the objectives."""

    num_subjects: int
    """Those that all fronts are measured on; 0 if the task has no cases."""

    num_candidates: tuple[int, ...]
    members: tuple[tuple[int, ...], ...]
    """By front, the numbers of its members, best first in the first objective."""

    losses: tuple[Float[np.ndarray, "_ objectives"], ...]
    """By front, the losses of its members on the cases that are compared."""

    hypervolumes: tuple[HypervolumeEstimate, ...]
    differences: tuple[HypervolumeDifference, ...]
    """A pair of fronts; empty if no interval can be computed."""

    coverages: tuple[tuple[float, ...], ...]
    """Row i, column j: the share of the members of front j that a member of front i dominates or equals, in [0, 1]
    (the coverage of two sets; Zitzler and Thiele, IEEE Transactions on Evolutionary Computation 3, 1999)."""

    notes: tuple[str, ...] = ()
    """What is not the same in all studies, or not known; a sentence each."""


def compare_fronts(
    fronts: Sequence[ComparedFront],
    objectives: Sequence[Objective],
    reference: Float[np.ndarray, " objectives"],
    sampling: Sampling | None,
    rule: RobustnessRule,
    generator: np.random.Generator,
) -> FrontComparison:
    """The comparison.

    Args:
        fronts: At least two.
        objectives: The same for all.
        reference: The common reference point as losses.
        sampling: Who was sampled, of the cases in the tables; None if the task has no cases.
        rule: How scores become robustness.
        generator: Draws the halves of subjects.
    """
    num_subjects = 0 if sampling is None else len(sampling.names)
    strata = np.zeros(1, int) if sampling is None else sampling.group_of
    measures = [_Measured(front, tuple(objectives), sampling, rule) for front in fronts]
    estimates, differences = compare_hypervolumes(measures, strata, reference, generator)
    losses = [measure(np.ones((1, len(strata))))[0] for measure in measures]
    rows = [_order(one) for one in losses]
    kept = [one[row] for one, row in zip(losses, rows, strict=True)]
    return FrontComparison(
        names=tuple(front.name for front in fronts),
        objectives=tuple(objectives),
        reference={
            item.name: item.from_loss(float(loss)) + 0.0 for item, loss in zip(objectives, reference, strict=True)
        },
        num_subjects=num_subjects,
        num_candidates=tuple(len(front.candidates) for front in fronts),
        members=tuple(
            tuple(front.candidates[place].number for place in row) for front, row in zip(fronts, rows, strict=True)
        ),
        losses=tuple(kept),
        hypervolumes=tuple(estimates),
        differences=tuple(differences),
        coverages=tuple(tuple(measure_coverage(first, second) for second in kept) for first in kept),
    )


def measure_coverage(
    first: Float[np.ndarray, "first objectives"], second: Float[np.ndarray, "second objectives"]
) -> float:
    """The share of the second front that some member of the first is at least as good as, in every objective."""
    is_covered = (first[:, None, :] <= second[None, :, :]).all(axis=2).any(axis=0)
    return float(is_covered.mean()) if len(second) else 0.0


def _order(losses: Float[np.ndarray, "candidates objectives"]) -> list[int]:
    """The rows on the front, best first in the first objective."""
    chosen = np.flatnonzero(find_nondominated(losses))
    return [int(row) for row in chosen[np.argsort(losses[chosen, 0], kind="stable")]]


@dataclass(frozen=True, eq=False)
class _Measured:
    """The losses of all candidates of a study, by how often each subject counts; a `Measure`."""

    front: ComparedFront
    objectives: tuple[Objective, ...]
    sampling: Sampling | None
    rule: RobustnessRule

    def __call__(self, times: Float[np.ndarray, "draws units"]) -> Float[np.ndarray, "draws candidates objectives"]:
        of_cases = None if self.sampling is None else times[:, self.sampling.unit_of]
        found = np.empty((len(times), len(self.front.candidates), len(self.objectives)))
        for place, candidate in enumerate(self.front.candidates):
            kept = to_losses(self.objectives, candidate.objectives)
            # What a seed does to all candidates was taken out of the means, and is taken out here too.
            shift = to_losses(self.objectives, [candidate.means])[0] - kept.mean(axis=0)
            found[:, place] = kept.mean(axis=0) + shift
            if of_cases is None:
                continue
            names = tuple(self.sampling.counting) if self.sampling else ()
            drawn = [measure_draws(table, of_cases, self.rule, names) for table in candidate.tables]
            for column, item in enumerate(self.objectives):
                if item.name in names:
                    found[:, place, column] = item.sign * np.mean([one[item.name] for one in drawn], axis=0)
                    found[:, place, column] += shift[column]
        return found


def list_pairs(count: int) -> list[tuple[int, int]]:
    """The pairs of so many fronts, in their order."""
    return list(itertools.combinations(range(count), 2))
