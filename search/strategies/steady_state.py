"""Steady-state NSGA-II over mixed variables, from pymoo's own operators.

Every candidate whose trial ends enters a population of fixed size at once, and the worst member by nondomination rank
and crowding distance leaves it. Every free slot gets one offspring of the current population, so no slot ever waits for
a generation. Source: Deb et al., NSGA-II, IEEE TEC 6(2), 2002; Durillo et al., steady state, EMO 2009.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Any

import numpy as np
from pymoo.algorithms.moo.nsga3 import ReferenceDirectionSurvival
from pymoo.core.mixed import MixedVariableMating
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.survival import Survival
from pymoo.core.variable import Choice as ChoiceVariable
from pymoo.core.variable import Integer, Real
from pymoo.operators.selection.tournament import TournamentSelection
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding
from pymoo.util.ref_dirs import get_reference_directions

from paretoseg.search.candidates.result import Result
from paretoseg.search.strategies.strategy import Archive, Proposal
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.domain import Choice, Domain, Float, Int, Value
from paretoseg.spaces.first_design import to_learnable
from paretoseg.spaces.objective import Objective, to_losses
from paretoseg.spaces.search_space import Candidate, SearchSpace

_DESIGN_STREAM = 1
"""Keeps the draws of the initial design apart from those of single trials."""

_MAX_MATINGS = 20
"""How often mating is tried before an unseen candidate is drawn at random; mating is far slower than drawing."""


class Evolution:
    """A population that changes with every trial that ends.

    The settings are those of `EvolutionConfig`; `survival` decides who stays, by default rank and crowding distance.
    """

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        *,
        population: int,
        random_share: float,
        seed: int,
        survival: Survival | None = None,
    ) -> None:
        self._space = space
        self._objectives = tuple(objectives)
        self._size = population
        self._random_share = random_share
        self._archive = Archive(space)
        # One constraint: the violation of all. With several, pymoo would sum them in its own way.
        self._problem = Problem(vars=to_variables(space), n_obj=len(self._objectives), n_ieq_constr=1)
        self._mating = MixedVariableMating(
            selection=TournamentSelection(func_comp=_compare_by_rank_and_crowding), eliminate_duplicates=None
        )
        self._survival = survival or RankAndCrowding()
        self._population = Population.empty()
        self._design = _draw_design(space, population, seed)

    def ask(self, number: int, generator: np.random.Generator, active: Sequence[Trial]) -> Proposal:
        """The default candidate, then the initial design, then offspring and a share of random candidates."""
        if number < len(self._design):
            proposal = self._archive.propose_unseen(lambda: self._design[number], active, max_draws=1)
            if proposal:
                return proposal
        breeds = len(self._population) >= 2 and generator.random() >= self._random_share
        num_matings = _MAX_MATINGS if breeds else 0
        return (
            self._archive.propose_unseen(lambda: self._mate(generator), active, num_matings)
            or self._archive.propose_unseen(lambda: self._draw(generator), active)
            or self._archive.propose_remaining(self._space, generator, active)
            or self._archive.propose_replicate(generator, active)
        )

    def tell(self, trial: Trial, result: Result | None) -> None:
        """Adds the candidate to the population if its networks count, with the mean over its seeds.

        A candidate that was known is judged again by its new mean.
        """
        self._archive.add(trial)
        if result is None or trial.state is not State.FINISHED:
            return
        newcomer = Population.new(
            X=np.array([_to_point(self._space, result.candidate)], dtype=object),
            F=to_losses(self._objectives, [result.objectives]),
            G=np.array([[result.violation]]),
        )
        newcomer[0].set("trial_id", result.number)
        others = [place for place, one in enumerate(self._population) if one.get("trial_id") != result.number]
        merged = Population.merge(self._population[others], newcomer)
        # The generator only breaks ties; it depends on the trial, so that a replay breaks them in the same way.
        ties = np.random.default_rng(trial.trial_id)
        self._population = self._survival.do(self._problem, merged, n_survive=self._size, random_state=ties)

    @property
    def population(self) -> tuple[int, ...]:
        """The candidates in the population, by number in ascending order."""
        return tuple(sorted(member.get("trial_id") for member in self._population))

    def _draw(self, generator: np.random.Generator) -> Proposal:
        return Proposal(self._space.sample(generator), "random")

    def _mate(self, generator: np.random.Generator) -> Proposal:
        # Selecting the parents here, as pymoo's mating does internally, lets us record them.
        parents = self._mating.selection(self._problem, self._population, 1, 2, random_state=generator)
        offspring = self._mating.do(self._problem, parents, 1, parents=True, random_state=generator)
        identities = sorted({int(parent.get("trial_id")) for parent in parents[0]})
        return Proposal(to_candidate(self._space, offspring[0].X), "mating", tuple(identities))


def make_reference_survival(num_objectives: int, population: int) -> Survival:
    """Survival by nondomination rank and, within the last rank, by niches along reference directions.

    The directions are the finest even ones (Das and Dennis 1998) of which there are at most as many as members. Source:
    Deb and Jain, NSGA-III, IEEE TEC 18(4), 2014.
    """
    partitions = 1
    while comb(num_objectives + partitions, partitions + 1) <= population:
        partitions += 1
    directions = get_reference_directions("das-dennis", num_objectives, n_partitions=partitions)
    return ReferenceDirectionSurvival(directions)


def _draw_design(space: SearchSpace, size: int, seed: int) -> list[Proposal]:
    """The default candidate, then a Latin hypercube, which covers every dimension evenly."""
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_DESIGN_STREAM,)))
    units = draw_latin_hypercube(size - 1, len(space.searched), generator)
    return [
        Proposal(space.default(), "default"),
        *(Proposal(space.decode(unit), "initial") for unit in to_learnable(space, units)),
    ]


def draw_latin_hypercube(num_points: int, num_dimensions: int, generator: np.random.Generator) -> np.ndarray:
    """Points in the unit cube, shape (num_points, num_dimensions), one in each of `num_points` slices of every axis.

    Source: McKay, Beckman and Conover, Technometrics 21(2), 1979.
    """
    slices = np.stack([generator.permutation(num_points) for _ in range(num_dimensions)], axis=1)
    return (slices + generator.random(slices.shape)) / num_points


def to_variables(space: SearchSpace) -> dict[str, Any]:
    """Pymoo's variables for the searched dimensions, by name."""
    return {name: _to_variable(domain) for name, domain in space.searched.items()}


def _to_variable(domain: Domain) -> Any:
    """Pymoo's variable for a domain; options are coded by index, because pymoo changes the types of mixed options."""
    match domain:
        case Float():
            return Real(bounds=(0.0, 1.0))
        case Int():
            return Integer(bounds=(0, domain.num_values - 1))
        case Choice():
            return ChoiceVariable(options=list(range(len(domain.options))))
    raise AssertionError(f"no variable for {domain}")


def _to_point(space: SearchSpace, candidate: Candidate) -> dict[str, float | int]:
    values = space.list_values(candidate)
    return {
        name: float(unit) if isinstance(domain, Float) else _cell(domain, values[name])
        for (name, domain), unit in zip(space.searched.items(), space.encode(candidate), strict=True)
    }


def _cell(domain: Domain, value: Value) -> int:
    """The index of a value in an `Int` or `Choice`."""
    num_cells = domain.num_values if isinstance(domain, Int) else len(domain.options)  # type: ignore[attr-defined]
    return int(domain.to_unit(value) * num_cells)


def to_candidate(space: SearchSpace, point: dict[str, Any]) -> Candidate:
    """The repaired candidate with these values of pymoo's variables."""
    values: dict[str, Value] = {}
    for name, domain in space.searched.items():
        match domain:
            case Float():
                values[name] = domain.from_unit(float(point[name]))
            case Int():
                values[name] = domain.low + round(float(point[name])) * domain.step
            case Choice():
                values[name] = domain.options[int(point[name])]
    return space.complete(values)


def _compare_by_rank_and_crowding(
    population: Any, pairs: np.ndarray, random_state: np.random.Generator, **_: Any
) -> np.ndarray:
    """The winner of every pair by constrained domination: a feasible candidate, then the smaller violation.

    Of two feasible ones, the lower rank, then the larger crowding distance; then chance. Source: Deb et al., NSGA-II,
    IEEE TEC 6(2), 2002, section VI.
    """
    winners = []
    for first, second in pairs:
        keys = [_find_key(population[place]) for place in (first, second)]
        is_tie = keys[0] == keys[1]
        winners.append(random_state.choice([first, second]) if is_tie else (first if keys[0] < keys[1] else second))
    return np.array(winners, dtype=int)[:, None]


def _find_key(member: Any) -> tuple[float, ...]:
    """What decides about a member; the smaller one wins. A member that is not feasible has no rank."""
    violation, crowding = float(member.G[0]), member.get("crowding")
    return (violation,) if violation > 0.0 else (0.0, member.get("rank"), 0.0 if crowding is None else -crowding)
