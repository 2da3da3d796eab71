"""The stability of an order: every tau is scipy's between robustness computed with pandas from the rows alone."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from paretoseg.search.fronts.order import measure_agreement
from paretoseg.search.fronts.stability import MIN_TRIALS, measure_stability
from paretoseg.trainables.scoring.averages import Average
from paretoseg.trainables.scoring.objectives import RobustnessOver, RobustnessRule
from paretoseg.trainables.scoring.robustness_kinds import Robustness
from paretoseg.trainables.scoring.score_table import tabulate
from paretoseg.trainables.trainable import CaseScore

FAMILIES = {
    "gaussian_noise": "noise",
    "speckle_noise": "noise",
    "gaussian_blur": "blur",
    "motion": "motion",
}


def build_rows(seed: int) -> list[CaseScore]:
    """A network: six cases under four corruptions of three families at three severities, and a shift set."""
    generator = np.random.default_rng(seed)
    rows = [
        CaseScore(f"case_{index}", "x", name, level, "dice", generator.random())
        for index in range(6)
        for name in FAMILIES
        for level in (1, 2, 5)
    ]
    rows += [CaseScore(f"case_{index}", "x", "none", 0, "dice", generator.random()) for index in range(6)]
    return rows + [CaseScore(f"s{index}", "y", "none", 0, "dice", generator.random(), shift="site") for index in (0, 1)]


NETWORKS = [build_rows(seed) for seed in range(12)]


def weigh(rows: list[CaseScore], decay: float = 2 / 3, without: str = "", *, is_strongest: bool = False) -> float:
    """The mean within families and then over families, from the definition."""
    frame = pd.DataFrame(map(vars, rows))
    frame = frame[(frame.corruption != "none") | (frame["shift"] != "")]
    frame["family"] = frame.corruption.map(FAMILIES).fillna("shift " + frame["shift"])
    frame = frame[frame.family != without]
    if is_strongest:
        frame = frame[frame.severity.isin([0, 5])]
    means = frame.groupby(["family", "corruption", "severity"]).value.mean().reset_index()
    means["weight"] = decay**means.severity
    sums = means.assign(value=means.value * means.weight).groupby(["family", "corruption"])[["value", "weight"]].sum()
    return float((sums.value / sums.weight).groupby("family").mean().mean())


def test_every_tau_is_that_of_scipy_between_robustness_from_the_definition() -> None:
    found = measure_stability([tabulate(rows) for rows in NETWORKS], RobustnessRule())
    usual = [weigh(rows) for rows in NETWORKS]

    def tau(**changes: object) -> float:
        return float(kendalltau(usual, [weigh(rows, **changes) for rows in NETWORKS]).statistic)  # type: ignore[arg-type]

    assert found.num_trials == 12
    assert found.without == {
        name: pytest.approx(tau(without=name)) for name in ("blur", "motion", "noise", "shift site")
    }
    assert found.weights == {
        "equal": pytest.approx(tau(decay=1.0)),
        "half": pytest.approx(tau(decay=0.5)),
        "strongest": pytest.approx(tau(is_strongest=True)),
    }
    assert len({*found.without.values(), *found.weights.values()}) > 4
    assert list(found.columns) == [
        "tau_without_blur", "tau_without_motion", "tau_without_noise", "tau_without_shift site",
        "tau_severities_equal", "tau_severities_half", "tau_severities_strongest",
    ]  # fmt: skip


def test_an_order_that_hangs_on_one_family_is_reversed_without_it() -> None:
    """Better under blur, a little worse under everything else."""
    tables = [
        tabulate(
            CaseScore("a", "x", name, 1, "dice", 0.5 + (place if name == "gaussian_blur" else -place / 10) / 20)
            for name in FAMILIES
        )
        for place in range(6)
    ]
    found = measure_stability(tables, RobustnessRule())
    assert found.without == pytest.approx({"blur": -1.0, "motion": 1.0, "noise": 1.0})


def test_only_what_counts_is_left_out_and_nothing_is_left_of_one_family() -> None:
    tables = [tabulate(rows) for rows in NETWORKS]
    rule = RobustnessRule(over=RobustnessOver.corruptions, excluded=("gaussian_blur",))
    assert set(measure_stability(tables, rule).without) == {"motion", "noise"}
    alone = dataclasses.replace(rule, excluded=("gaussian_blur", "motion"))
    assert measure_stability(tables, alone).without == {"noise": None}


@pytest.mark.parametrize("kind", Robustness)
@pytest.mark.parametrize("average", Average)
def test_networks_that_are_better_everywhere_keep_their_order_in_every_kind(kind: Robustness, average: Average) -> None:
    tables = [
        tabulate([dataclasses.replace(row, value=row.value * factor) for row in NETWORKS[0]])
        for factor in (0.2, 0.4, 0.6, 0.8, 1.0)
    ]
    errors = {row.condition: 0.5 for row in NETWORKS[0] if not row.is_clean}
    rule = RobustnessRule(kind, reference=errors, average=average, failure_below=0.3)
    found = measure_stability(tables, rule)
    assert list(found.columns.values()) == pytest.approx([1.0] * len(found.columns))


def test_a_few_trials_have_no_stability() -> None:
    tables = [tabulate(rows) for rows in NETWORKS]
    assert None in measure_stability(tables[: MIN_TRIALS - 1], RobustnessRule()).columns.values()
    assert None not in measure_stability(tables[:MIN_TRIALS], RobustnessRule()).columns.values()
    empty = measure_stability([], RobustnessRule())
    assert (empty.num_trials, empty.without, set(empty.weights.values())) == (0, {}, {None})


LEVELS = (0.0, 0.25, 0.5, 0.75)


def count_pairs(first: list[float], second: list[float]) -> float:
    """Tau-b by its definition: over all pairs, with ties."""
    signs = [
        (np.sign(one[0] - other[0]), np.sign(one[1] - other[1]))
        for one, other in itertools.combinations(zip(first, second, strict=True), 2)
    ]
    untied = [sum(bool(pair[side]) for pair in signs) for side in (0, 1)]
    return float(sum(one * other for one, other in signs) / np.sqrt(untied[0] * untied[1]))


@given(st.lists(st.tuples(st.sampled_from(LEVELS), st.sampled_from(LEVELS)), min_size=2, max_size=12))
def test_the_agreement_is_tau_b_counted_pair_by_pair_and_that_of_scipy(pairs: list[tuple[float, float]]) -> None:
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    found = measure_agreement(first, second)
    if min(len(set(first)), len(set(second))) < 2:
        assert found is None
    else:
        assert found == pytest.approx(count_pairs(first, second)) == pytest.approx(kendalltau(first, second).statistic)


def test_values_that_differ_by_rounding_alone_are_tied() -> None:
    assert 0.1 + 0.2 != 0.3
    assert measure_agreement([0.1, 0.3, 0.3], [0.2, 0.1 + 0.2, 0.3]) == pytest.approx(1.0)
