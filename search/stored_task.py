"""What a finished study was run on: its task, built again from the config that the study keeps."""

from __future__ import annotations

from search.config import compose_again
from search.record import StudyRecord
from search.splits import check_splits
from search.store.study_folder import StudyFolder
from trainables.trainable import Task


def rebuild_task(folder: StudyFolder, record: StudyRecord) -> Task:
    """The task of a study, checked: its data is there and can be used.

    Raises:
        ValueError: if the config is gone or cannot be used, or the data is not where it was; in one line.
    """
    try:
        text = folder.read_experiment()
    except FileNotFoundError:
        raise ValueError("the study has no experiment.yaml any more; put it back") from None
    experiment = compose_again(record.created.overrides, text, ()).experiment
    task = experiment.task.build(experiment.data)
    try:
        task.check()
        check_splits(folder, task)
    except ValueError as error:
        raise ValueError("; ".join(str(error).splitlines())) from None
    return task
