"""How sure a study's front is, from the rows that its folder keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from paretoseg.search.certainty.certainty import Certainty, Setting, draw_candidates, find_certainty
from paretoseg.search.certainty.confirming import Chosen, choose_front, choose_likely
from paretoseg.search.certainty.tails import describe_kind
from paretoseg.search.config.stored_task import compose_stored
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.trial import Trial
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.scoring.absent_count import AbsentCount, count_absent
from paretoseg.trainables.scoring.score_table import ScoreTable, tabulate
from paretoseg.trainables.trainable import Split, Task


def read_certainty(folder: StudyFolder, record: StudyRecord) -> Certainty:
    """The certainty of a study's front. Reads neither its data nor its networks.

    Raises:
        ValueError: if the config or a candidate's rows are missing or disagree with the journal.
    """
    experiment = compose_stored(folder, record.created).experiment
    return measure_certainty(folder, record, experiment.build_task(), seed=experiment.seed)


def measure_certainty(folder: StudyFolder, record: StudyRecord, task: Task, *, seed: int) -> Certainty:
    """The certainty of the front of a study whose task and seed the caller has.

    Raises:
        ValueError: if a candidate's rows are missing or disagree with the journal.
    """
    trials = [trial for result in record.feasible for trial in result.trials]
    validation = read_tables(folder, trials, Split.VALIDATION, task)
    test = read_tables(folder, (trial for trial in trials if trial.test), Split.TEST, task)
    members = [result.number for result in record.front.results]
    setting = _find_setting(folder, record, task, seed)
    certainty = find_certainty(record.feasible, members, validation, test, setting)
    if not validation:
        return certainty
    return replace(certainty, absent=_count_absent(folder, record), remark=describe_kind(setting.rule.kind))


def draw_study(
    folder: StudyFolder, record: StudyRecord, task: Task, *, seed: int
) -> Float[np.ndarray, "fronts candidates objectives"] | None:
    """Draws of the expected losses of all candidates of a study, in the order of `record.feasible`; None if unknown.

    Raises:
        ValueError: if a candidate's rows are missing or disagree with the journal.
    """
    trials = [trial for result in record.feasible for trial in result.trials]
    validation = read_tables(folder, trials, Split.VALIDATION, task)
    return draw_candidates(record.feasible, validation, _find_setting(folder, record, task, seed))


def choose_candidates(
    folder: StudyFolder, record: StudyRecord, task: Task, *, seed: int, least_probability: float
) -> list[Chosen]:
    """The candidates to confirm, the likeliest on the front first; its members if the probability is not known."""
    try:
        known = measure_certainty(folder, record, task, seed=seed).selection.probabilities
    except ValueError:
        known = None
    return choose_likely(known, least_probability) if known else choose_front(record.front)


def _count_absent(folder: StudyFolder, record: StudyRecord) -> dict[int, AbsentCount]:
    """By member, what the means of clean images leave out; empty if none leaves out anything."""
    counts = {
        result.number: count_absent(folder.cases.read(result.number, Split.VALIDATION))
        for result in record.front.results
    }
    return counts if any(count.classes for count in counts.values()) else {}


def _find_setting(folder: StudyFolder, record: StudyRecord, task: Task, seed: int) -> Setting:
    setting = Setting(record.objectives, record.ledger.effects, read_subjects(folder), seed)
    return replace(setting, rule=task.rule) if isinstance(task, ImageTask) else setting


def read_tables(folder: StudyFolder, trials: Iterable[Trial], split: Split, task: Task) -> dict[int, ScoreTable] | None:
    """The scores of trials in the metric of the study; None if its task has no images."""
    if not isinstance(task, ImageTask):
        return None
    tables = {}
    for trial in trials:
        rows = folder.cases.read(trial.trial_id, split, task.metric)
        if not rows:
            name = folder.cases.locate(trial.trial_id, split)
            raise ValueError(
                f"{name} is missing or holds no {task.metric}, so it is not known how sure the front is; restore it"
            )
        tables[trial.trial_id] = tabulate(rows)
    return tables


def read_subjects(folder: StudyFolder) -> dict[str, str]:
    """The subject of every case; empty if the study did not record subjects."""
    return {row.case: row.subject for row in folder.read_splits() or () if row.subject}
