"""Which choices of a study's space trade accuracy for robustness, and which improve both.

A model of every objective is fitted to the candidates that were tried. Its variance over the whole space is divided
among dimensions and pairs of dimensions (`effects.py`), for every objective and for weighted sums of both: across the
front, which is towards better networks, and along it, which is from one end to the other. The weights follow the front
piece by piece (Theodorakopoulos, Stahl and Lindauer, AutoML 2024: importance by weightings along the front).

A study says something of a choice only by a fixed rule: see `Rule`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from jaxtyping import Float

from paretoseg.search.attribution.effects import Effect, Response, Whole, find_response, find_whole
from paretoseg.search.attribution.pieces import Piece, find_pieces
from paretoseg.search.attribution.probes import Probes, draw_probes
from paretoseg.search.attribution.surrogate import Fitted, fit_surrogate
from paretoseg.search.candidates.result import Result
from paretoseg.search.fronts.front import Front
from paretoseg.search.strategies.surrogate.records import choose_places
from paretoseg.spaces.domain import Value
from paretoseg.spaces.objective import Objective, to_losses
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.seeds import derive_seed

MOST_CANDIDATES = 300
"""The models know at most so many candidates: half of them the best by rank, the others drawn."""

_NUM_PROBES, _NUM_PAIR_PROBES, _NUM_WHOLE = 128, 32, 512
_NUM_PAIRED = 5
"""Interactions are sought among so many dimensions, those with the largest total effects."""

_NUM_DRAWS = 2000
_SURE = 0.975
_ENDS = (0.025, 0.975)
_HALF_WIDTH = 1.959964
"""Of a 95 percent interval, in standard deviations."""


@dataclass(frozen=True)
class Rule:
    """When a study says that a choice matters; else there are too few trials to tell."""

    least_candidates: int = 20
    """Fewer say nothing of any choice."""

    least_explained: float = 0.1
    """An objective whose values are predicted worse than this from the other candidates says nothing of any choice."""

    level: float = 0.05
    """How often, at most, some choice would be said to matter in a study where none does."""

    least_share: float = 0.01
    """An effect with less of an objective's variance is not one."""


RULE = Rule()


class Conclusion(StrEnum):
    """What a choice does to the first two objectives."""

    BOTH = "improves both"
    TRADES = "trades"
    MIXED = "moves both"
    FIRST = "moves the first"
    SECOND = "moves the second"
    OTHERS = "moves other objectives"
    UNKNOWN = "too few trials to tell"


@dataclass(frozen=True)
class Level:
    """A value of a dimension, with what the objectives are when all other dimensions vary."""

    value: Value
    marginals: Mapping[str, tuple[float, float, float]]
    """By objective, in its unit: the mean, and the ends of its 95 percent interval, lower one first."""


@dataclass(frozen=True)
class Importance:
    """What a dimension, or two together, do to one objective."""

    share: float
    """Of the variance of the objective over the space, in [0, 1]: of the main effect, or of the interaction."""

    low: float
    high: float
    """The 95 percent interval of the share. Its lower end is never quite 0: `is_told` says whether it is more."""

    total: float
    """The same with all interactions of the dimension, as far as they are learned; of an interaction, its share."""

    p_value: float
    """How compatible the trials are with no effect at all, corrected for all that is asked; in [0, 1]."""

    is_told: bool
    """Whether the study says that it matters, by the rule."""


@dataclass(frozen=True)
class DimensionEffect:
    """What a dimension does."""

    name: str
    conclusion: Conclusion
    agreement: float | None
    """The probability that its levels rank alike in the first two objectives, by their covariance; None with one."""

    importances: Mapping[str, Importance]
    """By objective."""

    levels: tuple[Level, ...]
    active_share: float
    """In how much of the space it changes the network or its training, in [0, 1]: else it is at rest."""

    towards: tuple[float, ...]
    along: tuple[float, ...]
    """By piece of the front: its share of the variance towards better networks, and along the front."""

    def find_best(self, objective: Objective) -> Value:
        """The level that is best in an objective."""
        return min(self.levels, key=lambda level: objective.to_loss(level.marginals[objective.name][0])).value


@dataclass(frozen=True)
class PairEffect:
    """An interaction of two dimensions."""

    names: tuple[str, str]
    importances: Mapping[str, Importance]
    """By objective."""

    @property
    def is_told(self) -> bool:
        """Whether the study says that it matters in some objective."""
        return any(one.is_told for one in self.importances.values())


@dataclass(frozen=True)
class Attribution:
    """What the choices of a study do."""

    study: str
    objectives: tuple[Objective, ...]
    num_candidates: int
    num_used: int
    """How many of them the models know."""

    explained: Mapping[str, float]
    """By objective, how well candidates are predicted from the others: 1 is exact, 0 as good as their mean."""

    num_capped: Mapping[str, int]
    """By objective, how many candidates are so bad that only that counts."""

    dimensions: tuple[DimensionEffect, ...]
    """The most important ones first."""

    pieces: tuple[Piece, ...]
    """From the best in the first objective on; empty unless there are two objectives and two members."""

    pairs: tuple[PairEffect, ...]
    """The interactions that were looked at, the largest first."""

    @property
    def gaps(self) -> tuple[str, ...]:
        """Why the study says less than it could, a sentence each."""
        found = []
        if self.num_candidates < RULE.least_candidates:
            found.append(
                f"It has {self.num_candidates} candidates; {RULE.least_candidates} are the least that say something."
            )
        for name, explained in self.explained.items():
            if explained < RULE.least_explained and self.num_candidates >= RULE.least_candidates:
                found.append(
                    f"The choices explain {max(explained, 0.0):.0%} of {name}, less than {RULE.least_explained:.0%}: "
                    "what moves it is mostly noise, or not learned yet."
                )
        return tuple(found)


def attribute(
    study: str, results: Sequence[Result], front: Front, objectives: Sequence[Objective], space: SearchSpace, seed: int
) -> Attribution:
    """What the choices of a study do to its objectives.

    Takes about 3 s for 100 candidates of the core space, on one core.

    Args:
        study: Its name.
        results: All candidates that may be on the front; those outside the space are left out.
        front: The front of the study.
        objectives: One or more.
        space: What was searched.
        seed: Decides what is drawn.

    Raises:
        ValueError: if fewer than three candidates are known, or nothing varies.
    """
    known = [result for result in results if _lies_inside(result, space)]
    if len(known) < 3:
        raise ValueError(f"a study needs three finished candidates to say what choices do, and has {len(known)}")
    losses = to_losses(objectives, [result.objectives for result in known])
    used = [known[place] for place in choose_places(losses, MOST_CANDIDATES // 2, MOST_CANDIDATES)]
    generator = np.random.default_rng(derive_seed("attribution", seed))
    probes = draw_probes(space, _NUM_PROBES, _NUM_WHOLE, generator)
    if not probes.levels:
        raise ValueError("every dimension of this study's space has a single value, so there is no choice to look at")
    features = probes.to_features([space.canonical(result.candidate) for result in used])
    fitted = fit_surrogate(features, used, objectives, probes.genome.is_number, len(probes.genome))
    asked = _Asked(tuple(objectives), probes, fitted, len(known), find_pieces(front, objectives, fitted.spread), seed)
    dimensions = [asked.describe(name) for name in probes.levels]
    dimensions.sort(key=lambda one: -max(importance.total for importance in one.importances.values()))
    pairs = [
        asked.describe_pair(*names)
        for names in itertools.combinations([one.name for one in dimensions[:_NUM_PAIRED]], 2)
    ]
    pairs.sort(key=lambda one: -max(importance.share for importance in one.importances.values()))
    names = [objective.name for objective in objectives]
    return Attribution(
        study=study,
        objectives=tuple(objectives),
        num_candidates=len(known),
        num_used=len(used),
        explained=dict(zip(names, fitted.explained.tolist(), strict=True)),
        num_capped=dict(zip(names, fitted.num_capped.tolist(), strict=True)),
        dimensions=tuple(dimensions),
        pieces=asked.pieces,
        pairs=tuple(pairs),
    )


@dataclass(frozen=True, eq=False)
class _Asked:
    """A surrogate and what it is asked about."""

    objectives: tuple[Objective, ...]
    probes: Probes
    fitted: Fitted
    num_candidates: int
    pieces: tuple[Piece, ...]
    seed: int

    @cached_property
    def _whole(self) -> Whole:
        return find_whole(self.fitted, self.probes.sample)

    def describe(self, name: str) -> DimensionEffect:
        """A dimension."""
        features = self.probes.set_levels([name], len(self.probes.units))
        response = find_response(self.fitted, features)
        effect = response.find_effect((len(features),))
        importances = self._weigh(effect, len(self.probes.levels), response.variances)
        agreement = self._find_agreement(name, effect)
        return DimensionEffect(
            name=name,
            conclusion=self._conclude([one.is_told for one in importances.values()], agreement),
            agreement=agreement,
            importances=importances,
            levels=self._list_levels(name, response),
            active_share=float((features != features[0]).any(axis=(0, 2)).mean()),
            towards=tuple(self._share(effect, piece.towards) for piece in self.pieces),
            along=tuple(self._share(effect, piece.along) for piece in self.pieces),
        )

    def describe_pair(self, first: str, second: str) -> PairEffect:
        """An interaction."""
        sizes = len(self.probes.levels[first]), len(self.probes.levels[second])
        response = find_response(self.fitted, self.probes.set_levels([first, second], _NUM_PAIR_PROBES))
        # The same trials chose which pairs are looked at, so the correction is for all there are.
        num_pairs = math.comb(len(self.probes.levels), 2)
        return PairEffect((first, second), self._weigh(response.find_effect(sizes), num_pairs, None))

    def _weigh(
        self, effect: Effect, num_asked: int, variances: Float[np.ndarray, " objectives"] | None
    ) -> dict[str, Importance]:
        count = num_asked * len(self.objectives)
        drawn = effect.draw(_NUM_DRAWS, np.random.default_rng(derive_seed("shares", self.seed)))
        found = {}
        for place, objective in enumerate(self.objectives):
            weights = np.eye(len(self.objectives))[place]
            share, whole = self._share(effect, weights), self._whole.measure_variance(weights)
            low, high = np.quantile((drawn[:, :, place] ** 2).mean(axis=1) / whole, _ENDS)
            total = share if variances is None else min(float(variances[place]) / whole, 1.0)
            p_value = min(effect.find_p_value(weights) * count, 1.0)
            is_told = (
                self.num_candidates >= RULE.least_candidates
                and float(self.fitted.explained[place]) >= RULE.least_explained
                and p_value <= RULE.level
                and share >= RULE.least_share
            )
            ends = min(float(low), share), min(max(float(high), share), 1.0)
            found[objective.name] = Importance(share, *ends, max(total, share), p_value, is_told)
        return found

    def _share(self, effect: Effect, weights: Float[np.ndarray, " objectives"]) -> float:
        return min(effect.measure_variance(weights) / self._whole.measure_variance(weights), 1.0)

    def _find_agreement(self, name: str, effect: Effect) -> float | None:
        if len(self.objectives) < 2:
            return None
        generator = np.random.default_rng(derive_seed("agreement", self.seed, name))
        drawn = effect.draw(_NUM_DRAWS, generator)
        return float(((drawn[:, :, 0] * drawn[:, :, 1]).sum(axis=1) > 0.0).mean())

    @staticmethod
    def _conclude(is_told: Sequence[bool], agreement: float | None) -> Conclusion:
        first, second = is_told[0], len(is_told) > 1 and is_told[1]
        if first and second:
            assert agreement is not None
            if agreement >= _SURE:
                return Conclusion.BOTH
            return Conclusion.TRADES if agreement <= 1.0 - _SURE else Conclusion.MIXED
        if first or second:
            return Conclusion.FIRST if first else Conclusion.SECOND
        return Conclusion.OTHERS if any(is_told[2:]) else Conclusion.UNKNOWN

    def _list_levels(self, name: str, response: Response) -> tuple[Level, ...]:
        levels = []
        for row, value in enumerate(self.probes.levels[name]):
            marginals = {}
            for place, objective in enumerate(self.objectives):
                half = _HALF_WIDTH * float(response.covariances[place, row, row].clip(0.0)) ** 0.5
                mean = float(response.means[row, place])
                ends = [
                    objective.from_loss(float(self.fitted.centre[place] + self.fitted.spread[place] * loss))
                    for loss in (mean, mean - half, mean + half)
                ]
                marginals[objective.name] = (ends[0], min(ends), max(ends))
            levels.append(Level(value, marginals))
        return tuple(levels)


def _lies_inside(result: Result, space: SearchSpace) -> bool:
    return all(space.domains[name].contains(value) for name, value in result.candidate.as_dict().items())
