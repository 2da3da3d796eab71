"""Differences of hypervolumes of fronts that share their subjects, and what fronts cover of each other."""

import numpy as np
import pytest

from paretoseg.search.certainty.front_comparison import (
    ComparedCandidate,
    ComparedFront,
    compare_fronts,
    measure_coverage,
)
from paretoseg.search.certainty.hypervolume import average_subjects, compare_hypervolumes
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.trainables.scoring.objectives import RobustnessRule

REFERENCE = np.zeros(2)
CORNER = np.array([[-0.8, -0.4], [-0.4, -0.8]])


def simulate(gains, num_subjects=12, noise=0.002):
    """Measures of fronts of two candidates; all subjects move all fronts alike."""
    generator = np.random.default_rng(0)
    shared = generator.normal(0.0, 0.05, (1, num_subjects, 2))
    return [
        average_subjects(CORNER[:, None] - gain + shared + generator.normal(0.0, noise, (2, num_subjects, 2)))
        for gain in gains
    ]


def compare(measures):
    return compare_hypervolumes(measures, np.zeros(12, int), REFERENCE, np.random.default_rng(0))


def test_what_subjects_do_to_all_fronts_cancels_in_the_difference():
    estimates, [found] = compare(simulate([0.02, 0.0]))
    # The front is an L of two squares of side .4 and .8 by .4: pushed out by g, each coordinate grows by g.
    assert found.value == pytest.approx((0.82**2 - 0.4**2) - (0.8**2 - 0.4**2), abs=0.004)
    assert found.is_more_than_noise
    assert found.low > 0.0
    assert found.high - found.low < 0.2 * (estimates[0].high - estimates[0].low)


def test_equal_fronts_differ_by_noise_alone_and_the_order_turns_the_sign():
    measures = simulate([0.0, 0.0, 0.01])
    _, found = compare(measures)
    assert [(one.first, one.second) for one in found] == [(0, 1), (0, 2), (1, 2)]
    assert [one.is_more_than_noise for one in found] == [False, True, True]
    _, turned = compare(measures[::-1])
    assert [one.value for one in turned] == pytest.approx([-found[2].value, -found[1].value, -found[0].value])
    _, [alone] = compare(measures[:2])
    assert alone.high - alone.low < found[0].high - found[0].low


def test_one_subject_gives_no_difference():
    measures = [average_subjects(CORNER[:, None])] * 2
    estimates, found = compare_hypervolumes(measures, np.zeros(1, int), REFERENCE, np.random.default_rng(0))
    assert found == []
    assert [one.apparent for one in estimates] == pytest.approx([0.48, 0.48])


def test_a_front_covers_the_members_that_it_is_as_good_as():
    first = np.array([[-0.9, -0.1], [-0.5, -0.5]])
    second = np.array([[-0.9, -0.1], [-0.4, -0.4], [-0.1, -0.9], [-0.6, -0.2]])
    assert measure_coverage(first, second) == 0.5
    assert measure_coverage(second, first) == 0.5
    assert measure_coverage(first, second[:0]) == 0.0


def test_a_task_without_cases_has_fronts_and_no_intervals():
    objectives = (
        Objective("accuracy", "1", Direction.MAXIMISE, 0.0),
        Objective("robustness", "1", Direction.MAXIMISE, 0.0),
    )
    fronts = []
    for name, points in (("first", [(0.5, 0.5), (0.4, 0.4)]), ("second", [(0.2, 0.8), (0.8, 0.2)])):
        values = [{"accuracy": accuracy, "robustness": robustness} for accuracy, robustness in points]
        candidates = [ComparedCandidate(number, (), (one,), one) for number, one in enumerate(values)]
        fronts.append(ComparedFront(name, tuple(candidates)))
    found = compare_fronts(fronts, objectives, REFERENCE, None, RobustnessRule(), np.random.default_rng(0))
    assert found.members == ((0,), (1, 0))
    assert [one.apparent for one in found.hypervolumes] == pytest.approx([0.25, 0.28])
    assert found.differences == ()
    assert found.coverages == ((1.0, 0.0), (0.0, 1.0))
