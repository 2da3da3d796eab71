"""The certainty of a study's front, from the rows that its folder keeps."""

from __future__ import annotations

from dataclasses import replace

from paretoseg.search.config.stored_task import compose_stored
from paretoseg.search.fronts.certainty import Certainty, find_certainty
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.scoring.absent_count import count_absent
from paretoseg.trainables.scoring.score_table import tabulate
from paretoseg.trainables.trainable import CaseScore, Split, Task


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
    rows = [_read_means(folder, trial.trial_id, task.metric) for trial in record.front.trials]
    certainty = find_certainty(
        record.front,
        [tabulate(of_trial) for of_trial in rows],
        objectives=record.objectives,
        rule=task.rule,
        subjects=_read_subjects(folder),
        seed=seed,
    )
    if not any(row.empty for of_trial in rows for row in of_trial):
        return certainty
    members = [trial.trial_id for trial in record.front.trials]
    return replace(
        certainty,
        absent={trial_id: count_absent(folder.cases.read(trial_id, Split.VALIDATION)) for trial_id in members},
    )


def _read_means(folder: StudyFolder, trial_id: int, metric: str) -> list[CaseScore]:
    rows = folder.cases.read(trial_id, Split.VALIDATION, metric)
    if not rows:
        name = folder.cases.locate(trial_id, Split.VALIDATION)
        raise ValueError(f"{name} is missing or holds no {metric}, so trial {trial_id} has no interval; restore it")
    return rows


def _read_subjects(folder: StudyFolder) -> dict[str, str]:
    """The subject of every case; empty if the study did not record subjects."""
    return {row.case: row.subject for row in folder.read_splits() or () if row.subject}
