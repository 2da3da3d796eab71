"""Means over severities, corruptions and families: what weighs how much in a score on changed images. Free of torch.

A *change* is a corruption or a shift set. Corruptions of one family are alike, such as all kinds of noise; a shift set
is a family of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from jaxtyping import Float

from paretoseg.trainables.scoring.score_table import average_known, divide
from paretoseg.trainables.severities.levels import LEVELS
from paretoseg.trainables.trainable import CLEAN, Condition

SEVERITY_DECAY = 2.0 / 3.0
"""Weight of a severity relative to the one below it (ROOD-MRI, Boone et al., NeuroImage 2023)."""


class Average(StrEnum):
    """What weighs the same in the mean robustness; lower-case names, as in the config."""

    families = "families"
    corruptions = "corruptions"


def name_family(condition: Condition) -> str:
    """The family of a change: that of the corruption, or 'shift NAME' for a shift set; '' for clean images.

    A corruption that this version does not know is a family of its own.
    """
    if condition.shift:
        return f"shift {condition.shift}"
    if condition.corruption == CLEAN:
        return ""
    known = LEVELS.get(condition.corruption)
    return known.family if known else condition.corruption


def list_changes(conditions: Sequence[Condition]) -> list[Condition]:
    """The changes among the conditions, each once, in alphabetical order."""
    return sorted({condition.change for condition in conditions})


def list_families(conditions: Sequence[Condition]) -> list[str]:
    """The families among the conditions, each once, in alphabetical order."""
    return sorted({name_family(condition) for condition in conditions})


def find_changes(conditions: Sequence[Condition]) -> Float[np.ndarray, "conditions changes"]:
    """1 where a condition belongs to a change of `list_changes`, else 0."""
    changes = list_changes(conditions)
    return np.array([[float(condition.change == one) for one in changes] for condition in conditions])


def weigh_severities(
    conditions: Sequence[Condition], means: Float[np.ndarray, "draws conditions"], decay: float = SEVERITY_DECAY
) -> Float[np.ndarray, "draws changes"]:
    """The mean over the severities s of every change with weights decay^s that sum to 1, NaN where none was measured.

    The weights are those of ROOD-MRI (Boone et al., NeuroImage 2023), where the clean score enters each mean with
    weight 1; here it is an objective of its own.
    """
    weights = np.array([decay**item.severity for item in conditions])[:, None] * find_changes(conditions)
    is_known = ~np.isnan(means)
    return divide(np.where(is_known, means, 0.0) @ weights, is_known @ weights)


def average_families(
    conditions: Sequence[Condition], by_change: Float[np.ndarray, "draws changes"]
) -> Float[np.ndarray, "draws families"]:
    """The mean over the changes of every family of `list_families`, NaN where none was measured."""
    homes = [name_family(change) for change in list_changes(conditions)]
    families = list_families(conditions)
    members = [by_change[:, [place for place, home in enumerate(homes) if home == family]] for family in families]
    return np.stack([average_known(values) for values in members], axis=1)


def average_changes(
    conditions: Sequence[Condition], by_change: Float[np.ndarray, "draws changes"], average: Average
) -> Float[np.ndarray, " draws"]:
    """The mean over changes: within every family and then over families, or over all alike."""
    if average is Average.corruptions:
        return average_known(by_change)
    return average_known(average_families(conditions, by_change))
