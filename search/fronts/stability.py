"""Whether the order of trials in robustness holds if a family of changes is left out, or severities weigh otherwise."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from paretoseg.search.fronts.order import measure_agreement
from paretoseg.trainables.scoring.averages import list_families, name_family
from paretoseg.trainables.scoring.objectives import RobustnessRule
from paretoseg.trainables.scoring.score_table import ScoreTable

MIN_TRIALS = 5
"""With fewer trials a correlation means nothing."""


@dataclass(frozen=True)
class Stability:
    """Kendall's tau-b between the order of trials in robustness and their order in variants of it.

    A tau is None with fewer than `MIN_TRIALS` trials, if all trials are equal, or if nothing is left that counts.
    """

    num_trials: int
    """The trials that were compared."""

    without: Mapping[str, float | None]
    """By family of changes, the tau when it is left out."""

    weights: Mapping[str, float | None]
    """By other weights of severities: `equal` (all the same), `half` ((1/2)^s), `strongest` (only the strongest)."""

    @property
    def has_enough(self) -> bool:
        """True if there are enough trials to compare."""
        return self.num_trials >= MIN_TRIALS

    @property
    def columns(self) -> dict[str, float | None]:
        """The taus as columns of a table, such as `tau_without_noise` and `tau_severities_equal`."""
        return {
            **{f"tau_without_{name}": tau for name, tau in self.without.items()},
            **{f"tau_severities_{name}": tau for name, tau in self.weights.items()},
        }


def measure_stability(tables: Sequence[ScoreTable], rule: RobustnessRule) -> Stability:
    """The stability of the order of networks.

    Args:
        tables: The scores of every network in the metric of the study, with at least one condition that counts; all
            were measured under the same conditions.
        rule: How scores become robustness. Whether higher or lower is better makes no difference to the taus.
    """
    usual = [_measure(table, rule) for table in tables]
    counted = list(filter(rule.counts, tables[0].conditions)) if tables else []

    def compare(change: Callable[[ScoreTable], ScoreTable], changed_rule: RobustnessRule = rule) -> float | None:
        changed = [change(table) for table in tables]
        if len(tables) < MIN_TRIALS or not any(map(rule.counts, changed[0].conditions)):
            return None
        return measure_agreement(usual, [_measure(table, changed_rule) for table in changed])

    return Stability(
        num_trials=len(tables),
        without={name: compare(_leave_out(name)) for name in list_families(counted)},
        weights={
            "equal": compare(_keep_all, dataclasses.replace(rule, decay=1.0)),
            "half": compare(_keep_all, dataclasses.replace(rule, decay=0.5)),
            "strongest": compare(_keep_strongest),
        },
    )


def _measure(table: ScoreTable, rule: RobustnessRule) -> float:
    return float(rule.measure_draws(table, table.once)[0])


def _leave_out(family: str) -> Callable[[ScoreTable], ScoreTable]:
    return lambda table: table.select(lambda condition: name_family(condition) != family)


def _keep_all(table: ScoreTable) -> ScoreTable:
    return table


def _keep_strongest(table: ScoreTable) -> ScoreTable:
    """The table with the strongest severity of every corruption only; shift sets stay."""
    strongest: dict[object, int] = {}
    for condition in table.conditions:
        strongest[condition.change] = max(strongest.get(condition.change, 0), condition.severity)
    return table.select(lambda condition: condition.severity == strongest[condition.change])
