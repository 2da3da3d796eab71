"""What early stopping saves and loses, replayed on simulated learning curves whose ends are known.

    python benchmarks/early_stopping.py          # about two minutes of CPU time
    python benchmarks/early_stopping.py --quick  # few seeds; records nothing

Every trial has two objectives that rise exponentially to a final value, each at a speed of its own, so that curves
cross. A seed adds noise to the whole curve, most in its beginning, and a report adds a little of its own. Each study
has 60 trials of 9 steps, of which a fifth are further seeds of good candidates, 4 running at a time; the same curves
for every pruner. The studies run through `paretoseg.search.study.study`, with its journal, controls and promotions.
"""

from __future__ import annotations

import argparse
import heapq
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from results import record

from paretoseg.search.candidates.result import Result
from paretoseg.search.fronts.dominance import find_nondominated, measure_hypervolume
from paretoseg.search.strategies.asha import Asha, AshaConfig, Guard
from paretoseg.search.strategies.pruner import MedianConfig, NeverConfig, PrunerConfig
from paretoseg.search.strategies.strategy import Proposal, Strategy
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.study import Study
from paretoseg.search.trials.events import Created, Event, Finished, Stopped
from paretoseg.search.trials.receipt import Receipt
from paretoseg.search.trials.trial import REPLICATE, State, Trial
from paretoseg.spaces.objective import Direction, Objective, to_losses
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate

NAMES = ("accuracy", "robustness")
OBJECTIVES = tuple(Objective(name, "1", Direction.MAXIMISE, 0.0) for name in NAMES)
NUM_TRIALS, NUM_STEPS, NUM_SLOTS = 60, 9, 4
REPLICATE_EVERY = 5


class PlacesConfig(AshaConfig):
    """Settings of `Places`."""

    def build(self, objectives: Sequence[Objective]) -> Asha:
        """The pruner."""
        return Places(objectives, self)


class Places(Asha):
    """Stops whatever is outside of the best third of its rung, noise or not, as other versions do."""

    def explain(self, trial: Trial) -> Receipt | None:
        """A receipt without dominators, or None."""
        step = max(trial.reports)
        rung = self._find_rung(step)
        row = rung.find_row(trial.trial_id)
        if not self._is_rung(step) or row is None:
            return None
        place = rung.prioritise([0, 1]).find_place(row)
        return None if self._is_kept(place, rung) else Receipt(step, place, len(rung), (), 0, 0)


PRUNERS: dict[str, PrunerConfig] = {
    "never": NeverConfig(),
    "median": MedianConfig(),
    "asha": AshaConfig(),
    "asha, all objectives": AshaConfig(guard=Guard.all),
    "by place alone": PlacesConfig(),
}


@dataclass(frozen=True)
class Kind:
    """A kind of studies."""

    seed_noise: float
    """Standard deviation that a training seed adds to a final value; candidates differ by .05."""

    predicts: tuple[bool, bool] = (True, True)
    """Of each objective, whether its early values say something about its end."""


KINDS = {
    "little noise": Kind(0.005),
    "noise": Kind(0.02),
    "robustness unpredictable": Kind(0.01, (True, False)),
}


@dataclass(frozen=True)
class Curves:
    """The curves of all candidates of a study, by candidate and seed."""

    values: np.ndarray
    """Shape (candidates, seeds, steps, objectives)."""

    truth: np.ndarray
    """Final values without noise, shape (candidates, objectives)."""


def draw_curves(kind: Kind, generator: np.random.Generator, num_seeds: int = 4) -> Curves:
    """The curves of one study: a trade-off with a share of candidates that are good at nothing."""
    position, penalty = generator.random(NUM_TRIALS), generator.gamma(1.2, 0.05, NUM_TRIALS)
    truth = np.stack([0.9 - 0.15 * position**2, 0.6 + 0.15 * position * (2 - position)], axis=1) - penalty[:, None]
    steps = np.arange(1, NUM_STEPS + 1) / NUM_STEPS
    speed = generator.uniform(0.4, 1.6, (NUM_TRIALS, 1, len(NAMES)))
    left = np.exp(-3.0 * speed * steps[None, :, None]) - np.exp(-3.0 * speed)
    start = truth[:, None] * 0.6
    for column, predicts in enumerate(kind.predicts):
        if not predicts:
            start[:, :, column] += 0.25 * generator.normal(size=(NUM_TRIALS, 1))
    mean = truth[:, None] - left * start
    noise = kind.seed_noise * generator.normal(size=(NUM_TRIALS, num_seeds, 1, len(NAMES)))
    values = mean[:, None] + noise * (1.0 + 2.0 * (1.0 - steps[None, None, :, None]))
    return Curves(values + 0.2 * kind.seed_noise * generator.normal(size=values.shape), truth)


class Fixed(Strategy):
    """Proposes the candidates of the curves in their order; every fifth trial is a further seed of a good one."""

    def __init__(self) -> None:
        self._results: dict[Candidate, Result] = {}
        self._num_new = 0

    def ask(self, number: int, generator: np.random.Generator, active: object) -> Proposal:
        """The next candidate, or a further seed of a member of the front."""
        if number % REPLICATE_EVERY == REPLICATE_EVERY - 1 and self._results:
            results = list(self._results.values())
            losses = to_losses(OBJECTIVES, [one.objectives for one in results])
            members = np.flatnonzero(find_nondominated(losses))
            fewest = min(members, key=lambda place: (len(results[place].trials), place))
            if len(results[fewest].trials) < 4:
                return Proposal(results[fewest].candidate, REPLICATE, seed=len(results[fewest].trials))
        self._num_new += 1
        return Proposal(_name(self._num_new - 1), "random", seed=0)

    def tell(self, trial: Trial, result: Result | None) -> None:
        """Keeps what candidates reached."""
        if result is not None:
            self._results[trial.candidate] = result


def _name(number: int) -> Candidate:
    return Candidate(recipe=Recipe(foreground_ratio=round(number / 1000, 3)))


def _number(candidate: Candidate) -> int:
    return round(candidate.recipe.foreground_ratio * 1000)


class Log:
    """A journal in memory."""

    def __init__(self) -> None:
        self.events: list[Event] = [Created(0.0, "study", OBJECTIVES, ())]

    def read(self) -> list[Event]:
        """All events."""
        return self.events

    def append(self, event: Event) -> None:
        """Keeps an event."""
        self.events.append(event)


def run(curves: Curves, pruner: PrunerConfig, seed: int) -> tuple[Study, int]:
    """A study over the curves, and how many steps its workers trained."""
    log = Log()
    study = Study(log, Fixed(), pruner.build(OBJECTIVES), budget=Budget(trials=NUM_TRIALS), seed=seed)
    study.open(0.0, host="here", pid=1)
    queue: list[tuple[float, int, Trial]] = []
    num_steps, now, order = 0, 0.0, 0
    while True:
        while len(queue) < NUM_SLOTS and (trial := study.ask(now)) is not None:
            queue.append((now + 1.0, order := order + 1, trial))
        heapq.heapify(queue)
        if not queue:
            return study, num_steps
        now, _, trial = heapq.heappop(queue)
        last = max(study.trials[trial.trial_id].reports, default=0)
        step = min(last + 1, NUM_STEPS)  # one that was stopped after its last step has nothing left to train
        num_steps += step - last
        values = _values(curves, trial, step)
        if study.report(trial.trial_id, step, values, now):
            study.stop(Stopped(now, trial.trial_id, now, float(step)))
        elif step == NUM_STEPS:
            study.finish(Finished(now, trial.trial_id, values, {}, "", now, float(step)))
        else:
            queue.append((now + 1.0, order := order + 1, trial))


def _values(curves: Curves, trial: Trial, step: int) -> dict[str, float]:
    values = curves.values[_number(trial.candidate), trial.seed, step - 1]
    return dict(zip(NAMES, values.tolist(), strict=True))


@dataclass(frozen=True)
class Outcome:
    """What a study came to."""

    saved: float
    """Share of the steps of all trials that were not trained."""

    hypervolume: float
    """Of the true values of the candidates that finished, by that of all candidates."""

    num_stopped: int
    num_false: int
    """Stopped candidates that are on the true front of all."""

    num_controls: int
    num_false_controls: int
    """Controls that ended on the front, as the status counts them."""

    num_promoted: int


def judge(curves: Curves, pruner: PrunerConfig, seed: int) -> Outcome:
    """Runs a study and compares it with what is true."""
    study, num_steps = run(curves, pruner, seed)
    proposed = sorted({_number(trial.candidate) for trial in study.trials})
    losses = -curves.truth
    true_front = {proposed[place] for place in np.flatnonzero(find_nondominated(losses[proposed]))}
    ended = sorted({_number(trial.candidate) for trial in study.trials if trial.state is State.FINISHED})
    stopped = [_number(trial.candidate) for trial in study.trials if trial.state is State.STOPPED]
    on_front = {_number(result.candidate) for result in study.front.results}
    controls = [trial for trial in study.trials if trial.is_control and trial.state is State.FINISHED]
    reference = -curves.truth.min(axis=0)
    best = measure_hypervolume(losses[proposed], reference)
    return Outcome(
        saved=1.0 - num_steps / (NUM_STEPS * len(study.trials)),
        hypervolume=measure_hypervolume(losses[ended], reference) / best,
        num_stopped=len(stopped),
        num_false=len(true_front & set(stopped)),
        num_controls=len(controls),
        num_false_controls=sum(_number(trial.candidate) in on_front for trial in controls),
        num_promoted=study.record.num_promoted,
    )


HEAD = (
    *("kind", "pruner", "steps saved", "hypervolume kept", "lowest", "stopped", "false stops", "controls on the front"),
    "promoted",
)


def compare(num_seeds: int) -> list[Sequence[str]]:
    """A row for every kind and pruner."""
    rows: list[Sequence[str]] = [HEAD]
    for name, kind in KINDS.items():
        studies = [draw_curves(kind, np.random.default_rng(seed)) for seed in range(num_seeds)]
        for title, pruner in PRUNERS.items():
            found = [judge(curves, pruner, seed) for seed, curves in enumerate(studies)]
            rows.append([name, title, *describe(found)])
            print(" | ".join(rows[-1]), flush=True)
    return rows


def describe(found: Sequence[Outcome]) -> list[str]:
    """The outcomes of several studies in a row of the table."""
    kept = np.array([one.hypervolume for one in found])
    stopped, controls = sum(one.num_stopped for one in found), sum(one.num_controls for one in found)
    false, on_front = sum(one.num_false for one in found), sum(one.num_false_controls for one in found)
    return [
        f"{np.mean([one.saved for one in found]):.1%}",
        f"{kept.mean():.4f}",
        f"{kept.min():.4f}",
        str(stopped),
        f"{false} ({false / stopped:.1%})" if stopped else "-",
        f"{on_front} of {controls}" if controls else "-",
        str(sum(one.num_promoted for one in found)),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    is_quick = parser.parse_args().quick
    start = time.perf_counter()
    table = compare(4 if is_quick else 20)
    print(f"{time.perf_counter() - start:.0f} s")
    if not is_quick:
        text = (
            "Simulated learning curves (`benchmarks/early_stopping.py`): 20 studies a kind with 60 trials of 9 steps "
            "on 4 workers, every fifth trial a further seed; the same curves for every pruner. The standard deviation "
            "of a seed at the end is .005, .02 and .01, and three times as much at the beginning; candidates differ by "
            ".05. Hypervolume kept: of the true values of the candidates that finished, relative to all that were "
            "proposed; mean and lowest over studies. False stops: stopped candidates that are on the true front of "
            "all. Controls on the front: how many ended on the front that the study shows."
        )
        print(record("Early stopping", text, table))
