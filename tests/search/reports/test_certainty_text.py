"""The text on the certainty of a front."""

from __future__ import annotations

from paretoseg.search.fronts.certainty import Certainty, Comparison, Interval
from paretoseg.search.reports.certainty_text import CAPTION, describe_certainty, describe_ends, format_interval
from paretoseg.trainables.scoring.absent_count import AbsentCount


def compare(first: int, second: int, accuracy: Interval, robustness: Interval) -> Comparison:
    differences = {"accuracy": sum(accuracy) / 2, "robustness": sum(robustness) / 2}
    return Comparison(first, second, differences, {"accuracy": accuracy, "robustness": robustness})


UP, DOWN, NONE = Interval(0.004, 0.016), Interval(-0.061, -0.039), Interval(-0.01, 0.01)


def test_intervals_are_short() -> None:
    assert format_interval(Interval(0.6714, 0.6966)) == "[.671 .697]"
    assert format_interval(Interval(0.98, 1.3)) == "[.980 1.300]"
    assert format_interval(Interval(-0.0001, 0.0)) == "[.000 .000]"
    assert format_interval(None) == "[-]"


def test_the_ends_are_reported_with_a_verdict() -> None:
    assert describe_ends(compare(3, 17, UP, DOWN)) == (
        "Ends: trial 3 minus trial 17: accuracy +.010 (.004 to .016), robustness -.050 (-.061 to -.039): "
        "more than noise."
    )
    assert describe_ends(compare(3, 17, NONE, NONE)).endswith(": within noise.")
    assert describe_ends(compare(3, 17, NONE, DOWN)).endswith(": more than noise in robustness alone.")


def test_ends_without_intervals_have_no_verdict() -> None:
    ends = Comparison(3, 17, {"accuracy": 0.01, "robustness": -1.5}, {})
    assert describe_ends(ends) == "Ends: trial 3 minus trial 17: accuracy +.010, robustness -1.500."


def test_neighbours_are_reported_by_verdict_the_doubtful_ones_first() -> None:
    pairs = (compare(1, 2, UP, DOWN), compare(2, 3, NONE, NONE), compare(3, 4, NONE, DOWN), compare(4, 5, NONE, NONE))
    lines = describe_certainty(Certainty({}, compare(1, 5, UP, DOWN), pairs, {}))
    assert lines[1] == (
        "Neighbours on the front: within noise: 2 and 3, 4 and 5; more than noise in robustness alone: 3 and 4; "
        "more than noise: 1 and 2."
    )
    assert lines[2:] == [CAPTION]


def test_neighbours_that_are_all_alike_are_reported_in_one_word_and_two_members_have_ends_alone() -> None:
    pairs = (compare(1, 2, UP, DOWN), compare(2, 3, UP, DOWN))
    assert "all 2 pairs more than noise." in describe_certainty(Certainty({}, None, pairs, {}))[0]
    assert describe_certainty(Certainty({}, None, pairs[:1], {})) == [CAPTION]


def test_what_has_no_interval_is_reported_with_the_reason() -> None:
    ends = Comparison(1, 2, {"accuracy": 0.1, "robustness": -0.1}, {})
    gaps = dict.fromkeys(("accuracy", "robustness"), "the validation split holds only one case")
    assert describe_certainty(Certainty({}, ends, (ends,), gaps)) == [
        "Ends: trial 1 minus trial 2: accuracy +.100, robustness -.100.",
        "No interval for accuracy: the validation split holds only one case.",
        "No interval for robustness: the validation split holds only one case.",
    ]


def test_classes_that_accuracy_leaves_out_are_counted_over_the_members() -> None:
    counts = {3: AbsentCount(33, 60, 20, 30), 7: AbsentCount(35, 60, 21, 30)}
    assert describe_certainty(Certainty({}, None, (), {}, counts))[0] == (
        "Left out of accuracy, in neither mask of a case: 33 to 35 of 60 classes of all cases; so 20 to 21 of 30 cases "
        "have no score."
    )
    nothing = {3: AbsentCount(0, 60, 0, 30)}
    assert describe_certainty(Certainty({}, None, (), {}, nothing)) == [CAPTION]
