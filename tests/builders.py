"""Builders for the tests of several folders: trials, an in-memory journal, serial searches of the toy task."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

from paretoseg.search.candidates.result import Result
from paretoseg.search.config.config import CHOICES
from paretoseg.search.running.session import JobSettings, Session
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.strategies.evolution import EvolutionConfig
from paretoseg.search.strategies.pruner import NeverConfig, PrunerConfig
from paretoseg.search.strategies.strategy import Strategy, StrategyConfig
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.confirmation import Confirmation
from paretoseg.search.study.study import Study
from paretoseg.search.trials.events import Created, Event, Failed, Finished, Stopped, from_record, to_record
from paretoseg.search.trials.trial import Failure, FailureKind, State, Trial
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.toy import ToyTask
from paretoseg.trainables.trainable import Assignment, Split

TWO_OBJECTIVE_STRATEGIES = sorted(set(CHOICES["strategy"]) - {"nsga3", "gp"})
"""The strategies that search the toy task in tests of all: NSGA-III needs three objectives, and `gp`, the same code as
`tpe`, takes a second for a proposal."""


class MemoryLog:
    """A journal in memory. What it gives back went through records, as on disk."""

    def __init__(self, events: list[Event] | None = None) -> None:
        self.events = list(events or [])

    def read(self) -> list[Event]:
        return [from_record(json.loads(json.dumps(to_record(event)))) for event in self.events]

    def append(self, event: Event) -> None:
        self.events.append(event)


def created(task: ToyTask | None = None, name: str = "study") -> Created:
    """The first record of a study."""
    task = task or ToyTask()
    return Created(0.0, name, task.objectives(), task.cost_names())


def build_trial(trial_id: int = 0, accuracy: float = 0.5, robustness: float = 0.5, **changes: object) -> Trial:
    """A finished trial, its candidate told apart by the foreground ratio."""
    values: dict[str, object] = {
        "candidate": Candidate(recipe=Recipe(foreground_ratio=round(trial_id / 1000, 3))),
        "seed": 0,
        "origin": "random",
        "state": State.FINISHED,
        "objectives": {"accuracy": accuracy, "robustness": robustness},
        "costs": {"parameters": 1000.0},
    }
    return Trial(trial_id=trial_id, **(values | changes))  # type: ignore[arg-type]


def tell(strategy: Strategy, trial: Trial) -> None:
    """Records the only trial of a candidate."""
    strategy.tell(trial, Result((trial,), trial.objectives) if trial.is_eligible else None)


def build_study(
    log: MemoryLog,
    *,
    strategy: StrategyConfig | None = None,
    pruner: PrunerConfig | None = None,
    budget: Budget | None = None,
    seed: int = 0,
    restrictions: dict[str, object] | None = None,
    confirm: Confirmation | None = None,
    now: float = 0.0,
) -> Study:
    """An opened study of the toy task over a log in memory; creates the study if the log is empty."""
    if not log.events:
        log.append(created())
    objectives = ToyTask().objectives()
    study = Study(
        log,
        (strategy or EvolutionConfig(population=4)).build(SearchSpace(restrictions), objectives, seed),
        (pruner or NeverConfig()).build(objectives),
        budget=budget or Budget(trials=12),
        seed=seed,
        confirm=confirm,
    )
    study.open(now, host="here", pid=1)
    return study


def run_trial(study: Study, trial: Trial, task: ToyTask) -> None:
    """Takes one trial of the toy task from its first step to its end."""
    trainable = task.build(Assignment(trial.candidate, trial.seed))
    try:
        for step in range(1, task.settings.num_steps + 1):
            if study.report(trial.trial_id, step, trainable.step().values, 0.0):
                study.stop(Stopped(0.0, trial.trial_id, began_at=0.0, seconds=1.0))
                return
    except RuntimeError as error:
        study.fail(Failed(0.0, trial.trial_id, Failure(FailureKind.ERROR, str(error))))
        return
    evaluation = trainable.evaluate(Split.VALIDATION)
    values = dict(evaluation.objectives.values)
    study.finish(Finished(0.0, trial.trial_id, values, dict(evaluation.costs), "", began_at=0.0, seconds=1.0))


def run_study(study: Study, task: ToyTask | None = None) -> Study:
    """Runs a study of the toy task to the end of its budget, one trial at a time."""
    while (trial := study.ask(0.0)) is not None:
        run_trial(study, trial, task or ToyTask())
    return study


def build_session(
    location: object,
    *,
    task: ToyTask | None = None,
    strategy: StrategyConfig | None = None,
    pruner: PrunerConfig | None = None,
    budget: Budget | None = None,
    timeout_min: float = 1440.0,
    now: Callable[[], float] | None = None,
) -> Session:
    """A new or resumed session of the toy task on a real folder; its clock ticks at every reading."""
    task = task or ToyTask()
    folder = location if isinstance(location, StudyFolder) else StudyFolder(str(location))
    if not folder.exists():
        folder.journal.append(created(task))
    objectives = task.objectives()
    study = Study(
        folder.journal,
        (strategy or EvolutionConfig(population=4)).build(SearchSpace(), objectives, 0),
        (pruner or NeverConfig()).build(objectives),
        budget=budget or Budget(trials=6),
        seed=0,
    )
    ticks = itertools.count(1)
    now = now or (lambda: float(next(ticks)))
    study.open(now(), host="here", pid=1)
    return Session(study, folder, task, JobSettings(1, "cpu", timeout_min), now)
