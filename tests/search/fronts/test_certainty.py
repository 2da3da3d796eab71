"""Intervals of a front: known answers, scipy's, and those of a plain loop over rows."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import bootstrap

from paretoseg.search.fronts.certainty import Certainty, Comparison, Interval, draw_times, find_certainty
from paretoseg.search.fronts.front import Front
from paretoseg.spaces.objective import to_losses
from paretoseg.trainables.scoring.measures import DICE
from paretoseg.trainables.scoring.objectives import RobustnessOver, RobustnessRule, define_objectives, summarise
from paretoseg.trainables.scoring.resampling import NUM_DRAWS
from paretoseg.trainables.scoring.robustness_kinds import Robustness
from paretoseg.trainables.scoring.score_table import ScoredCase, tabulate
from paretoseg.trainables.trainable import CaseScore, Condition
from tests.builders import build_trial

CORRUPTIONS, SEVERITIES, SHIFTS = ("blur", "noise"), (1, 4), {"site": 6, "small": 4}


def build_rows(clean: float, changed: float, seed: int, num_cases: int = 15) -> list[CaseScore]:
    """Cases of two domains and two shift sets, hard and easy ones; the hard ones are the same for every seed."""
    ease = np.random.default_rng(99).normal(0.0, 0.1, 100)
    noise = np.random.default_rng(seed)

    def score(mean: float, index: int) -> float:
        return float(np.clip(mean + ease[index] + noise.normal(0.0, 0.01), 0.0, 1.0))

    rows = []
    for index in range(num_cases):
        about = (f"case_{index:02}", "xy"[index % 2])
        rows.append(CaseScore(*about, "none", 0, "dice", score(clean, index)))
        for corruption in CORRUPTIONS:
            rows += [
                CaseScore(*about, corruption, level, "dice", score(changed - level / 50, index)) for level in SEVERITIES
            ]
    for shift, size in SHIFTS.items():
        rows += [
            CaseScore(f"{shift}_{index}", "z", "none", 0, "dice", score(changed, 50 + index), shift=shift)
            for index in range(size)
        ]
    return rows


MEMBERS = [build_rows(0.7, 0.4, 1), build_rows(0.69, 0.45, 2), build_rows(0.6, 0.5, 3)]


def build_rule(kind: Robustness = Robustness.weighted_mean, **changes: object) -> RobustnessRule:
    conditions = [Condition(name, level) for name in CORRUPTIONS for level in SEVERITIES]
    conditions += [Condition("none", 0, name) for name in SHIFTS]
    reference = dict.fromkeys(conditions, 0.3) if kind is Robustness.mean_corruption_error else {}
    return RobustnessRule(kind, reference=reference, **changes)  # type: ignore[arg-type]


def find(
    members: list[list[CaseScore]], rule: RobustnessRule | None = None, *, seed: int = 0, **subjects: str
) -> Certainty:
    """The certainty of a front whose trials have the numbers 10, 11 and so on."""
    rule = rule or build_rule()
    objectives = define_objectives(DICE, rule)
    values = [summarise(rows, DICE, rule).values for rows in members]
    trials = tuple(build_trial(10 + place, **value) for place, value in enumerate(values))  # type: ignore[arg-type]
    front = Front(trials, to_losses(objectives, values), 0.0)
    tables = [tabulate(rows) for rows in members]
    return find_certainty(front, tables, objectives=objectives, rule=rule, subjects=subjects, seed=seed)


def draw_rows(members: list[list[CaseScore]], generator: np.random.Generator) -> list[list[CaseScore]]:
    """One draw by hand: cases of every shift set on their own, the same for all members, each as a case of its own."""
    by_set: dict[str, list[str]] = {}
    for row in members[0]:
        if row.case not in by_set.setdefault(row.shift, []):
            by_set[row.shift].append(row.case)
    drawn = [name for names in by_set.values() for name in generator.choice(names, len(names))]
    found = []
    for rows in members:
        rows_of: dict[str, list[CaseScore]] = {}
        for row in rows:
            rows_of.setdefault(row.case, []).append(row)
        found.append(
            [
                dataclasses.replace(row, case=f"{place}")
                for place, name in enumerate(drawn)
                for row in rows_of[name]
            ]
        )  # fmt: skip
    return found


@pytest.mark.parametrize("kind", [Robustness.weighted_mean, Robustness.cvar_5, Robustness.failure_rate])
def test_every_interval_is_that_of_a_plain_loop_over_rows(kind: Robustness) -> None:
    rule = build_rule(kind, excluded=("noise",))
    certainty = find([MEMBERS[0], MEMBERS[2]], rule)
    generator, drawn = np.random.default_rng(5), []
    for _ in range(250):
        one, other = (summarise(rows, DICE, rule).values for rows in draw_rows([MEMBERS[0], MEMBERS[2]], generator))
        drawn.append([one["accuracy"], one["robustness"], *(one[name] - other[name] for name in one)])
    bounds = np.quantile(drawn, [0.025, 0.975], axis=0).T
    assert certainty.ends is not None
    found = [*certainty.intervals[10].values(), *certainty.ends.intervals.values()]
    spread = np.diff(bounds, axis=1)
    assert np.all(np.abs(np.array(found) - bounds) < np.maximum(0.25 * spread, 1e-3))


def test_the_interval_of_a_difference_is_the_paired_one_of_scipy() -> None:
    certainty = find(MEMBERS)
    one, other = (np.array([row.value for row in rows if row.is_clean]) for rows in (MEMBERS[0], MEMBERS[2]))
    reference = bootstrap(
        (one, other), lambda x, y: x.mean() - y.mean(), paired=True, vectorized=False, n_resamples=5000,
        method="percentile", rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    assert certainty.ends is not None
    found = certainty.ends.intervals["accuracy"]
    assert found == pytest.approx((reference.low, reference.high), abs=0.001)
    alone = certainty.intervals[10]["accuracy"]
    assert alone is not None
    # Hard cases are hard for both: the difference is far more certain than either.
    assert found.high - found.low < 0.3 * (alone.high - alone.low)


@pytest.mark.parametrize("kind", Robustness)
@pytest.mark.parametrize("over", RobustnessOver)
def test_the_difference_that_is_reported_is_that_of_the_objectives(kind: Robustness, over: RobustnessOver) -> None:
    rule = build_rule(kind, over=over)
    ends = find(MEMBERS, rule).ends
    assert ends is not None
    first, last = (summarise(MEMBERS[place - 10], DICE, rule).values for place in (ends.first, ends.second))
    assert ends.differences == {name: pytest.approx(first[name] - last[name], abs=1e-9) for name in first}


def test_ends_and_neighbours_are_compared_in_the_order_of_the_front() -> None:
    certainty = find(MEMBERS)
    assert certainty.ends is not None
    assert (certainty.ends.first, certainty.ends.second) == (10, 12)
    assert [(pair.first, pair.second) for pair in certainty.neighbours] == [(10, 11), (11, 12)]
    assert certainty.ends.distinct == ("accuracy", "robustness")
    assert list(certainty.intervals) == [10, 11, 12]


def test_equal_networks_differ_by_nothing_and_have_no_ends() -> None:
    certainty = find([MEMBERS[0], MEMBERS[0]])
    assert certainty.ends is None
    [pair] = certainty.neighbours
    assert pair.intervals == {"accuracy": (0.0, 0.0), "robustness": (0.0, 0.0)}
    assert pair.distinct == ()


def test_a_difference_is_more_than_noise_if_nothing_is_not_in_its_interval() -> None:
    intervals = {"a": Interval(-0.1, 0.1), "b": Interval(0.01, 0.1), "c": Interval(-0.2, -0.1), "d": Interval(0.0, 1.0)}
    assert Comparison(0, 1, dict.fromkeys(intervals, 0.0), intervals).distinct == ("b", "c")


def test_the_seed_decides_what_is_drawn_and_another_member_does_not() -> None:
    assert find(MEMBERS) == find(MEMBERS)
    assert find(MEMBERS).intervals[10] == find(MEMBERS[:2]).intervals[10]
    assert find(MEMBERS).intervals[10] != find(MEMBERS, seed=1).intervals[10]


def test_another_shift_set_changes_no_draw_of_the_rest() -> None:
    rows = [row for row in MEMBERS[0] if row.shift != "small"]
    one, other = (tabulate(some) for some in (MEMBERS[0], rows))
    kept = [place for place, case in enumerate(one.cases) if case.shift != "small"]
    np.testing.assert_array_equal(draw_times(one.cases, {}, 0)[:, kept], draw_times(other.cases, {}, 0))


def test_a_subject_that_several_sets_show_is_drawn_with_all_of_its_cases() -> None:
    cases = tabulate(MEMBERS[0]).cases
    again = {f"site_{index}": f"case_{index:02}" for index in range(6)}
    times = draw_times(cases, again, 0)
    places = {case.name: place for place, case in enumerate(cases)}
    for case, subject in again.items():
        np.testing.assert_array_equal(times[:, places[case]], times[:, places[subject]])
    apart = draw_times(cases, {}, 0)
    small = [place for name, place in places.items() if name.startswith("small")]
    np.testing.assert_array_equal(times[:, small], apart[:, small])


def test_a_set_between_two_others_ties_them_together() -> None:
    tied = {"": "x", "b": "xy", "c": "y"}
    cases = [ScoredCase(shift, f"{shift}{who}", "") for shift, people in tied.items() for who in people]
    times = draw_times(cases, {case.name: case.name[-1] for case in cases}, 0)
    by_name = {case.name: drawn for case, drawn in zip(cases, times.T, strict=True)}
    for who in "xy":
        assert len({by_name[name].tobytes() for name in by_name if name.endswith(who)}) == 1
    assert not np.array_equal(by_name["bx"], by_name["by"])


def test_every_shift_set_keeps_its_size_in_every_draw_and_a_subject_all_its_cases() -> None:
    cases = tabulate(MEMBERS[0]).cases
    subjects = {f"site_{index}": f"subject {index // 2}" for index in range(6)}
    times = draw_times(cases, subjects, 0)
    for shift, size in (("", 15), *SHIFTS.items()):
        of_set = [place for place, case in enumerate(cases) if case.shift == shift]
        np.testing.assert_array_equal(times[:, of_set].sum(axis=1), np.full(NUM_DRAWS, float(size)))
    of_site = [place for place, case in enumerate(cases) if case.shift == "site"]
    np.testing.assert_array_equal(times[:, of_site[::2]], times[:, of_site[1::2]])


def test_subjects_with_several_cases_make_intervals_wider() -> None:
    halves = {f"case_{index:02}": f"{index // 5}" for index in range(15)}
    rows = [dataclasses.replace(row, value=0.2 * int(halves.get(row.case, "0"))) for row in MEMBERS[0]]
    by_case, by_subject = find([rows]).intervals[10]["accuracy"], find([rows], **halves).intervals[10]["accuracy"]
    assert by_case is not None
    assert by_subject is not None
    assert by_subject.high - by_subject.low > 1.5 * (by_case.high - by_case.low)


def test_one_case_alone_tells_of_no_spread() -> None:
    rows = [row for row in MEMBERS[0] if row.case in ("case_00", "site_0", "site_1", "small_0")]
    shifts = build_rule(over=RobustnessOver.shifts)
    corruptions = build_rule(over=RobustnessOver.corruptions)
    alone = "the validation split holds only one case"
    assert find([rows], corruptions).gaps == {"accuracy": alone, "robustness": alone}
    found = find([rows, rows], shifts)
    assert found.gaps == {"accuracy": alone, "robustness": "shift set small holds only one case"}
    assert found.bounds[10] == dict.fromkeys(
        ("accuracy_low", "accuracy_high", "robustness_low", "robustness_high"), None
    )
    assert found.neighbours[0].intervals == {}
    twins = {f"case_{index:02}": "same" for index in range(15)}
    assert find(MEMBERS, **twins).gaps["accuracy"] == "the validation split holds only cases of one subject"


def test_an_objective_without_an_interval_leaves_the_other_its_own() -> None:
    rows = [row for row in MEMBERS[0] if row.shift != "small" or row.case == "small_0"]
    found = find([rows])
    assert found.gaps == {"robustness": "shift set small holds only one case"}
    assert found.intervals[10]["robustness"] is None
    assert found.bounds[10]["accuracy_low"] is not None


def test_rows_that_give_another_number_than_was_kept_are_refused() -> None:
    rule, table = build_rule(), tabulate(MEMBERS[0])
    objectives = define_objectives(DICE, rule)
    values = dict(summarise(MEMBERS[0], DICE, rule).values) | {"robustness": 0.1}
    front = Front((build_trial(3, **values),), to_losses(objectives, [values]), 0.0)
    with pytest.raises(ValueError, match=r"rows of trial 3 give robustness 0\.\d+, but the study kept 0\.100000"):
        find_certainty(front, [table], objectives=objectives, rule=rule, subjects={}, seed=0)


def test_members_with_other_cases_are_refused() -> None:
    fewer = [row for row in MEMBERS[1] if row.case != "case_00"]
    with pytest.raises(ValueError, match="trials 10 and 11 were not measured on the same cases"):
        find([MEMBERS[0], fewer])


def test_an_empty_front_has_nothing_to_be_certain_of() -> None:
    front = Front((), np.empty((0, 2)), 0.0)
    objectives = define_objectives(DICE)
    found = find_certainty(front, [], objectives=objectives, rule=RobustnessRule(), subjects={}, seed=0)
    assert (found.ends, found.neighbours, found.bounds) == (None, (), {})
