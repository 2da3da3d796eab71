"""The text on how sure a front is."""

from __future__ import annotations

import dataclasses

from paretoseg.search.certainty.certainty import Evidence
from paretoseg.search.certainty.further_seeds import FurtherSeeds
from paretoseg.search.reports.certainty_text import (
    CAPTION,
    describe_certainty,
    describe_front,
    format_interval,
    format_probability,
)
from paretoseg.trainables.scoring.absent_count import AbsentCount
from tests.search.certainties import build_certainty, build_estimate, build_verdicts

UP, DOWN, NONE = (0.004, 0.016), (-0.061, -0.039), (-0.01, 0.01)


def test_intervals_and_probabilities_are_short() -> None:
    assert format_interval(build_estimate(0.6714, 0.6966)) == "[.671 .697]"
    assert format_interval(build_estimate(0.98, 1.3)) == "[.980 1.300]"
    assert format_interval(build_estimate(-0.0001, 0.0)) == "[.000 .000]"
    assert format_interval(None) == "[-]"
    assert [format_probability(one) for one in (None, 0.0, 0.934, 1.0)] == ["-", "<.01", ".93", ">.99"]


def test_a_front_that_is_not_confirmed_has_probabilities_by_the_cases_that_chose_it() -> None:
    certainty = build_certainty({}, {3: 0.05, 5: 0.4, 7: 0.97})
    assert describe_certainty(certainty) == [
        "Not confirmed yet. Probability of being on the front, by the cases that chose it: 7 (.97), 5 (.40)."
    ]


def test_the_ends_of_a_confirmed_front_have_a_verdict_and_only_what_holds_is_a_trade_off() -> None:
    def end(accuracy: tuple[float, float], robustness: tuple[float, float]) -> str:
        verdicts = build_verdicts(3, 17, accuracy, robustness)
        return describe_front(build_certainty({}, confirmed=(3, 17), confirmed_front=(3, 17), verdicts=verdicts))[-1]

    assert end(UP, DOWN) == (
        "Ends on test cases: 3 minus 17: accuracy +.010 (.004 to .016), robustness -.050 (-.061 to -.039): more than "
        "noise: a trade-off."
    )
    assert end(NONE, NONE).endswith(": within noise: no trade-off that holds.")
    assert end(NONE, DOWN).endswith(": more than noise in robustness alone: no trade-off that holds.")


def test_one_candidate_that_is_best_in_everything_is_no_trade_off() -> None:
    certainty = build_certainty({}, confirmed=(6, 1), confirmed_front=(6,))
    assert describe_front(certainty) == [
        "Confirmed with further seeds and on test cases: 6, 1.",
        "No trade-off: on test cases, candidate 6 is best of them in every objective.",
    ]


def test_ends_that_cannot_be_told_apart_have_no_verdict() -> None:
    certainty = build_certainty({}, confirmed=(6, 1), confirmed_front=(6, 1))
    assert describe_front(certainty)[-1] == "Ends: candidates 6 and 1; too few seeds or subjects to tell them apart."


def test_neighbours_are_reported_by_verdict_the_doubtful_ones_first() -> None:
    pairs = (((1, 2), UP, DOWN), ((2, 3), NONE, NONE), ((3, 4), NONE, DOWN), ((4, 5), NONE, NONE))
    verdicts = tuple(one for pair, *bounds in pairs for one in build_verdicts(*pair, *bounds))
    front = (1, 2, 3, 4, 5)
    lines = describe_certainty(build_certainty({}, confirmed=front, confirmed_front=front, verdicts=verdicts))
    assert lines[-1] == (
        "Neighbours on the front: within noise: 2 and 3, 4 and 5; more than noise in robustness alone: 3 and 4; "
        "more than noise: 1 and 2."
    )
    alike = tuple(one for pair in ((1, 2), (2, 3)) for one in build_verdicts(*pair, UP, DOWN))
    certainty = build_certainty({}, confirmed=(1, 2, 3), confirmed_front=(1, 2, 3), verdicts=alike)
    assert "all 2 pairs more than noise." in describe_certainty(certainty)[-1]


def test_what_would_settle_it_is_said_with_its_cost() -> None:
    certainty = build_certainty({}, {5: 0.4, 7: 0.6}, further=(FurtherSeeds(5, 2), FurtherSeeds(7, None)))
    assert describe_certainty(certainty, 1800.0)[1:] == [
        "Undecided by the validation cases; further seeds that may settle it: 5 (+2) (about 1 h of training).",
        "Undecided even with many further seeds, so that more subjects are needed: 7.",
    ]


def test_what_is_not_known_is_reported_with_the_reason() -> None:
    gaps = dict.fromkeys(("accuracy", "robustness"), "the validation split holds only one case")
    certainty = build_certainty({3: {"accuracy": None, "robustness": None}})
    certainty = dataclasses.replace(certainty, selection=Evidence(None, certainty.selection.estimates, gaps))
    assert describe_certainty(certainty) == [
        "Not known: an interval of accuracy and of robustness, because the validation split holds only one case.",
    ]


def test_a_collapse_under_a_seed_and_a_low_coverage_are_said() -> None:
    certainty = build_certainty({}, collapsed={20: (1, 3)})
    assert describe_certainty(certainty) == [
        "Candidate 20 collapses under 1 of 3 seeds; its values are those of the others."
    ]
    estimates = {3: {"accuracy": build_estimate(0.6, 0.7, coverage=0.88)}}
    certainty = dataclasses.replace(certainty, collapsed={}, selection=Evidence(None, estimates))
    assert describe_certainty(certainty) == [
        f"{CAPTION} With so few seeds or subjects, some hold the truth in 88% of simulations only."
    ]


def test_classes_that_accuracy_leaves_out_are_counted_over_the_members() -> None:
    counts = {3: AbsentCount(33, 60, 20, 30), 7: AbsentCount(35, 60, 21, 30)}
    assert describe_certainty(build_certainty({}, absent=counts)) == [
        "Left out of accuracy because they are in neither mask: 33 to 35 of 60 classes of single cases; 20 to 21 of 30 "
        "cases have no score at all."
    ]
    assert describe_certainty(build_certainty({}, absent={3: AbsentCount(0, 60, 0, 30)})) == []


def test_a_robustness_of_the_worst_cases_has_a_line_before_the_caption() -> None:
    certainty = build_certainty({3: {"robustness": (0.2, 0.4)}}, remark="Robustness looks at the worst cases.")
    assert describe_certainty(certainty)[-2:] == ["Robustness looks at the worst cases.", CAPTION]
    assert describe_certainty(dataclasses.replace(certainty, remark=""))[-1] == CAPTION
