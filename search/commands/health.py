"""The health of a stored study, and its state as JSON."""

from __future__ import annotations

from paretoseg.search.health.check import Evidence, Finding
from paretoseg.search.health.checks import look_at
from paretoseg.search.health.edges import LEAST_RESULTS
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord
from paretoseg.spaces.search_space import SearchSpace


def find_health(folder: StudyFolder, record: StudyRecord) -> list[Finding]:
    """What every check finds."""
    return look_at(Evidence(record, *_read_space_and_gpus(folder, record)))


def _read_space_and_gpus(folder: StudyFolder, record: StudyRecord) -> tuple[SearchSpace | None, float | None]:
    """What was searched, and the GPUs of a trial; None if no check needs it yet, or it cannot be read."""
    if len(record.results) < LEAST_RESULTS:
        return None, None
    from paretoseg.search.config.stored_task import compose_stored  # Hydra: too slow to import for a small study

    try:
        experiment = compose_stored(folder, record.created).experiment
        return experiment.build_space(), experiment.resources.gpus
    except ValueError:
        return None, None
