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
from paretoseg.trainables.trainable import CLEAN, CaseScore, RobustnessProfile


def describe_drop(trial: Trial, objectives: Sequence[Objective]) -> dict[str, Any]:
    """What is known beside the objectives of a trial: drop, retention, profiles, and the changes met in training."""
    facts: dict[str, Any] = {"trainedOn": sorted(augmentation_families(trial.candidate.recipe))}
    for key, profile in (("profile", trial.profile), ("testProfile", trial.test_profile)):
        if profile is not None:
            facts[key] = _describe_profile(profile)
    found = measure_drop(trial, objectives)
    if found is not None:
        facts["drop"] = found.drop
        if found.retention is not None:
            facts["retention"] = found.retention
    return facts


def _describe_profile(profile: RobustnessProfile) -> dict[str, Any]:
    return {
        "heldOut": profile.held_out,
        "worstFamily": profile.worst_family,
        "families": dict(profile.families),
        "clean": profile.clean,
        "collapses": list(profile.collapses),
    }


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
