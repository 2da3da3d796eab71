"""Strengths, and the lines of older studies, are read exactly; values that do not fit are refused."""

from __future__ import annotations

import pytest

from paretoseg.trainables.severities.strengths import check_strengths, parse_strengths


def test_a_line_reads_as_five_numbers() -> None:
    assert parse_strengths(["gaussian_noise: 0.01 0.02 0.05 0.1 0.2"]) == {
        "gaussian_noise": (0.01, 0.02, 0.05, 0.1, 0.2)
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("gaussian_noise 0.1 0.2 0.3 0.4 0.5", "a line of strengths must read like"),
        ("gaussian_noise: a b", "a line of strengths must read like"),
        ("gaussian_noise:", "a line of strengths must read like"),
        ("gausian_noise: 0.1 0.2 0.3 0.4 0.5", "did you mean 'gaussian_noise'"),
        ("gaussian_noise: 0.1 0.2 0.3 0.4", "must be 5 numbers above 0 and up to 1 that rise"),
        ("gaussian_noise: 0.1 0.2 0.2 0.4 0.5", "that rise with severity, got 0.1 0.2 0.2 0.4 0.5"),
        ("gaussian_noise: 0.0 0.1 0.2 0.4 0.5", "above 0"),
        ("gaussian_noise: 0.1 0.2 0.3 0.4 nan", "that rise"),
        ("gaussian_noise: 0.1 0.2 0.3 0.4 1.5", "up to 1"),
        ("gamma_up: 0.9 1.2 1.3 1.4 1.5", "above 1"),
    ],
)
def test_a_line_that_does_not_fit_is_refused(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_strengths([line])


def test_a_corruption_that_is_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="must be given once"):
        parse_strengths(["gaussian_noise: 0.1 0.2 0.3 0.4 0.5"] * 2)


@pytest.mark.parametrize("values", [["0.1"] * 5, [True, 2, 3, 4, 5], [None], []])
def test_what_is_no_number_is_refused(values: list[object]) -> None:
    with pytest.raises(ValueError, match="strengths of motion_blur must be 5 numbers"):
        check_strengths("motion_blur", values)
