"""What a study was started with: its config and its task, rebuilt from its folder."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from paretoseg.search.config.config import CHANGEABLE, Composed
from paretoseg.search.config.resuming import DAMAGED, compose_again
from paretoseg.search.config.splits import check_splits
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.trials.events import Created
from paretoseg.spaces.plugins import refuse_missing
from paretoseg.trainables.trainable import Task


def compose_stored(
    folder: StudyFolder, created: Created, overrides: Sequence[str] = (), changeable: Collection[str] = CHANGEABLE
) -> Composed:
    """The config of a study, with the overrides applied to what may change.

    Raises:
        ValueError: if the config or a plug-in is gone, or the overrides would make the study's trials incomparable.
    """
    refuse_missing(created.plugins)
    try:
        text = folder.read_experiment()
    except FileNotFoundError:
        raise ValueError("the study's experiment.yaml is missing; restore it from a backup") from None
    except UnicodeDecodeError:
        raise ValueError(DAMAGED) from None
    return compose_again(created.overrides, text, overrides, changeable)


def rebuild_task(folder: StudyFolder, created: Created) -> Task:
    """The task of a study, checked: its data is there and can be used.

    Raises:
        ValueError: if the config is gone or cannot be used, or the data is not where it was; in one line.
    """
    experiment = compose_stored(folder, created).experiment
    task = experiment.build_task()
    try:
        task.check()
        check_splits(folder, task)
    except ValueError as error:
        raise ValueError("; ".join(str(error).splitlines())) from None
    return task
