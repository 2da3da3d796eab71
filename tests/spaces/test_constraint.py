import math

import pytest

from paretoseg.spaces.constraint import Constraint, find_broken, measure_violation, read_constraints, read_kept

KNOWN = ("accuracy", "parameters", "latency_ms")


def test_a_constraint_is_read_with_its_side_and_its_bound():
    assert read_constraints(["parameters<=5e6", " accuracy >= .8 "], KNOWN) == (
        Constraint("parameters", False, 5e6),
        Constraint("accuracy", True, 0.8),
    )


@pytest.mark.parametrize("bound", ["5e6", "1234567", "0.123456789", "-1.5", "1e-3"])
def test_the_text_of_a_constraint_is_read_as_the_same(bound):
    [constraint] = read_constraints([f"parameters<={bound}"], KNOWN)
    assert read_kept([str(constraint)]) == (constraint,)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["parameters<5e6"], "cannot read the constraint 'parameters<5e6'; a constraint reads name<=number"),
        (["parameters"], "cannot read the constraint 'parameters'"),
        (["parmeters<=5e6"], "unknown name 'parmeters' in constraints; did you mean 'parameters'?"),
        (["accuracy>=high"], "needs a finite number, got 'high'"),
        (["accuracy>=nan"], "needs a finite number, got 'nan'"),
        (
            ["parameters<=1e6", "parameters>=2e6"],
            r"constraints parameters>=2e\+06 and parameters<=1e\+06 contradict each other",
        ),
    ],
)
def test_what_cannot_be_a_constraint_is_refused(lines, message):
    with pytest.raises(ValueError, match=message):
        read_constraints(lines, KNOWN)


RANGES = {"accuracy": (0.0, 1.0), "parameters": (0.0, math.inf)}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("accuracy>=2", "the constraint accuracy>=2 can never be met, as accuracy lies in 0..1; change the bound"),
        ("accuracy<=-0.1", "the constraint accuracy<=-0.1 can never be met, as accuracy lies in 0..1"),
        ("parameters<=-1", "the constraint parameters<=-1 can never be met, as parameters is at least 0"),
    ],
)
def test_a_bound_that_no_value_keeps_is_refused(line, message):
    with pytest.raises(ValueError, match=message):
        read_constraints([line], KNOWN, RANGES)


def test_a_bound_at_the_end_of_a_range_or_without_one_is_taken():
    lines = ["accuracy>=1", "parameters<=0", "latency_ms<=-5"]
    assert len(read_constraints(lines, KNOWN, RANGES)) == 3


def test_a_constraint_that_is_named_twice_counts_once():
    lines = ["accuracy>=.8", "accuracy>=0.80"]
    for constraints in (read_constraints(lines, KNOWN), read_kept(lines)):
        assert constraints == (Constraint("accuracy", True, 0.8),)
        assert measure_violation(constraints, {"accuracy": 0.4}) == pytest.approx(0.5)


def test_a_bound_that_is_met_exactly_is_met():
    constraints = read_constraints(["accuracy>=.8", "accuracy<=.8"], KNOWN)
    assert find_broken(constraints, {"accuracy": 0.8}) == ()
    assert measure_violation(constraints, {"accuracy": 0.8}) == 0.0


def test_the_violation_is_the_sum_of_the_excesses_as_shares_of_the_bounds():
    constraints = read_constraints(["accuracy>=.8", "parameters<=1e6", "latency_ms<=10"], KNOWN)
    values = {"accuracy": 0.6, "parameters": 1.5e6, "latency_ms": 9.0}
    assert measure_violation(constraints, values) == pytest.approx(0.25 + 0.5)
    assert find_broken(constraints, values) == ("accuracy>=0.8", "parameters<=1e+06")


def test_what_was_not_measured_breaks_nothing():
    constraints = read_constraints(["accuracy>=.8"], KNOWN)
    assert measure_violation(constraints, {"parameters": 1.0}) == 0.0
    assert find_broken(constraints, {"parameters": 1.0}) == ()
