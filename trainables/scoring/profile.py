"""What is reported beside robustness: every family on its own, held-out corruptions, the drop. Free of torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from paretoseg.trainables.scoring.averages import average_families, list_families, weigh_severities
from paretoseg.trainables.scoring.objectives import RobustnessRule, select_means
from paretoseg.trainables.scoring.robustness_kinds import TAIL_PERCENT, Robustness
from paretoseg.trainables.scoring.score_table import ScoreTable, tabulate
from paretoseg.trainables.severities.levels import LEVELS
from paretoseg.trainables.trainable import CLEAN, CLEAN_CONDITION, CaseScore, Condition, RobustnessProfile


def measure_profile(rows: Iterable[CaseScore], metric: str, rule: RobustnessRule) -> RobustnessProfile:
    """The profile of a network's rows in one metric.

    Families are averaged over all that was measured, whether or not it counts, but never over corruptions that give
    the reference away. The two scores of the drop are means over the same cases in every kind of robustness, so shift
    sets are in neither.

    Args:
        rows: With clean images, and at least one condition that counts.
        metric: The metric of the objectives.
        rule: Computes robustness.
    """
    scores = tabulate(select_means(rows, metric))
    counted = scores.select(lambda condition: not condition.shift and rule.counts(condition))
    return RobustnessProfile(
        families=measure_families(scores),
        clean=_average_clean(scores),
        corrupted=_measure(counted, replace(rule, kind=Robustness.weighted_mean)),
        held_out=_measure(scores.select(lambda condition: _is_held_out(condition, rule)), rule),
        worst_of=_count_worst_of(scores.select(rule.counts), rule),
    )


def measure_families(scores: ScoreTable) -> dict[str, float]:
    """The mean score of every family of changes by name: over cases, severities, and the changes of the family."""
    changed = scores.select(_is_honest_change)
    if not changed.conditions:
        return {}
    by_change = weigh_severities(changed.conditions, changed.average(changed.once))
    means = average_families(changed.conditions, by_change)[0].tolist()
    return dict(zip(list_families(changed.conditions), means, strict=True))


def _is_honest_change(condition: Condition) -> bool:
    if condition.shift:
        return condition.corruption == CLEAN
    known = LEVELS.get(condition.corruption)
    return condition.corruption != CLEAN and not (known and known.leaks_label)


def _is_held_out(condition: Condition, rule: RobustnessRule) -> bool:
    is_known = not rule.reference or condition in rule.reference
    is_held_out = condition.corruption in (rule.held_out or ()) and condition.corruption not in rule.excluded
    return not condition.shift and is_known and is_held_out


def _measure(scores: ScoreTable, rule: RobustnessRule) -> float | None:
    """Robustness over these scores, all of which count; None if there are none."""
    return float(rule.how.measure(scores, scores.once, rule.terms)[0]) if scores.conditions else None


def _average_clean(scores: ScoreTable) -> float:
    """The mean clean score of the cases that were corrupted, or of all if none was."""
    corrupted = scores.select(lambda condition: not condition.shift and condition.corruption != CLEAN)
    is_corrupted = ~np.isnan(corrupted.values).all(axis=1)
    clean = scores.select(lambda condition: condition == CLEAN_CONDITION)
    times = is_corrupted.astype(float)[None] if is_corrupted.any() else scores.once
    return float(clean.average(times)[0, 0])


def _count_worst_of(scores: ScoreTable, rule: RobustnessRule) -> int:
    """The number of cases if robustness is that of the worst of them alone, else 0."""
    num_cases = int((~np.isnan(scores.values)).any(axis=1).sum())
    is_single = rule.kind is Robustness.cvar_5 and num_cases * TAIL_PERCENT <= 100
    return num_cases if is_single else 0
