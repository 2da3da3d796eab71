"""Whether the order of a study's trials in robustness holds, and what it says about shift sets, from stored rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from paretoseg.search.certainty.certainty import TOLERANCE
from paretoseg.search.certainty.reality import Reality
from paretoseg.search.commands.reality import find_reality
from paretoseg.search.config.stored_task import compose_stored
from paretoseg.search.fronts.stability import Stability, measure_stability
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.scoring.objectives import select_means
from paretoseg.trainables.scoring.robustness_kinds import ROBUSTNESS
from paretoseg.trainables.scoring.score_table import ScoreTable, tabulate
from paretoseg.trainables.trainable import CaseScore, Split, Task


def read_order(
    folder: StudyFolder, record: StudyRecord, rows: Mapping[int, Iterable[CaseScore]] | None = None
) -> tuple[Stability, Reality | None]:
    """The stability of the order, and what predicts the scores on shift sets (None if the study has none).

    Both are over the finished trials that are sound and whose rows are there. Reads neither data nor networks.

    Args:
        folder: Of the study.
        record: The study.
        rows: The rows on validation cases by trial, if they were read before.

    Raises:
        ValueError: if the task has no cases, the config is missing, or rows are damaged or disagree with the journal.
    """
    task = compose_stored(folder, record.created).experiment.build_task()
    if not isinstance(task, ImageTask):
        raise ValueError("this study's task has no images, so the order of its trials has no stability")
    tables = _tabulate(folder, record, task, rows)
    return measure_stability([*tables.values()], task.rule), find_reality(record, task, tables)


def read_reality(folder: StudyFolder, record: StudyRecord, task: Task) -> Reality | None:
    """What predicts the scores on the shift sets of a study, from its rows; None if it has no shift sets.

    Raises:
        ValueError: if rows are damaged or disagree with the journal.
    """
    if not isinstance(task, ImageTask) or not any(row.shift for row in folder.read_splits() or ()):
        return None
    return find_reality(record, task, _tabulate(folder, record, task, None))


def _tabulate(
    folder: StudyFolder, record: StudyRecord, task: ImageTask, rows: Mapping[int, Iterable[CaseScore]] | None
) -> dict[int, ScoreTable]:
    """The scores of the finished trials that are sound, by trial, checked against the journal."""
    tables = {}
    for trial in filter(lambda trial: trial.is_eligible, record.trials):
        number = trial.trial_id
        found = folder.cases.read(number, Split.VALIDATION, task.metric) if rows is None else rows.get(number, ())
        if means := select_means(found, task.metric):
            tables[number] = tabulate(means)
            _check(tables[number], task, number, trial.measured[ROBUSTNESS])
    return tables


def _check(table: ScoreTable, task: ImageTask, trial_id: int, kept: float) -> None:
    """Refuses rows that do not give the robustness that the study kept: the order must be that of what is shown."""
    value = float(task.rule.measure_draws(table, table.once)[0])
    if not abs(value - kept) <= TOLERANCE:
        raise ValueError(
            f"the rows of trial {trial_id} give robustness {value:.6f}, but the study kept {kept:.6f}, so it was "
            "computed from other rows"
        )
