"""How much CPU time a simulated search takes: so many workers and trials, with the study's own code and no training.

python benchmarks/rehearsal.py --print-only
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time

import numpy as np
from results import record

from paretoseg.search.config.config import CHOICES
from paretoseg.search.rehearsal.recording import Quick, Recording
from paretoseg.search.rehearsal.simulator import MemoryLog, Mishaps, Simulation
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.confirmation import Confirmation
from paretoseg.search.study.study import Study
from paretoseg.search.trials.events import Created
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.toy import ToyTask, closed_form

STRATEGIES = ("random", "nsga2")
NUM_REPORTS = 3
NOISE = 0.01
"""Standard deviation of one training, in both objectives."""
RATE = 0.05
"""Share of attempts that are hit by a mishap."""


class ToyPlayer:
    """Trainings of the toy task, an hour long in the mean, of very different lengths."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    def play(self, trial: Trial) -> Recording:
        """The closed form and noise, with reports that approach it."""
        seconds = 3600.0 * float(self._generator.lognormal(-0.125, 0.5))
        values = np.array(closed_form(trial.candidate)) + self._generator.normal(scale=NOISE, size=2)
        final = dict(zip(("accuracy", "robustness"), values.tolist(), strict=True))
        reports = tuple(
            Quick(
                step,
                seconds * step / (NUM_REPORTS + 1),
                {name: value * (1 - 0.5**step) for name, value in final.items()},
            )
            for step in range(1, NUM_REPORTS + 1)
        )
        return Recording(seconds, reports, final, {"parameters": 1.0})


def build(strategy: str, pruner: str, workers: int, trials: int, seeds: int) -> Simulation:
    """A search of the toy task, ready to be simulated."""
    objectives, generator = ToyTask().objectives(), np.random.default_rng(0)
    study = Study(
        MemoryLog([Created(0.0, "toy", objectives, ("parameters",))]),
        CHOICES["strategy"][strategy]().build(SearchSpace(), objectives, 0),
        CHOICES["pruner"][pruner]().build(objectives),
        budget=Budget(trials=trials),
        seed=0,
        confirm=Confirmation(seeds=seeds),
    )
    return Simulation(study, ToyPlayer(generator), workers=workers, generator=generator, mishaps=Mishaps(RATE))


def main() -> None:
    """Measures all and writes the section of RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 1000])
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--seeds", type=int, default=1, help="above 1, some trials are further seeds of candidates")
    parser.add_argument("--pruner", default="median")
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    parser.add_argument("--print-only", action="store_true", help="leave RESULTS.md as it is")
    parsed = parser.parse_args()
    rows = [["strategy", "workers", "trials", "CPU seconds", "ms a trial", "simulated days", "lost workers"]]
    for strategy in parsed.strategies:
        for workers in parsed.workers:
            simulation = build(strategy, parsed.pruner, workers, parsed.trials, parsed.seeds)
            profile = cProfile.Profile()
            start = time.process_time()
            timeline = profile.runcall(simulation.run) if parsed.profile else simulation.run()
            seconds = time.process_time() - start
            count, days = len(timeline.ends), timeline.seconds / 86400
            cells = [f"{workers:,}", f"{count:,}", f"{seconds:.0f}", f"{1000 * seconds / count:.1f}"]
            rows.append([strategy, *cells, f"{days:.1f}", f"{timeline.num_lost:,}"])
            print(" | ".join(rows[-1]), flush=True)
            if parsed.profile:
                pstats.Stats(profile).sort_stats("cumulative").print_stats(30)
    if parsed.print_only:
        return
    text = (
        f"A simulated search of the toy task with the median rule, {NUM_REPORTS} reports a trial and {RATE:.0%} of "
        "attempts hit by a mishap (`benchmarks/rehearsal.py`): CPU time of the whole simulation, one process. "
        "The aim is 1,000 workers and 10,000 trials in minutes."
    )
    print(record("Simulated searches", text, rows))


if __name__ == "__main__":
    main()
