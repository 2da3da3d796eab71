"""How long a search takes on this machine: parts of a few trials are measured before it starts.

    candidates of the space ──> a few iterations and images of each ──> trial ──> search ──> test and confirmation

Candidates differ, so three of them are measured: of all that are drawn, one in the middle of each third by operations.
"""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

from paretoseg.cluster.local import LocalConfig
from paretoseg.cluster.serial import SerialConfig
from paretoseg.search.commands.plan import Plan
from paretoseg.search.commands.trial_seconds import Order, measure_trials
from paretoseg.search.reports.text import describe_seconds
from paretoseg.search.study.record import StudyRecord
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.trainable import Assignment, TrialSeconds

_NUM_SAMPLES = 20
"""Candidates that are drawn; size and memory of each are known without a training."""

_SAMPLE_STREAM = 3
"""Keeps these draws apart from those of trials and designs."""

SPREAD = 1.5
"""By which factor the search may take more or less than the estimate; see the page on training."""


@dataclass(frozen=True)
class Estimate:
    """How long the trials of a search take."""

    trials: tuple[TrialSeconds, ...]
    """Of candidates from cheap to costly, or one mean."""

    start: float
    """Seconds until a process that trains is ready for its first trial."""

    source: str
    """Where the numbers come from, in words."""

    @property
    def trial_seconds(self) -> float:
        """Of a trial, on average."""
        return mean(trial.total for trial in self.trials)

    @property
    def test_seconds(self) -> float:
        """Of a trial on the test cases, on average."""
        return mean(trial.testing + trial.building for trial in self.trials)


def sample(plan: Plan) -> list[Candidate]:
    """Candidates of the space."""
    generator = np.random.default_rng([plan.experiment.seed, _SAMPLE_STREAM])
    return [plan.space.sample(generator) for _ in range(_NUM_SAMPLES)]


def estimate(plan: Plan, record: StudyRecord | None, candidates: Sequence[Candidate]) -> Estimate | None:
    """How long trials take, by the study's own, or else measured here; None if only a cluster can tell.

    Args:
        plan: The search, which passed all checks.
        record: The study, if it has started.
        candidates: Some of the space, of which three are measured.
    """
    if record is not None and record.seconds_per_trial is not None:
        trial = TrialSeconds(record.seconds_per_trial, measuring=0.0, testing=0.0)
        return Estimate((trial,), 0.0, "by the study's own trials")
    experiment, resources = plan.experiment, plan.experiment.resources
    if resources.num_workers > 1 or not isinstance(experiment.cluster, LocalConfig | SerialConfig):
        return None
    device = "cuda" if resources.gpus else "cpu"
    assignments = [
        Assignment(one, experiment.seed, resources.num_threads, device, quick_steps=experiment.quick_steps)
        for one in candidates
    ]
    found = _measure(Order(plan.task, assignments), is_apart=isinstance(experiment.cluster, LocalConfig))
    if found is None:
        return None
    start, trials = found
    return Estimate(tuple(trials), start, f"by {len(trials)} candidates that were trained for a moment")


def _measure(order: Order, *, is_apart: bool) -> tuple[float, list[TrialSeconds]] | None:
    """What `measure_trials` finds; in a process of its own if trials run in others, whose memory and GPU it leaves."""
    if not is_apart:
        return measure_trials(order)
    done = subprocess.run(
        [sys.executable, "-m", "paretoseg.search.commands.trial_seconds"],
        input=pickle.dumps(order),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return pickle.loads(done.stdout) if done.returncode == 0 else None


def describe_trial(found: Estimate) -> str:
    """How long a trial takes, and of what that is made."""
    text = f"about {describe_seconds(found.trial_seconds)} a trial"
    totals = [trial.total for trial in found.trials]
    parts = [found.source]
    low, high = describe_seconds(min(totals)), describe_seconds(max(totals))
    if low != high:
        parts.append(f"{low} to {high} by candidate")
    if len(totals) > 1:
        training = sum(trial.training for trial in found.trials) / max(sum(totals), 1e-9)
        parts.append(f"{training:.0%} of it training")
    return f"{text} ({', '.join(parts)})"


def describe_estimate(plan: Plan, record: StudyRecord | None, found: Estimate | None, slots: int | None) -> str:
    """How long a trial takes, the search, and what follows it at most: test and confirmation.

    Args:
        plan: The search.
        record: The study, if it has started.
        found: From `estimate`.
        slots: How many trials run at a time; None if only the Ray that is attached to knows.
    """
    if found is None:
        return "not known before the first trials"
    experiment = plan.experiment
    limit = experiment.budget.trial_limit
    if limit is None:
        return f"{describe_trial(found)}; the search ends after {experiment.budget.describe()}"
    left = max(limit - (record.num_searched if record is not None else 0), 0)
    seconds = found.start + math.ceil(left / (slots or 1)) * found.trial_seconds
    shared = "" if slots is not None else " of training, shared by as many as fit"
    one_by_one = "" if slots is None else f", {slots} at a time"
    search = f"{_describe_range(seconds)}{shared} for {left} trials{one_by_one}"
    more = _describe_more(plan, record, found, slots or 1)
    return f"{describe_trial(found)}, so {search}{more}"


def _describe_more(plan: Plan, record: StudyRecord | None, found: Estimate, slots: int) -> str:
    """What comes after the search: further seeds of the confirmed candidates, and test cases for all of them."""
    confirm = plan.experiment.confirm
    if record is not None and record.confirming is not None:
        return ""
    number = min(confirm.candidates, plan.experiment.budget.trial_limit or confirm.candidates)
    if confirm.seeds == 1:
        each = describe_seconds(found.test_seconds)
        return f"; then {each} for every network of the front on the test cases" if found.test_seconds else ""
    seconds = math.ceil((confirm.seeds - 1) * number / slots) * found.trial_seconds
    seconds += math.ceil(confirm.seeds * number / slots) * found.test_seconds
    return (
        f"; then up to {describe_seconds(seconds * SPREAD)} to confirm and test up to {number} candidates "
        f"with {confirm.seeds} seeds each"
    )


def _describe_range(seconds: float) -> str:
    low, high = describe_seconds(seconds / SPREAD), describe_seconds(seconds * SPREAD)
    return describe_seconds(seconds) if low == high else f"{low} to {high}"
