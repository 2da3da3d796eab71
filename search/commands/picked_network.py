"""The network that is picked from a study, with its weights and all that applying it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paretoseg.search.commands.export import list_options, name_export, read_image_task
from paretoseg.search.commands.exported_networks import (
    ALL,
    MEDIAN,
    check_networks,
    choose_networks,
    describe_networks,
    open_checkpoints,
)
from paretoseg.search.fronts.choice import choose, describe_choice
from paretoseg.search.fronts.picks import KNEE
from paretoseg.search.running.importing import importing
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.trial import Trial
from paretoseg.trainables.data.model_record import ModelRecord

if TYPE_CHECKING:
    from paretoseg.trainables.export.trained_model import TrainedModel


@dataclass(frozen=True)
class PickedNetwork:
    """A network of a study, or several of one candidate that are averaged."""

    number: int
    """Of the candidate."""

    trials: tuple[Trial, ...]
    """Whose networks they are; at least one."""

    lines: tuple[str, ...]
    """Which it is and why, in sentences."""


def pick_network(
    folder: StudyFolder, record: StudyRecord, pick: str | None = None, seeds: str | None = None
) -> PickedNetwork:
    """Picks a candidate and its networks.

    Args:
        folder: The study.
        record: What its journal holds.
        pick: Which candidate; the grammar is that of `search/fronts/picks.py`; the knee if None.
        seeds: 'median' for one of its networks, 'all' for all of them; the former if None.

    Raises:
        ValueError: if there is no such candidate, or 'all' is asked for and not all of its networks are kept.
    """
    options = list_options(record)
    choice = choose(options, pick or KNEE)
    result = record.feasible[choice.index]
    trials = choose_networks(result, seeds or MEDIAN)
    if seeds == ALL:
        check_networks(folder, result, trials)
    lines = (*describe_choice(options, choice), *describe_networks(result, trials))
    return PickedNetwork(result.number, trials, lines)


def load_trained(folder: StudyFolder, record: StudyRecord, number: int, trials: Sequence[Trial]) -> TrainedModel:
    """The networks of trials of one candidate, with their weights.

    Args:
        folder: The study.
        record: What its journal holds.
        number: Number of the candidate.
        trials: At least one; several are averaged.

    Raises:
        ValueError: if the study's networks segment no images, its data is not there, or a checkpoint is missing or
            damaged.
    """
    task = read_image_task(folder, record)
    model = ModelRecord(name_export(record.created.study, number, trials), "For a prediction.", "", {}, [])
    with open_checkpoints(folder, trials) as checkpoints:
        with importing():
            from paretoseg.trainables.export.writing import gather_model  # torch, MONAI: late, refusals come at once

        return gather_model(model, task=task, candidate=trials[0].candidate, checkpoints=checkpoints)[1]
