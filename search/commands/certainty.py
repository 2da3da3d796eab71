"""The certainty of a study's front, from the rows that its folder keeps."""

from __future__ import annotations

from paretoseg.search.config.stored_task import compose_stored
from paretoseg.search.fronts.certainty import Certainty, find_certainty
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.scoring.score_table import ScoreTable, tabulate
from paretoseg.trainables.trainable import Split, Task


def read_certainty(folder: StudyFolder, record: StudyRecord) -> Certainty:
    """The certainty of a study's front. Reads neither its data nor its networks.

    Raises:
        ValueError: if the task has no cases, or the config or a member's rows are missing or disagree with the journal.
    """
    experiment = compose_stored(folder, record.created).experiment
    return measure_certainty(folder, record, experiment.build_task(), seed=experiment.seed)


def measure_certainty(folder: StudyFolder, record: StudyRecord, task: Task, *, seed: int) -> Certainty:
    """The certainty of the front of a study whose task and seed the caller has.

    Raises:
        ValueError: if the task has no cases, or a member's rows are missing or disagree with the journal.
    """
    if not isinstance(task, ImageTask):
        raise ValueError("this study's task has no images, so its front has no intervals")
    tables = [_read_scores(folder, trial.trial_id, task.metric) for trial in record.front.trials]
    return find_certainty(
        record.front,
        tables,
        objectives=record.objectives,
        rule=task.rule,
        subjects=_read_subjects(folder),
        seed=seed,
    )


def _read_scores(folder: StudyFolder, trial_id: int, metric: str) -> ScoreTable:
    rows = folder.cases.read(trial_id, Split.VALIDATION, metric)
    if not rows:
        name = folder.cases.locate(trial_id, Split.VALIDATION)
        raise ValueError(f"{name} is missing or holds no {metric}, so trial {trial_id} has no interval; restore it")
    return tabulate(rows)


def _read_subjects(folder: StudyFolder) -> dict[str, str]:
    """The subject of every case; empty if the study did not record subjects."""
    return {row.case: row.subject for row in folder.read_splits() or () if row.subject}
