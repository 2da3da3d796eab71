import re

import pytest

from paretoseg.search.fronts.picks import Pick, read_pick
from paretoseg.spaces.constraint import Constraint

NAMES, COSTS = ["accuracy", "robustness"], ["parameters", "memory_gb"]


def read(text):
    return read_pick(text, NAMES, COSTS)


def test_rules_and_numbers_are_read():
    assert read("knee") == Pick("knee", rule="knee")
    assert read("most-robust") == Pick("most-robust", rule="most-robust")
    assert read("12") == Pick("12", number=12)


def test_conditions_are_read_in_the_units_of_the_tables():
    found = read("accuracy>=.9, memory_gb<=8,most-robust")
    assert found.conditions == (Constraint("accuracy", True, 0.9), Constraint("memory_gb", False, 8.0))
    assert found.rule == "most-robust"
    assert [str(one) for one in found.conditions] == ["accuracy>=0.9", "memory_gb<=8"]


def test_the_smallest_loss_counts():
    assert read("lose<=.005").lose == 0.005
    assert read("lose<=.005,lose<=.001").lose == 0.001


def test_weights_sum_to_one_and_those_left_out_are_zero():
    assert read("accuracy=7,robustness=3").weights == {"accuracy": 0.7, "robustness": 0.3}
    assert read("robustness=2").weights == {"accuracy": 0.0, "robustness": 1.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kne", "unknown pick 'kne'; did you mean 'knee'? known: knee, most-accurate, most-robust, a number, or cond"),
        ("", "unknown pick ''; known: knee"),
        ("01", "unknown pick '01'; known: knee"),
        ("-1", "unknown pick '-1'; known: knee"),
        ("$(reboot)", "unknown pick '$(reboot)'; known: knee"),
        ("acuracy>=.9", "unknown name 'acuracy' in --pick; did you mean 'accuracy'? known: accuracy, robustness, para"),
        ("memory_gb=1", "unknown objective 'memory_gb' in --pick; known: accuracy, robustness"),
        ("accuracy", "says nothing about 'accuracy'; put quotes around the pick, as in --pick 'accuracy>=0.9'"),
        ("accuracy>.9", "cannot read 'accuracy>.9' in --pick; conditions have the form name>=number or name<=number"),
        ("accuracy>=high", "--pick needs a number in 'accuracy>=high', got 'high'"),
        ("accuracy>=nan", "--pick needs a number in 'accuracy>=nan'"),
        ("lose>=.1", "--pick takes lose<=X with X from 0 up, got 'lose>=.1'"),
        ("lose<=-.1", "--pick takes lose<=X with X from 0 up"),
        ("accuracy=-1", "weights in --pick must be 0 or more, and one of them above 0, got accuracy=-1"),
        ("accuracy=0", "weights in --pick must be 0 or more, and one of them above 0, got accuracy=0"),
        ("knee,most-robust", "--pick names more than one rule in 'knee,most-robust'"),
        ("knee,accuracy=1", "--pick names more than one rule"),
    ],
)
def test_mistakes_are_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_an_end_of_an_objective_that_is_not_measured_is_unknown():
    with pytest.raises(ValueError, match="known: knee, a number, or conditions and weights on size"):
        read_pick("most-robust", ["size"])
    with pytest.raises(ValueError, match="unknown name 'lose'"):
        read_pick("lose<=.1", ["size"])
