"""A space of recorded candidates: every point becomes the nearest one, and every strategy finds all of them."""

import numpy as np
import pytest

from paretoseg.search.config.config import CHOICES
from paretoseg.search.rehearsal.recorded_space import RecordedSpace
from paretoseg.spaces.domain import Choice
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.toy import ToyTask, closed_form
from tests.builders import TWO_OBJECTIVE_STRATEGIES, build_trial, tell
from tests.contracts.test_strategies import small

SPACE = SearchSpace()
GENERATOR_SEED = 3


@pytest.fixture
def recorded():
    generator = np.random.default_rng(GENERATOR_SEED)
    return [SPACE.sample(generator) for _ in range(30)]


def measure(one, other):
    """The distance, written down once more."""
    first, second = one.as_dict(), other.as_dict()
    total = 0.0
    for name, domain in SPACE.searched.items():
        if isinstance(domain, Choice):
            total += first[name] != second[name]
        else:
            total += abs(domain.to_unit(first[name]) - domain.to_unit(second[name]))
    return total


def test_a_point_becomes_the_nearest_recorded_candidate(recorded):
    space = RecordedSpace(SPACE, recorded)
    generator = np.random.default_rng(0)
    for _ in range(50):
        unit = generator.random(len(SPACE.searched))
        meant, found = SPACE.decode(unit), space.decode(unit)
        distances = [measure(meant, candidate) for candidate in recorded]
        assert found == recorded[int(np.argmin(distances))]
        assert space.find_distance(found) == pytest.approx(min(distances))


def test_a_recorded_candidate_stays_what_it_is(recorded):
    space = RecordedSpace(SPACE, recorded)
    for candidate in recorded:
        assert space.repair(candidate) == candidate
        assert space.find_distance(candidate) == 0.0
        assert np.array_equal(space.encode(candidate), SPACE.encode(candidate))


def test_its_candidates_are_the_recorded_ones_each_once(recorded):
    space = RecordedSpace(SPACE, [*recorded, recorded[0]])
    assert list(space.enumerate()) == recorded
    assert space.num_candidates == len(recorded)
    assert space.default() in recorded
    assert space.contains(recorded[3])
    assert not space.contains(SPACE.sample(np.random.default_rng(99)))


def test_the_mean_distance_is_over_all_pairs(recorded):
    expected = np.mean([measure(one, other) for one in recorded for other in recorded if one != other])
    assert RecordedSpace(SPACE, recorded).mean_distance == pytest.approx(expected)
    assert RecordedSpace(SPACE, recorded[:1]).mean_distance == 0.0


def test_the_space_itself_is_not_changed(recorded):
    before = SPACE.num_candidates
    RecordedSpace(SPACE, recorded)
    assert SPACE.num_candidates == before
    assert SPACE.sample(np.random.default_rng(99)) not in recorded


def test_an_empty_recording_is_refused():
    with pytest.raises(ValueError, match="no recorded candidate"):
        RecordedSpace(SPACE, [])


@pytest.mark.parametrize("name", TWO_OBJECTIVE_STRATEGIES)
def test_every_strategy_proposes_every_recorded_candidate_once(recorded, name):
    space = RecordedSpace(SPACE, recorded)
    strategy = small(CHOICES["strategy"][name]).build(space, ToyTask().objectives(), 0)
    seen = []
    for number in range(len(recorded)):
        proposal = strategy.ask(number, np.random.default_rng(number), ())
        seen.append(proposal.candidate)
        tell(strategy, build_trial(number, *closed_form(proposal.candidate), candidate=proposal.candidate))
    assert set(seen) == set(recorded)
