"""Families weigh the same, however many corruptions they have; without them the numbers are the old ones."""

from __future__ import annotations

import numpy as np
import pytest

from paretoseg.trainables.scoring.averages import Average, name_family
from paretoseg.trainables.scoring.objectives import RobustnessRule, measure_robustness
from paretoseg.trainables.scoring.robustness_kinds import Robustness
from paretoseg.trainables.scoring.score_table import tabulate
from paretoseg.trainables.severities.levels import LEVELS
from paretoseg.trainables.trainable import CaseScore, Condition

NOISES = ("gaussian_noise", "rician_noise", "speckle_noise")


def build_rows(num_noises: int) -> list[CaseScore]:
    """Two cases under some kinds of noise, of which all scores are 0.2, and under blur; and a shift set."""
    rows = [
        CaseScore(case, "x", corruption, severity, "dice", value)
        for case in ("a", "b")
        for corruption, value in (*((name, 0.2) for name in NOISES[:num_noises]), ("gaussian_blur", 0.8))
        for severity in (1, 3)
    ]
    return [*rows, CaseScore("s", "y", "none", 0, "dice", 0.5, shift="site")]


def test_a_family_is_that_of_the_corruption_and_a_shift_set_is_its_own() -> None:
    assert {name: name_family(Condition(name, 2)) for name in LEVELS} == {
        name: levels.family for name, levels in LEVELS.items()
    }
    assert name_family(Condition("none", 0, "site")) == "shift site"
    assert name_family(Condition("none", 0)) == ""
    assert name_family(Condition("of_another_version", 1)) == "of_another_version"


@pytest.mark.parametrize("num_noises", [1, 2, 3])
def test_more_kinds_of_noise_do_not_make_noise_weigh_more(num_noises: int) -> None:
    rows = build_rows(num_noises)
    assert measure_robustness(rows) == pytest.approx((0.2 + 0.8 + 0.5) / 3)
    alike = RobustnessRule(average=Average.corruptions)
    assert measure_robustness(rows, rule=alike) == pytest.approx((num_noises * 0.2 + 0.8 + 0.5) / (num_noises + 2))


@pytest.mark.parametrize("kind", Robustness)
def test_every_kind_but_the_worst_change_weighs_families_the_same(kind: Robustness) -> None:
    def measure(num_noises: int, average: Average) -> float:
        rows = build_rows(num_noises)
        errors = {row.condition: 0.5 for row in rows}
        rule = RobustnessRule(kind, average=average, reference=errors)
        return measure_robustness(rows, rule=rule)

    assert measure(3, Average.families) == pytest.approx(measure(1, Average.families))
    changes = measure(3, Average.corruptions) != pytest.approx(measure(1, Average.corruptions))
    assert changes == (kind is not Robustness.worst_corruption)


def test_the_errors_of_a_network_without_any_overlap_are_averaged_over_families_too() -> None:
    errors = {row.condition: 0.25 if row.corruption in NOISES else 0.5 for row in build_rows(3)}
    rule = RobustnessRule(Robustness.mean_corruption_error, reference=errors)
    worst = [CaseScore("a", "x", one.corruption, one.severity, "dice", 0.0, shift=one.shift) for one in errors]
    assert measure_robustness(worst, rule=rule) == pytest.approx((4.0 + 2.0 + 2.0) / 3)


def average_as_before(rows: list[CaseScore]) -> float:
    """The mean over changes with the operations of the versions that knew no families."""
    table = tabulate(rows)
    means = table.average(table.once)
    changes = [condition.change for condition in table.conditions]
    belongs = np.array([[float(change == one) for one in sorted(set(changes))] for change in changes])
    weights = np.array([(2.0 / 3.0) ** item.severity for item in table.conditions])[:, None] * belongs
    by_change = (means @ weights) / (np.ones_like(means, dtype=bool) @ weights)
    return float(np.nansum(by_change, axis=1)[0] / by_change.shape[1])


@pytest.mark.parametrize("seed", range(10))
def test_without_families_the_mean_is_that_of_earlier_versions_to_the_bit(seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows = [CaseScore(**{**vars(row), "value": generator.random()}) for row in build_rows(3)]
    assert measure_robustness(rows, rule=RobustnessRule(average=Average.corruptions)) == average_as_before(rows)
