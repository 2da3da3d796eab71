"""Which networks of a candidate are exported: the one nearest to the median of its seeds, or all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from paretoseg.search.candidates.result import Result
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.trials.trial import Trial

MEDIAN, ALL = SEEDS = ("median", "all")
"""What `--seeds` may say."""


def choose_networks(result: Result, seeds: str) -> tuple[Trial, ...]:
    """The trials of a candidate whose networks are exported, at least one.

    Those that were measured on test cases are taken, or all if none was. Of trials under the same seed, the first is
    taken.

    Args:
        result: The candidate.
        seeds: 'median' for the network nearest to the median, 'all' for those of all seeds.
    """
    trials = result.tested or result.trials
    if seeds == MEDIAN:
        return (_find_median(result, trials),)
    return tuple({trial.seed: trial for trial in reversed(trials)}[seed] for seed in _seeds_of(trials))


def check_networks(folder: StudyFolder, result: Result, trials: Sequence[Trial]) -> None:
    """Checks that there are several networks, and that all are kept.

    Raises:
        ValueError: if there is nothing to average, or a checkpoint is missing.
    """
    place = folder.folder.location
    if len(trials) < 2:
        raise ValueError(
            f"candidate {result.number} has one network that was measured on test cases, so there is nothing to "
            f"average; `paretoseg confirm {place} --seeds 3` trains it with further seeds, or leave out --seeds all"
        )
    if missing := [str(trial.trial_id) for trial in trials if not folder.checkpoints.has(trial.trial_id)]:
        several = len(missing) > 1
        raise ValueError(
            f"the checkpoint{'s' * several} of trial{'s' * several} {', '.join(missing)} of candidate {result.number} "
            f"{'are' if several else 'is'} missing, so not all of its networks can be averaged; restore checkpoints/ "
            "from a backup, or leave out --seeds all to export one network"
        )


@contextmanager
def open_checkpoints(folder: StudyFolder, trials: Sequence[Trial]) -> Iterator[list[Path]]:
    """Local copies of the checkpoints of trials, in their order.

    Raises:
        ValueError: if one is missing.
    """
    with ExitStack() as stack:
        found = []
        for trial in trials:
            checkpoint = stack.enter_context(folder.checkpoints.open(trial.trial_id))
            if checkpoint is None:
                raise ValueError(
                    f"the checkpoint of trial {trial.trial_id} is missing; restore checkpoints/ from a backup, or pick "
                    "another trial"
                )
            found.append(checkpoint)
        yield found


def describe_networks(result: Result, trials: Sequence[Trial]) -> list[str]:
    """Which of the networks of a candidate are exported, in sentences."""
    if len(trials) > 1:
        numbers, seeds = (", ".join(map(str, values)) for values in (_numbers_of(trials), _seeds_of(trials)))
        collapsed = f" {len(result.collapsed)} more collapsed, left out." if result.collapsed else ""
        return [
            f"The probabilities of its {len(trials)} networks are averaged: trials {numbers}, seeds {seeds}.{collapsed}"
        ]
    if len(result.trials) == 1:
        return []
    [trial] = trials
    values = ", ".join(f"{name} {value:.3f}" for name, value in trial.objectives.items())
    return [f"That of trial {trial.trial_id} is nearest to the median of its {len(result.trials)} networks: {values}."]


def _find_median(result: Result, trials: Sequence[Trial]) -> Trial:
    """The trial that is nearest to the median of some.

    Every objective is measured in units of its range over the seeds. Of equally near ones, the first is taken.
    """
    values = np.array([[trial.objectives[name] for name in result.objectives] for trial in trials])
    spread = np.ptp(values, axis=0)
    distances = np.abs(values - np.median(values, axis=0)) / np.where(spread > 0.0, spread, 1.0)
    return trials[int(distances.sum(axis=1).argmin())]


def _seeds_of(trials: Sequence[Trial]) -> list[int]:
    return sorted({trial.seed for trial in trials})


def _numbers_of(trials: Sequence[Trial]) -> list[int]:
    return [trial.trial_id for trial in trials]
