import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretoseg.spaces.objective import Direction, Measurement, Objective, reference_point, to_losses

HIGHER = Objective("dice", "Dice", Direction.MAXIMISE, 0.1)
LOWER = Objective("latency_ms", "ms", Direction.MINIMISE, 50.0)


def test_losses_turn_what_is_to_be_maximised():
    rows = [{"latency_ms": 5.0, "dice": 0.75, "other": 1.0}, {"dice": 0.5, "latency_ms": 2.0}]
    np.testing.assert_array_equal(to_losses((HIGHER, LOWER), rows), [[-0.75, 5.0], [-0.5, 2.0]])
    np.testing.assert_array_equal(reference_point((HIGHER, LOWER)), [-0.1, 50.0])


def test_no_measurement_gives_an_empty_array_with_a_column_an_objective():
    assert to_losses((HIGHER, LOWER), []).shape == (0, 2)


def test_a_missing_objective_is_an_error():
    with pytest.raises(KeyError, match="latency_ms"):
        to_losses((HIGHER, LOWER), [{"dice": 0.5}])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_measurement_that_is_not_finite_is_refused_by_name(value):
    with pytest.raises(ValueError, match="dice must be finite, got"):
        Measurement({"accuracy": 0.5, "dice": value})


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_better_value_is_a_lower_loss(first, second):
    assert (HIGHER.to_loss(first) < HIGHER.to_loss(second)) == (first > second)
    assert (LOWER.to_loss(first) < LOWER.to_loss(second)) == (first < second)


@pytest.mark.parametrize("value", [0.5, 2.0, 40.0])
@pytest.mark.parametrize("objective", [HIGHER, LOWER, dataclasses.replace(LOWER, ideal=0.1)])
def test_the_slope_is_the_derivative_of_the_loss(objective, value):
    change = objective.to_loss(value * (1 + 1e-6)) - objective.to_loss(value)
    assert objective.find_slope(value) == pytest.approx(change / (value * 1e-6), rel=1e-4)
