"""What subjects contribute to objectives: the mean is the objective, the variance that of an independent resampling."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from paretoseg.search.certainty.contributions import find_contributions, find_sampling
from paretoseg.trainables.scoring.objectives import RobustnessRule, measure_draws
from paretoseg.trainables.scoring.robustness_kinds import Robustness
from paretoseg.trainables.scoring.score_table import ScoreTable, tabulate
from paretoseg.trainables.trainable import CaseScore

SHIFTS = {"blue": 9, "red": 5}


def build_table(seed: int = 0, num_cases: int = 14, num_corrupted: int = 14) -> ScoreTable:
    """Scores of cases and of two shift sets; harder cases lose more."""
    generator = np.random.default_rng(seed)
    rows = []
    for index in range(num_cases):
        ease = generator.beta(5, 2)
        rows.append(CaseScore(f"case_{index}", "x", "none", 0, "dice", ease))
        if index < num_corrupted:
            for name, level in itertools.product(("gaussian_noise", "gaussian_blur"), (2, 4)):
                value = ease * (1 - 0.1 * level) * generator.uniform(0.9, 1)
                rows.append(CaseScore(f"case_{index}", "x", name, level, "dice", value))
    for shift, size in SHIFTS.items():
        rows += [
            CaseScore(f"{shift}_{index}", "z", "none", 0, "dice", generator.beta(4, 3), shift=shift)
            for index in range(size)
        ]
    return tabulate(rows)


SMOOTH = (Robustness.weighted_mean, Robustness.failure_rate)
NOT_SMOOTH = (Robustness.worst_corruption, Robustness.worst_group, Robustness.percentile_5, Robustness.cvar_5)


@pytest.mark.parametrize("kind", [*SMOOTH, *NOT_SMOOTH])
def test_the_mean_is_the_objective_and_the_variance_that_of_the_bootstrap(kind: Robustness) -> None:
    table, rule = build_table(), RobustnessRule(kind)
    sampling = find_sampling([table], {}, rule)
    times = sampling.draw(0)
    found = find_contributions(table, sampling, rule, times)
    once, drawn = measure_draws(table, table.once, rule), measure_draws(table, times, rule)
    for name, values in found.items():
        assert values.mean() == pytest.approx(once[name][0])
        ours = values.std(ddof=1) / values.size**0.5
        assert ours == pytest.approx(np.nanstd(drawn[name]), rel=0.15)


def test_accuracy_is_made_of_the_clean_scores_themselves() -> None:
    table = build_table()
    sampling = find_sampling([table], {}, RobustnessRule())
    found = find_contributions(table, sampling, RobustnessRule(), sampling.draw(0))["accuracy"]
    clean = next(place for place, one in enumerate(table.conditions) if one.corruption == "none" and not one.shift)
    scores = table.values[:, clean]
    assert sorted(found) == pytest.approx(sorted(scores[~np.isnan(scores)]))


def test_the_variance_of_sets_that_are_sampled_apart_is_that_of_the_stratified_jackknife() -> None:
    table, rule = build_table(), RobustnessRule()
    sampling = find_sampling([table], {}, RobustnessRule())
    values = find_contributions(table, sampling, rule, sampling.draw(0))["robustness"]
    left = rule.measure_draws(table, sampling.without_each)
    expected = 0.0
    for group in range(3):
        of_group = left[sampling.group_of == group]
        expected += (len(of_group) - 1) / len(of_group) * ((of_group - of_group.mean()) ** 2).sum()
    assert values.var(ddof=1) / values.size == pytest.approx(expected, rel=0.02)


def test_only_subjects_with_a_score_that_counts_are_counted() -> None:
    table = build_table(num_corrupted=6)
    counting = find_sampling([table], {}, RobustnessRule()).counting
    assert counting["accuracy"].sum() == 14
    assert counting["robustness"].sum() == 6 + sum(SHIFTS.values())


def test_all_cases_of_a_subject_are_left_out_and_drawn_together() -> None:
    table = build_table()
    subjects = {f"case_{index}": f"subject {index // 2}" for index in range(14)}
    sampling = find_sampling([table], subjects, RobustnessRule())
    assert len(sampling.names) == 7 + sum(SHIFTS.values())
    times = sampling.draw(0)
    places = {case.name: place for place, case in enumerate(table.cases)}
    assert (times[:, places["case_0"]] == times[:, places["case_1"]]).all()
    assert (sampling.without_each.sum(axis=1) >= len(table.cases) - 2).all()


def test_sets_that_share_subjects_are_drawn_together_and_others_apart() -> None:
    rows = [CaseScore(f"{name}_{index}", "x", "none", 0, "dice", 0.5, shift=shift)
            for shift, name in (("", "a"), ("near", "b"), ("far", "c")) for index in range(4)]  # fmt: skip
    subjects = {f"{name}_{index}": f"subject {index}" for name in "ab" for index in range(4)}
    sampling = find_sampling([tabulate(rows)], subjects, RobustnessRule())
    assert sampling.labels == ("+near", "far")
    assert len(sampling.names) == 4 + 4


def test_a_draw_of_a_set_depends_on_its_own_names_alone() -> None:
    whole = build_table()
    part = dataclasses.replace(whole, cases=whole.cases[:14], values=whole.values[:14])
    assert all(not case.shift for case in part.cases)
    both = [find_sampling([table], {}, RobustnessRule()).draw(3) for table in (whole, part)]
    np.testing.assert_array_equal(both[0][:, :14], both[1])


def test_a_subject_that_counts_in_another_network_alone_contributes_the_mean() -> None:
    """Where a class is in neither mask, a case may have no score in one network and one in another."""
    whole = build_table()
    values = whole.values.copy()
    values[:2] = np.nan
    part = dataclasses.replace(whole, values=values)
    sampling = find_sampling([whole, part], {}, RobustnessRule())
    found = [find_contributions(table, sampling, RobustnessRule(), sampling.draw(0)) for table in (whole, part)]
    for name in ("accuracy", "robustness"):
        assert found[0][name].shape == found[1][name].shape
    mean = measure_draws(part, part.once, RobustnessRule())["accuracy"][0]
    assert found[1]["accuracy"].mean() == pytest.approx(mean)
    assert found[1]["accuracy"][:2] == pytest.approx(mean)
