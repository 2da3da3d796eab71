import numpy as np
import pytest

from paretoseg.search.certainty.hypervolume import (
    average_subjects,
    estimate_hypervolume,
    score_front,
    split_in_halves,
)
from paretoseg.search.fronts.dominance import find_nondominated, measure_hypervolume

REFERENCE = np.zeros(2)


def simulate(generator, num_candidates=40, num_subjects=12, noise=0.15):
    """True losses on a broad arc, and what subjects show of them: a difficulty of their own, and noise."""
    angles = generator.random(num_candidates) * np.pi / 2
    radii = 0.8 - 0.2 * generator.random(num_candidates)
    truth = -0.5 * radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)]) - 0.3
    shared = generator.normal(0.0, 0.05, (1, num_subjects, 2))
    return truth, truth[:, None] + shared + generator.normal(0.0, noise, (num_candidates, num_subjects, 2))


@pytest.mark.parametrize("num_objectives", [1, 2, 3, 4])
def test_scored_by_the_losses_that_selected_it_is_the_hypervolume(num_objectives):
    losses = np.random.default_rng(num_objectives).normal(-0.5, 0.4, (12, num_objectives))
    reference = np.zeros(num_objectives)
    assert score_front(losses, losses, reference) == pytest.approx(measure_hypervolume(losses, reference))


def test_the_scoring_half_gives_coordinates_and_does_not_choose():
    # The selecting half says that the first bounds all of the region; in the other half the second would.
    selecting, scoring = np.array([[-1.0, -1.0], [-0.5, -0.5]]), np.array([[-0.5, -0.5], [-2.0, -2.0]])
    assert score_front(selecting, scoring, REFERENCE) == 0.25
    # Slabs of the selecting order: the second from -1 up to where the first starts, then the first up to 0.
    selecting, scoring = np.array([[-1.0, -0.5], [-0.5, -1.0]]), np.array([[-0.9, -0.4], [-0.6, -0.8]])
    assert score_front(selecting, scoring, REFERENCE) == pytest.approx(0.4 * 0.6 + 0.4 * 0.9)


def test_who_selecting_losses_do_not_place_inside_the_reference_adds_nothing():
    selecting = np.array([[0.1, -1.0], [-0.5, -0.5]])
    assert score_front(selecting, np.array([[-9.0, -9.0], [-0.5, -0.5]]), REFERENCE) == 0.25
    assert score_front(selecting[:1], selecting[:1], REFERENCE) == 0.0


def test_without_noise_all_numbers_agree():
    truth, _ = simulate(np.random.default_rng(0))
    measure = average_subjects(np.repeat(truth[:, None], 6, axis=1))
    found = estimate_hypervolume(measure, np.zeros(6, int), REFERENCE, np.random.default_rng(0), num_splits=5)
    exact = pytest.approx(measure_hypervolume(truth, REFERENCE))
    assert (found.apparent, found.corrected, found.low, found.high) == (exact, exact, exact, exact)


def test_the_corrected_number_is_nearer_to_the_truth_and_not_above_it():
    generator = np.random.default_rng(3)
    apparent, corrected, covered = [], [], []
    for _ in range(40):
        truth, losses = simulate(generator)
        members = find_nondominated(losses.mean(axis=1))
        target = measure_hypervolume(truth[members], REFERENCE)
        strata = np.zeros(losses.shape[1], int)
        found = estimate_hypervolume(average_subjects(losses), strata, REFERENCE, generator, num_splits=15)
        apparent.append(found.apparent - target)
        corrected.append(found.corrected - target)
        covered.append(found.low <= target <= found.high)
    assert np.mean(apparent) > 0.05
    assert abs(np.mean(corrected)) < 0.5 * np.mean(apparent)
    assert np.mean(corrected) < 0.005
    assert np.sqrt(np.mean(np.square(corrected))) < np.sqrt(np.mean(np.square(apparent)))
    assert np.mean(covered) >= 0.9


def test_the_same_generator_gives_the_same_numbers():
    _, losses = simulate(np.random.default_rng(1))
    one, other = (
        estimate_hypervolume(
            average_subjects(losses), np.zeros(12, int), REFERENCE, np.random.default_rng(5), num_splits=9
        )
        for _ in range(2)
    )
    assert one == other


def test_every_stratum_is_halved():
    strata = np.array([0] * 6 + [1] * 4 + [2] * 3)
    sizes = set()
    for seed in range(20):
        half = split_in_halves(strata, np.random.default_rng(seed))
        assert (half[:6].sum(), half[6:10].sum()) == (3, 2)
        sizes.add(int(half[10:].sum()))
    assert sizes == {1, 2}


def test_one_subject_cannot_be_split():
    _, losses = simulate(np.random.default_rng(1), num_subjects=1)
    found = estimate_hypervolume(average_subjects(losses), np.zeros(1, int), REFERENCE, np.random.default_rng(0))
    assert (found.corrected, found.low, found.high) == (None, None, None)
    assert found.apparent > 0


def test_halves_in_which_an_objective_is_not_known_are_left_out():
    _, losses = simulate(np.random.default_rng(1), num_subjects=4)
    measure = average_subjects(losses)

    def needs_the_first(times):
        return np.where(times[:, :1, None] > 0, measure(times), np.nan)

    found = estimate_hypervolume(needs_the_first, np.zeros(4, int), REFERENCE, np.random.default_rng(0), num_splits=5)
    assert found.corrected is None
    assert found.apparent == pytest.approx(measure_hypervolume(losses.mean(axis=1), REFERENCE))
