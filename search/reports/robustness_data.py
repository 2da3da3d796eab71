"""Robustness in the data of the report's page: what a trial loses, what it met in training, what counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from paretoseg.search.trials.robustness_drop import measure_drop
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.objective import Objective
from paretoseg.spaces.recipe import augmentation_families
from paretoseg.trainables.scoring.objectives import select_means
from paretoseg.trainables.severities.levels import LEVELS
from paretoseg.trainables.trainable import CLEAN, CaseScore


def describe_drop(trial: Trial, objectives: Sequence[Objective]) -> dict[str, Any]:
    """Drop and retention as far as they are known, and the families of image changes that the trial met in training."""
    facts: dict[str, Any] = {"trainedOn": sorted(augmentation_families(trial.candidate.recipe))}
    found = measure_drop(trial, objectives)
    if found is not None:
        facts["drop"] = found.drop
        if found.retention is not None:
            facts["retention"] = found.retention
    return facts


def describe_corruptions(rows: Iterable[CaseScore], metric: str) -> dict[str, dict[str, Any]]:
    """By corruption, its family ('' if it is not known any more) and whether it counts in robustness.

    Rows of earlier versions do not mark what counts: every corruption did then.
    """
    means = [row for row in select_means(rows, metric) if row.corruption != CLEAN]
    is_marked = any(row.objective for row in means)
    counted = {row.corruption for row in means if row.objective or not is_marked}
    return {
        name: {"family": LEVELS[name].family if name in LEVELS else "", "isCounted": name in counted}
        for name in dict.fromkeys(row.corruption for row in means)
    }
