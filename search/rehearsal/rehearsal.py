"""Repeated simulated searches: one run of an option, and all runs of all options."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, inf

import numpy as np

from paretoseg.search.candidates.result import Result
from paretoseg.search.fronts.dominance import find_nondominated, measure_hypervolume
from paretoseg.search.health.check import Evidence, Finding, Replay
from paretoseg.search.health.checks import look_at
from paretoseg.search.rehearsal.recorded_space import RecordedSpace
from paretoseg.search.rehearsal.recorded_table import RecordedTable, TablePlayer
from paretoseg.search.rehearsal.simulator import End, MemoryLog, Mishaps, Simulation, Timeline
from paretoseg.search.strategies.known_first import put_first
from paretoseg.search.strategies.pruner import PrunerConfig
from paretoseg.search.strategies.strategy import Fit, FittingStrategy, Proposal, Strategy, StrategyConfig
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.confirmation import Confirmation
from paretoseg.search.study.study import Study
from paretoseg.search.trials.events import Created
from paretoseg.search.trials.trial import KNOWN, REPLICATE, WARM_START, State, Trial
from paretoseg.spaces.constraint import read_kept
from paretoseg.spaces.objective import Objective, reference_point, to_losses

_ROOM = 1.2
"""With replicates, whose number depends on the budget of trials, an option gets so many times the trials that fit into
the hours by its pilot run; the hours then end the run."""

_MOST_TRIALS = 10
"""At most, an option gets so many times the trials that were asked for."""

_PILOT = 2**31
"""The repetition that is the pilot; no other has this number."""


@dataclass(frozen=True)
class Option:
    """One way to search."""

    strategy: str
    pruner: str
    workers: int
    strategy_config: StrategyConfig
    pruner_config: PrunerConfig


@dataclass(frozen=True)
class Plan:
    """What all options of a rehearsal share."""

    study: str
    """The name that is shown."""

    created: Created
    """The first record of the recorded study, with all that belongs to its task."""

    table: RecordedTable
    space: RecordedSpace
    trials: int
    """How many trials of mean length the budget holds."""

    repetitions: int
    """How often every option is searched with."""

    num_gpus: float = 0.0
    """GPUs of a trial; 0 counts hours of computing instead of GPU-hours."""

    confirm: Confirmation = dataclasses.field(default_factory=lambda: Confirmation(seeds=1))
    """How many seeds candidates get within the search; nothing is confirmed afterwards."""

    max_failures: int = 5
    mishaps: Mishaps = dataclasses.field(default_factory=Mishaps)
    seed: int = 0

    @property
    def objectives(self) -> Sequence[Objective]:
        """What is measured."""
        return self.table.objectives

    @property
    def limit(self) -> float:
        """The budget: seconds that all workers may work together."""
        return self.trials * self.table.mean_seconds

    @property
    def hours(self) -> float:
        """The budget in GPU-hours, or in hours of computing without GPUs."""
        return self.to_hours(self.limit)

    def to_hours(self, spent: float) -> float:
        """GPU-hours, or hours of computing without GPUs, of so many seconds of workers."""
        return spent / 3600 * (self.num_gpus or 1.0)


@dataclass(frozen=True)
class Run:
    """One simulated search, without its trials. Its arrays have an entry for every time that the front grew."""

    spent: np.ndarray
    """GPU-hours that were spent by then, ascending."""

    hours: np.ndarray
    """How long the search had run by then."""

    hypervolume: np.ndarray
    """Of what the candidates that had finished by then are worth."""

    num_started: int
    num_stopped: int
    num_failed: int
    num_lost: int
    num_proposed: int
    """New candidates that the strategy proposed."""

    num_replaced: int
    """How many of these stand for another point, which is not recorded."""

    distance: float
    """How far these were from it, summed, in the distance of `RecordedSpace`."""

    num_asked: int
    """How often the strategy was asked."""

    num_false_stops: int
    """Candidates that were stopped early alone and, by their recordings, would be on the front."""

    saved: float
    """GPU-hours of training that early stopping has left out."""

    findings: tuple[Finding, ...]
    """What the health checks find."""

    num_replicates: int
    total_hours: float
    """How long the search ran."""

    ask_seconds: float
    """Of the strategy for all of its proposals, in real time."""

    gave_up: bool


class WatchedStrategy:
    """A strategy that is watched: counts its proposals, and those that stand for a point which is not recorded.

    Args:
        strategy: Searches `space`.
        space: What is recorded.
    """

    def __init__(self, strategy: Strategy, space: RecordedSpace) -> None:
        self._strategy = strategy
        self._space = space
        self.num_asked = self.num_proposed = self.num_replaced = 0
        self.distance = self.seconds = 0.0

    def ask(self, number: int, generator: np.random.Generator, active: Sequence[Trial]) -> Proposal:
        """The strategy's proposal, moved to the nearest recorded candidate if it is not one."""
        start = time.perf_counter()
        proposal = self._strategy.ask(number, generator, active)
        self.seconds += time.perf_counter() - start
        self.num_asked += 1
        candidate = proposal.candidate
        if not self._space.contains(candidate):
            candidate = self._space.repair(candidate)
        if proposal.origin != REPLICATE:
            self.num_proposed += 1
            is_known = proposal.origin in (KNOWN, WARM_START)  # the user's own, that nothing was moved to
            distance = 0.0 if is_known else self._space.find_distance(candidate)
            self.num_replaced += distance > 0.0
            self.distance += distance
        return dataclasses.replace(proposal, candidate=candidate)

    def tell(self, trial: Trial, result: Result | None) -> None:
        """Passes a trial on that ended."""
        start = time.perf_counter()
        self._strategy.tell(trial, result)
        self.seconds += time.perf_counter() - start

    def fit(self) -> Fit | None:
        """What the strategy fits, if it fits anything; its time counts too."""
        start = time.perf_counter()
        found = self._strategy.fit() if isinstance(self._strategy, FittingStrategy) else None
        self.seconds += time.perf_counter() - start
        return found

    def adopt(self, numbers: Sequence[float]) -> None:
        """Passes it on to a strategy that fits."""
        if isinstance(self._strategy, FittingStrategy):
            self._strategy.adopt(numbers)


def rehearse(plan: Plan, options: Sequence[Option], observe: Callable[[], None] = lambda: None) -> list[list[Run]]:
    """The runs of every option, in order; repetition r of every option starts from the same seed.

    Args:
        plan: What the options share.
        options: Ways to search.
        observe: Called after every run.
    """
    found = []
    for option in options:
        budget = _find_budget(plan, option)
        runs = []
        for repetition in range(plan.repetitions):
            runs.append(_run(plan, option, repetition, budget, plan.limit))
            observe()
        found.append(runs)
    return found


def _find_budget(plan: Plan, option: Option) -> int:
    """How many trials an option may start at most; the hours end its runs before, unless it stops nearly all trials."""
    if plan.confirm.seeds == 1:
        return _MOST_TRIALS * plan.trials
    study, _ = _open(plan, option, _PILOT, plan.trials)
    generator = np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=(_PILOT, 1)))
    timeline = _simulate(plan, option, study, generator, inf)
    num_started = max(len(study.trials), 1)
    length = timeline.spent / num_started
    fitting = plan.limit / length if length > 0.0 else inf
    return ceil(min(_ROOM * fitting, _MOST_TRIALS * plan.trials))


def _run(plan: Plan, option: Option, repetition: int, budget: int, limit: float) -> Run:
    study, strategy = _open(plan, option, repetition, budget)
    generator = np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=(repetition, 1)))
    timeline = _simulate(plan, option, study, generator, limit)
    grown = _follow(plan, timeline.ends)
    num_false = _count_false_stops(plan, study.trials)
    replay = Replay(plan.to_hours(timeline.saved), plan.to_hours(timeline.spent), num_false)
    return Run(
        spent=np.array([plan.to_hours(end.spent) for end, _ in grown]),
        hours=np.array([end.seconds / 3600 for end, _ in grown]),
        hypervolume=np.array([volume for _, volume in grown]),
        num_started=len(study.trials),
        num_stopped=study.record.count(State.STOPPED),
        num_failed=study.record.count(State.FAILED),
        num_lost=timeline.num_lost,
        num_proposed=strategy.num_proposed,
        num_replaced=strategy.num_replaced,
        distance=strategy.distance,
        num_asked=strategy.num_asked,
        num_false_stops=num_false,
        saved=plan.to_hours(timeline.saved),
        findings=tuple(look_at(Evidence(study.record, plan.space, plan.num_gpus, replay))),
        num_replicates=sum(trial.origin == REPLICATE for trial in study.trials),
        total_hours=timeline.seconds / 3600,
        ask_seconds=strategy.seconds,
        gave_up=study.gave_up,
    )


def _open(plan: Plan, option: Option, repetition: int, budget: int) -> tuple[Study, WatchedStrategy]:
    """A new study of an option, in memory."""
    seed = find_study_seed(plan.seed, repetition)
    strategy = option.strategy_config.build(plan.space, plan.objectives, seed)
    known, warm = (
        [candidate for candidate in candidates if plan.space.contains(candidate)]
        for candidates in (plan.created.known, plan.created.warm)
    )
    watched = WatchedStrategy(put_first(strategy, known, warm), plan.space)
    study = Study(
        MemoryLog([dataclasses.replace(plan.created, time=0.0)]),
        watched,
        option.pruner_config.build(plan.objectives, read_kept(plan.created.constraints)),
        budget=Budget(trials=budget, max_failures=plan.max_failures),
        seed=seed,
        confirm=plan.confirm,
    )
    return study, watched


def _simulate(plan: Plan, option: Option, study: Study, generator: np.random.Generator, limit: float) -> Timeline:
    seed = study.seed
    player = TablePlayer(plan.table, seed, generator.spawn(1)[0])
    simulation = Simulation(study, player, workers=option.workers, generator=generator, mishaps=plan.mishaps)
    return simulation.run(limit)


def find_study_seed(seed: int, repetition: int) -> int:
    """The seed of the study in a repetition; large, so that it is none that a recorded study had."""
    state = np.random.SeedSequence(seed, spawn_key=(repetition, 0)).generate_state(1)
    return 2**31 + int(state[0]) // 2


def _count_false_stops(plan: Plan, trials: Sequence[Trial]) -> int:
    """How many candidates were stopped early alone, although no finished one dominates what they are worth."""
    finished = {trial.candidate for trial in trials if trial.state is State.FINISHED}
    stopped = {trial.candidate for trial in trials if trial.state is State.STOPPED} - finished
    ended, lost = (
        to_losses(plan.objectives, [plan.table.values[one] for one in candidates if one in plan.table.values])
        for candidates in (finished, stopped)
    )
    is_dominated = (ended[:, None] <= lost).all(axis=2) & (ended[:, None] < lost).any(axis=2)
    return int((~is_dominated.any(axis=0)).sum())


def _follow(plan: Plan, ends: Sequence[End]) -> list[tuple[End, float]]:
    """Every end at which the hypervolume grew, with the new one."""
    reference = reference_point(plan.objectives)
    front = np.empty((0, len(reference)))
    volume, grown = 0.0, []
    for end in ends:
        value = plan.table.values.get(end.trial.candidate)
        if end.trial.state is not State.FINISHED or value is None:
            continue
        losses = np.vstack([front, to_losses(plan.objectives, [value])])
        front = losses[find_nondominated(losses)]
        after = measure_hypervolume(front, reference)
        if after > volume:
            volume = after
            grown.append((end, volume))
    return grown
