"""Whether robustness under corruptions predicts the scores on a study's shift sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from paretoseg.search.certainty.reality import Reality, measure_reality
from paretoseg.search.study.record import StudyRecord
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.scoring.objectives import ACCURACY, RobustnessOver
from paretoseg.trainables.scoring.score_table import ScoreTable
from paretoseg.trainables.trainable import CLEAN


def find_reality(record: StudyRecord, task: ImageTask, tables: Mapping[int, ScoreTable]) -> Reality | None:
    """What predicts the scores on the shift sets of a study, over trials.

    Args:
        record: The study.
        task: Its task.
        tables: By trial, its scores in the metric of the study.

    Returns:
        None if the study measured no shift set, or no corruption that counts.
    """
    scores = [*tables.values()]
    shifts = sorted({condition.shift for table in scores for condition in table.conditions} - {""})
    robustness = _measure_robustness(task, scores)
    if not shifts or robustness is None:
        return None
    return measure_reality(
        robustness,
        np.array([record.trials[number].measured[ACCURACY] for number in tables], dtype=float),
        {shift: _average_shift(scores, shift) for shift in shifts},
    )


def _measure_robustness(task: ImageTask, tables: Sequence[ScoreTable]) -> Float[np.ndarray, " candidates"] | None:
    """Robustness under corruptions alone by the study's kind, turned so that higher is better; None if none counts."""
    rule = replace(task.rule, over=RobustnessOver.corruptions)
    if not all(any(map(rule.counts, table.conditions)) for table in tables):
        return None
    sign = 1.0 if task.rule.how.is_score else -1.0
    return np.array([sign * rule.measure_draws(table, table.once)[0] for table in tables], dtype=float)


def _average_shift(tables: Sequence[ScoreTable], shift: str) -> Float[np.ndarray, " candidates"]:
    """The mean score on the clean images of a shift set; NaN where it was not measured."""
    means = []
    for table in tables:
        clean = table.select(lambda condition: condition.shift == shift and condition.corruption == CLEAN)
        means.append(clean.average(clean.once)[0, 0] if clean.conditions else np.nan)
    return np.array(means, dtype=float)
