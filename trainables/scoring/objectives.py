"""The objectives of a segmentation search, computed from the rows of single cases. Free of torch.

Accuracy is the mean score on clean images of cases like those in training. Robustness is computed from the scores on
corrupted images and on shift sets, in one of the ways of `robustness_kinds.py`; which of them count is the same for
every trial of a study.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from jaxtyping import Float

from paretoseg.spaces.objective import Objective
from paretoseg.spaces.objective_choice import USUAL
from paretoseg.trainables.scoring.averages import SEVERITY_DECAY, Average
from paretoseg.trainables.scoring.measures import DICE, Measure
from paretoseg.trainables.scoring.robustness_kinds import (
    ROBUSTNESS,
    ROBUSTNESS_KINDS,
    ErrorTable,
    Robustness,
    RobustnessKind,
    Terms,
    Times,
)
from paretoseg.trainables.scoring.score_table import ScoreTable, tabulate
from paretoseg.trainables.trainable import CLEAN, CLEAN_CONDITION, MEAN, CaseScore, Condition

ACCURACY, WORST_GROUP = "accuracy", "worst_group"


class RobustnessOver(StrEnum):
    """Which changed images count towards robustness; lower-case names, as in the config."""

    all = "all"
    corruptions = "corruptions"
    shifts = "shifts"


_COUNTED: Mapping[RobustnessOver, str] = {
    RobustnessOver.all: "corruptions and shift sets",
    RobustnessOver.corruptions: "corruptions",
    RobustnessOver.shifts: "shift sets",
}


@dataclass(frozen=True)
class RobustnessRule:
    """How the objective robustness is computed from the rows of a network: the same for every trial of a study."""

    kind: Robustness = Robustness.weighted_mean
    """The function that computes it."""

    over: RobustnessOver = RobustnessOver.all
    """Whether corruptions count, or shift sets, or both."""

    excluded: tuple[str, ...] = ()
    """Corruptions that are measured but do not count, because training may show them."""

    reference: ErrorTable = field(default_factory=dict, hash=False)
    """The errors of the reference network, only for `mean_corruption_error`."""

    average: Average = Average.families
    """What weighs the same in means: every family of corruptions, or every corruption."""

    held_out: tuple[str, ...] | None = None
    """Corruptions that no augmentation open to the study was measured to help against; None if that is not known."""

    decay: float = SEVERITY_DECAY
    """Weight of a severity relative to the one below it; only studies of the weights use another."""

    failure_below: float = 0.5
    """Score under which a mask is a failure, only for `failure_rate`."""

    @property
    def terms(self) -> Terms:
        """What the number depends on besides the scores."""
        return Terms(self.average, self.decay, self.failure_below, self.reference)

    @property
    def how(self) -> RobustnessKind:
        """The function that computes the number, and its meaning."""
        return ROBUSTNESS_KINDS[self.kind]

    def counts(self, condition: Condition) -> bool:
        """True if the scores under this condition count towards robustness."""
        if condition.shift:
            return self.over is not RobustnessOver.corruptions and condition.corruption == CLEAN
        return self.counts_corruption(condition.corruption)

    def counts_corruption(self, corruption: str) -> bool:
        """True if the scores under this corruption count towards robustness."""
        is_counted = corruption != CLEAN and corruption not in self.excluded
        return is_counted and self.over is not RobustnessOver.shifts

    def define(self, measure: Measure) -> Objective:
        """The objective in terms of a measure between 0, the worst, and 1, the best."""
        out = f" other than {', '.join(self.excluded)}" if self.excluded and self.over != RobustnessOver.shifts else ""
        errors = {condition: error for condition, error in self.reference.items() if self.counts(condition)}
        return self.how.define(measure, replace(self.terms, errors=errors), _COUNTED[self.over] + out)

    def measure(self, rows: Iterable[CaseScore], metric: str) -> float:
        """Robustness in terms of a metric.

        Raises:
            ValueError: if no row counts.
        """
        table = tabulate(select_means(rows, metric))
        if not any(map(self.counts, table.conditions)):
            raise ValueError(f"robustness needs scores of corrupted images or shift sets in {metric}, got none")
        return float(self.measure_draws(table, table.once)[0])

    def measure_draws(self, scores: ScoreTable, times: Times) -> Float[np.ndarray, " draws"]:
        """Robustness in every draw of cases.

        Args:
            scores: Of one network, with at least one condition that counts.
            times: How often every case counts.
        """
        return self.how.measure(scores.select(self.counts), times, self.terms)


def define_objectives(measure: Measure, rule: RobustnessRule | None = None) -> tuple[Objective, Objective]:
    """Accuracy and robustness in terms of a measure between 0, the worst, and 1, the best; accuracy's unit names it."""
    clean = f"Mean {measure.unit} on clean images, over cases and foreground classes."
    accuracy = Objective(ACCURACY, measure.unit, measure.direction, reference=0.0, description=clean)
    return accuracy, (rule or RobustnessRule()).define(measure)


def find_rule(name: str, rule: RobustnessRule) -> RobustnessRule:
    """The rule that computes robustness, or the worst group under the same conditions."""
    return replace(rule, kind=Robustness.worst_group) if name == WORST_GROUP else rule


def measure_draws(
    scores: ScoreTable, times: Times, rule: RobustnessRule, names: Sequence[str] = USUAL
) -> dict[str, Float[np.ndarray, " draws"]]:
    """Scores in every draw of cases, by name.

    Args:
        scores: Of one network, with clean images and at least one condition that counts towards robustness.
        times: How often every case counts; once each gives the score itself.
        rule: Computes robustness from scores.
        names: Which: accuracy, robustness, worst_group.
    """
    return {
        name: _average_clean(scores, times) if name == ACCURACY else find_rule(name, rule).measure_draws(scores, times)
        for name in names
    }


def measure_accuracy(rows: Iterable[CaseScore], metric: str = DICE.name) -> float:
    """Mean of the clean scores in one metric, over cases and foreground classes; in [0, 1], higher is better.

    Cases of shift sets do not count.

    Raises:
        ValueError: if no row is clean.
    """
    table = tabulate(select_means(rows, metric))
    if CLEAN_CONDITION not in table.conditions:
        raise ValueError(f"accuracy needs scores of clean images in {metric}, got none")
    return float(_average_clean(table, table.once)[0])


def measure_robustness(rows: Iterable[CaseScore], metric: str = DICE.name, rule: RobustnessRule | None = None) -> float:
    """Robustness in one metric by a rule; without one, the weighted mean of everything that was measured.

    Raises:
        ValueError: if no row counts.
    """
    return (rule or RobustnessRule()).measure(rows, metric)


def add_objective_names(rows: Iterable[CaseScore], metric: str, rule: RobustnessRule) -> list[CaseScore]:
    """The rows, each with the name of the objective that uses it, or '', so that objectives can be traced to rows."""
    return [replace(row, objective=_find_objective(row, metric, rule)) for row in rows]


def select_means(rows: Iterable[CaseScore], metric: str) -> list[CaseScore]:
    """The rows of one metric that are means over the foreground classes of a case, and count."""
    return [row for row in rows if row.metric == metric and row.label == MEAN and not row.is_left_out]


def to_errors(rows: Iterable[CaseScore], metric: str) -> dict[Condition, float]:
    """1 - the mean score of a network under every condition but the clean one: an `ErrorTable`."""
    table = tabulate(row for row in select_means(rows, metric) if not row.is_clean)
    means = table.average(table.once)[0].tolist()
    return {condition: 1.0 - mean for condition, mean in zip(table.conditions, means, strict=True)}


def _average_clean(scores: ScoreTable, times: Times) -> Float[np.ndarray, " draws"]:
    return scores.select(lambda condition: condition == CLEAN_CONDITION).average(times)[:, 0]


def _find_objective(row: CaseScore, metric: str, rule: RobustnessRule) -> str:
    if row.metric != metric or row.label != MEAN or row.is_left_out:
        return ""
    if row.is_clean:
        return ACCURACY
    return ROBUSTNESS if rule.counts(row.condition) else ""
