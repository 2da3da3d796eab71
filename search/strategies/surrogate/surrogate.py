"""The strategy: of many offspring of the best candidates, the one with the greatest expected hypervolume improvement.

Sources: Emmerich et al. 2016 (the improvement), Blank and Deb, GPSAF, 2022 (operators of an evolution make the points
that a model chooses among), White, Neiswanger and Savani, BANANAS, AAAI 2021 (mutated incumbents as these points).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import qmc
from threadpoolctl import threadpool_limits

from paretoseg.search.candidates.result import Result
from paretoseg.search.strategies.strategy import Archive, Fit, Proposal
from paretoseg.search.strategies.surrogate.beside import Cost
from paretoseg.search.strategies.surrogate.choosing import NUM_PARENTS, Beliefs, Chooser, find_beliefs
from paretoseg.search.strategies.surrogate.models import fit_all, make_priors, measure_explained
from paretoseg.search.strategies.surrogate.pool import breed
from paretoseg.search.strategies.surrogate.records import Records, choose_places
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.first_design import to_learnable
from paretoseg.spaces.objective import Objective
from paretoseg.spaces.search_space import Candidate, SearchSpace

_DESIGN_STREAM = 1
"""Keeps the draws of the initial design apart from those of single trials."""

_MIN_KNOWN = 4
"""Models are asked when so many candidates have values."""

_FIT_ALWAYS_BELOW = 12
"""With fewer candidates than this, models are fitted after every trial, later when there are a tenth more."""

_GROWTH = 1.1

_MAX_KNOWN = 300
"""Models know at most so many candidates: half of them the best by rank."""

_NUM_MATINGS = 20
"""How many offspring are tried, without models, before an unseen candidate is drawn at random."""


class Surrogate:
    """Gaussian processes that choose. For the settings see `SurrogateConfig`."""

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        *,
        num_design: int,
        model_free_share: float,
        cost_exponent: float,
        seed: int,
    ) -> None:
        self._space = space
        self._objectives = tuple(objectives)
        self._model_free_share = model_free_share
        self._cost_exponent = cost_exponent
        self._archive = Archive(space)
        self._records = Records(space, objectives, num_design)
        self._genome = self._records.genome
        self._priors = make_priors(self._genome.is_number, len(self._genome))
        self._design = _draw_design(space, num_design, seed)
        self._fitted: np.ndarray | None = None
        self._num_fitted = 0

    def ask(self, number: int, generator: np.random.Generator, active: Sequence[Trial]) -> Proposal:
        """The default, the design, then what the models choose, and a share that is mated without them."""
        proposal: Proposal | None = None
        if number < len(self._design):
            proposal = self._archive.propose_unseen(lambda: self._design[number], active, max_draws=1)
        with threadpool_limits(1):  # the matrices are small: more threads only wait for each other
            proposal = proposal or self._ask_models(generator, active)
        return (
            proposal
            or self._archive.propose_unseen(lambda: Proposal(self._space.sample(generator), "random"), active)
            or self._archive.propose_remaining(self._space, generator, active)
            or self._archive.propose_replicate(generator, active)
        )

    def tell(self, trial: Trial, result: Result | None) -> None:
        """Records what a trial says of its candidate: objectives, whether its networks count, seconds."""
        self._archive.add(trial)
        self._records.add(trial, result)

    def fit(self) -> Fit | None:
        """Fits the models, if that is due: what was found, else None."""
        count = self._records.num_known
        is_early = self._num_fitted < count < _FIT_ALWAYS_BELOW
        if not len(self._genome) or count < _MIN_KNOWN or not (is_early or count >= _GROWTH * self._num_fitted):
            return None
        known, _ = self._records.know()
        chosen = known.choose(choose_places(known.targets, _MAX_KNOWN // 2, _MAX_KNOWN))
        with threadpool_limits(1):
            self._fitted = fit_all(self._priors, chosen, self._fitted)
            explained = measure_explained(self._fitted, chosen)
        self._num_fitted = count
        names = [objective.name for objective in self._objectives]
        return Fit(tuple(self._fitted.ravel().tolist()), dict(zip(names, explained.tolist(), strict=True)))

    def adopt(self, numbers: Sequence[float]) -> None:
        """Takes the numbers that an earlier process found with the candidates known so far."""
        shape = (len(self._priors), len(self._objectives), len(self._genome.is_number) + 2)
        if len(numbers) == np.prod(shape):  # else another strategy's, and the fit is due
            self._fitted = np.array(numbers, dtype=float).reshape(shape)
            self._num_fitted = self._records.num_known

    def _ask_models(self, generator: np.random.Generator, active: Sequence[Trial]) -> Proposal | None:
        if self._fitted is None:
            return None
        beliefs, ranked = self._look(self._fitted, active)
        running = {trial.candidate for trial in active}

        def is_taken(candidate: Candidate) -> bool:
            return candidate in running or self._archive.knows(candidate) or not self._space.allows(candidate)

        if generator.random() < self._model_free_share:
            offspring = breed(self._genome, ranked[:NUM_PARENTS], _NUM_MATINGS, generator)
            candidates = (self._space.decode(unit) for unit in self._genome.to_units(offspring))
            return next((Proposal(one, "mating") for one in candidates if not is_taken(one)), None)
        chosen = Chooser(self._space, self._genome, beliefs, is_taken, generator).choose(ranked)
        return Proposal(chosen, "surrogate") if chosen is not None else None

    def _look(self, fitted: np.ndarray, active: Sequence[Trial]) -> tuple[Beliefs, np.ndarray]:
        """What the models say now, and the genes of the known candidates, best first."""
        records = self._records
        known, scale = records.know()
        places = choose_places(known.targets, _MAX_KNOWN // 2, _MAX_KNOWN)
        beliefs = find_beliefs(
            fitted,
            known.choose(places),
            scale,
            self._genome.to_features(records.find_unknown(active)),
            records.learn_feasibility(),
            records.learn_cost() if self._cost_exponent else Cost(None, 1.0),
            self._cost_exponent,
        )
        return beliefs, records.genes[places][beliefs.best]


def _draw_design(space: SearchSpace, size: int, seed: int) -> list[Proposal]:
    """The default candidate, then a Latin hypercube of low discrepancy, which covers every dimension evenly."""
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_DESIGN_STREAM,)))
    num_dimensions = len(space.searched)
    units = np.zeros((size, 0))
    if num_dimensions:
        units = qmc.LatinHypercube(num_dimensions, optimization="random-cd", rng=generator).random(size)
    return [
        Proposal(space.default(), "default"),
        *(Proposal(space.decode(unit), "initial") for unit in to_learnable(space, units)),
    ]
