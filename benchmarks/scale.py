"""What the search itself costs as a study grows: a trial, a look at the study, a front. CPU seconds, imports excluded.

A journal of N trials is laid down, as a search would have written it. On it a session works as `paretoseg search` does
it, with everything but the training: it hands out a trial, takes its reports and its final measurement, and keeps
journal, tables and checkpoints up to date, all on a local disk. By the session's clock a trial ends every second, which
is faster than any real search: what is written every few seconds is written often.

    trial    = ask + reports + finish + its share of the tables, in milliseconds
    front    = open the study and build the table of `paretoseg front`, in seconds
    status   = open the study and build the view of `paretoseg status`, in seconds
    resume   = open the study and replay it into the strategy, in seconds
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
from results import record
from rich.console import Console
from scipy import stats  # noqa: F401 - imported late by `status`, and imports do not count

from paretoseg.search.commands.progress import Progress
from paretoseg.search.fronts.dominance import find_nondominated, measure_hypervolume
from paretoseg.search.reports.text import front_table, status_view
from paretoseg.search.running.session import TABLE_SECONDS, TABLE_SHARE, JobSettings, Session
from paretoseg.search.running.worker import Measured, Outcome, Stepped
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.strategies.evolution import EvolutionConfig
from paretoseg.search.strategies.pruner import MedianConfig
from paretoseg.search.strategies.random import RandomConfig
from paretoseg.search.strategies.strategy import StrategyConfig
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.study import Study
from paretoseg.search.trials.events import Created, Finished, Opened, Reported, Started
from paretoseg.spaces.objective import Measurement
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.toy import ToyTask, closed_form
from paretoseg.trainables.trainable import ESTIMATED_MEMORY, TAKEN_MEMORY, Evaluation

STRATEGIES: dict[str, StrategyConfig] = {"random": RandomConfig(), "nsga2": EvolutionConfig()}
COSTS = {"parameters": 1e5, ESTIMATED_MEMORY: 2.0, TAKEN_MEMORY: 2.5}
NUM_REPORTS = 4
NUM_WARM_UPS = 3
NUM_TABLES = 3
SECONDS_PER_TRIAL = 1.0


class Clock:
    """Seconds since the epoch that pass when the benchmark lets them pass, and while the search computes.

    Args:
        start: What it shows at first, in seconds.
    """

    def __init__(self, start: float) -> None:
        self._passed = start

    def __call__(self) -> float:
        """The time."""
        return self._passed + time.process_time()

    def pass_time(self, seconds: float) -> None:
        """Lets so many seconds pass."""
        self._passed += seconds


def lay_down(location: Path, num_trials: int) -> None:
    """Writes the journal of a study with so many finished trials, and a checkpoint for every member of its front."""
    task, space, generator = ToyTask(), SearchSpace(), np.random.default_rng(0)
    folder = StudyFolder(str(location))
    with mock.patch("os.fsync", return_value=None):  # it would take a minute, and is not measured
        append = folder.journal.append
        append(Created(0.0, "scale", task.objectives(), tuple(COSTS)))
        append(Opened(0.0, "here", 1, num_trials, None))
        for number in range(num_trials):
            start, candidate = float(number), space.sample(generator)
            values = dict(zip(("accuracy", "robustness"), closed_form(candidate), strict=True))
            append(Started(start, number, candidate, 0, "random"))
            for step in range(1, NUM_REPORTS + 1):
                append(Reported(start + step / 8, number, step, values))
            append(Finished(start + 1.0, number, values, COSTS, "", start, 1.0, "here", "a card"))
        folder.journal.close()
    for trial in folder.read_record().front.trials:
        (location / "checkpoints" / f"trial-{trial.trial_id:05d}").mkdir(parents=True)


def open_study(location: Path, strategy: StrategyConfig, num_trials: int) -> tuple[Study, StudyFolder]:
    """The study as `paretoseg search` resumes it, with room for more trials."""
    folder, task = StudyFolder(str(location)), ToyTask()
    objectives = task.objectives()
    built = strategy.build(SearchSpace(), objectives, 0)
    budget = Budget(trials=num_trials)
    return Study(folder.journal, built, MedianConfig().build(objectives), budget=budget, seed=0), folder


def measure_trials(location: Path, strategy: StrategyConfig, num_known: int, num_trials: int) -> tuple[float, float]:
    """CPU milliseconds per trial of a session on a study that holds so many, and those of writing the tables once."""
    clock = Clock(num_known)
    study, folder = open_study(location, strategy, num_known + NUM_WARM_UPS + num_trials + NUM_TABLES)
    study.open(clock(), host="here", pid=1)
    session = Session(study, folder, ToyTask(), JobSettings(1, "cpu", 60.0), clock)
    session.observe = Progress(Console(file=io.StringIO()), 1).update
    for _ in range(NUM_WARM_UPS):
        run_trial(session, clock, location)
    with mock.patch.object(folder, "write_trials"), mock.patch.object(folder, "write_front"):
        start = time.process_time()
        for _ in range(num_trials):
            run_trial(session, clock, location)
        per_trial = (time.process_time() - start) / num_trials
    tables = []
    for _ in range(NUM_TABLES):
        run_trial(session, clock, location)
        tables.append(time_cpu(session.write_tables, 1))
    per_table = statistics.median(tables)
    share = per_table / max(TABLE_SECONDS, per_table / TABLE_SHARE)
    folder.journal.close()
    return 1000 * (per_trial + share * SECONDS_PER_TRIAL), 1000 * per_table


def run_trial(session: Session, clock: Clock, location: Path) -> None:
    """One trial without training. Its reports are the best so far: the pruner looks at them and lets it continue."""
    job = session.next_job()
    assert job is not None
    (location / "checkpoints" / f"trial-{job.trial_id:05d}").mkdir(parents=True, exist_ok=True)
    best = Measurement({"accuracy": 1.0, "robustness": 1.0})
    began_at, share = clock(), SECONDS_PER_TRIAL / (NUM_REPORTS + 1)
    for step in range(1, NUM_REPORTS + 1):
        clock.pass_time(share)
        assert not session.take(job, Outcome(Stepped(step, best), began_at, step * share, "here"))
    clock.pass_time(share)
    values = dict(zip(("accuracy", "robustness"), closed_form(job.assignment.candidate), strict=True))
    evaluation = Evaluation(Measurement(values), COSTS, device="a card")
    assert session.take(job, Outcome(Measured(evaluation), began_at, SECONDS_PER_TRIAL, "here"))


def show_front(location: Path) -> None:
    """What `paretoseg front` does."""
    study = StudyFolder(str(location)).read_record()
    Console(file=io.StringIO(), width=120).print(front_table(study))


def show_status(location: Path) -> None:
    """What `paretoseg status` does."""
    folder = StudyFolder(str(location))
    study = folder.read_record()
    Console(file=io.StringIO(), width=120).print(status_view(study, None, folder.journal.describe_left_out()))


def time_cpu(work: Callable[[], object], rounds: int) -> float:
    """CPU seconds of a call, the median of so many."""
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def measure_studies(counts: list[int], num_trials: int, rounds: int) -> list[list[str]]:
    """The table of all studies, a column for every number of trials."""
    names = [*(f"trial, {name}, ms" for name in STRATEGIES), "tables, ms", "front, s", "status, s"]
    names += [f"resume, {name}, s" for name in STRATEGIES]
    columns = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            location = Path(folder) / "study"
            lay_down(location, count)
            looks = [time_cpu(partial(show, location), rounds) for show in (show_front, show_status)]
            resumes = [time_cpu(partial(open_study, location, item, count), 1) for item in STRATEGIES.values()]
            trials = []
            for name, strategy in STRATEGIES.items():
                copied = Path(shutil.copytree(location, Path(folder) / name))
                per_trial, per_table = measure_trials(copied, strategy, count, num_trials)
                trials.append(per_trial)
        milliseconds, seconds = [*trials, per_table], [*looks, *resumes]
        columns.append([*(f"{item:.1f}" for item in milliseconds), *(f"{item:.2f}" for item in seconds)])
        print(count, dict(zip(names, columns[-1], strict=True)), flush=True)
    head = ["", *(f"{count:,} trials" for count in counts)]
    return [head, *([name, *cells] for name, *cells in zip(names, *columns, strict=True))]


def measure_fronts(rounds: int) -> list[list[str]]:
    """The table of fronts: CPU seconds of the filter, of the hypervolume, and of both."""
    generator = np.random.default_rng(0)
    ascending = np.sort(generator.random(10**6))
    directions = np.abs(generator.normal(size=(800, 3)))
    sphere = 1 - directions / np.linalg.norm(directions, axis=1, keepdims=True)
    sets = {
        "1,000,000 points of two objectives, drawn uniformly": generator.random((10**6, 2)),
        "1,000,000 points of two objectives, all on the front": generator.permutation(
            np.stack([ascending, 1 - ascending], axis=1)
        ),
        "800 points of three objectives, all on the front": sphere,
    }
    rows = [["", "on the front", "filter s", "hypervolume s", "both s"]]
    for name, points in sets.items():
        reference = np.ones(points.shape[1])
        filtering = time_cpu(partial(find_nondominated, points), rounds)
        measuring = time_cpu(partial(measure_hypervolume, points, reference), rounds)
        count = int(find_nondominated(points).sum())
        rows.append([name, f"{count:,}", f"{filtering:.4f}", f"{measuring:.4f}", f"{filtering + measuring:.4f}"])
    return rows


def main() -> None:
    """Measures all and writes the sections of RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 1000, 10000], help="trials that a study holds")
    parser.add_argument("--trials", type=int, default=100, help="trials that are measured on each")
    parser.add_argument("--rounds", type=int, default=5, help="of looks and fronts")
    parser.add_argument("--print-only", action="store_true", help="leave RESULTS.md as it is")
    parsed = parser.parse_args()
    os.environ["COLUMNS"] = "120"
    studies = measure_studies(parsed.counts, parsed.trials, parsed.rounds)
    fronts = measure_fronts(parsed.rounds)
    if parsed.print_only:
        print("\n".join(" | ".join(row) for row in [*studies, *fronts]))
        return
    text = (
        f"CPU time, imports excluded (`benchmarks/scale.py`). {parsed.trials} trials on a study that holds as many as "
        f"the column says, {NUM_REPORTS} reports each, with the median rule and all file writes; looks are medians of "
        f"{parsed.rounds}. The aims are a trial that costs at most twice as much at 10,000 trials as at 100, and looks "
        "of at most 3 s at 10,000."
    )
    print(record("The search as a study grows", text, studies))
    text = (
        f"CPU time, medians of {parsed.rounds} (`benchmarks/scale.py`). The aims are 1 s for both together with a "
        "million points, and 1 ms for the 800."
    )
    print(record("Fronts and hypervolumes", text, fronts))


if __name__ == "__main__":
    main()
