import numpy as np
import pytest

from paretoseg.search.strategies.surrogate.genes import Genome
from paretoseg.search.strategies.surrogate.pool import breed, draw_genes, list_neighbours
from paretoseg.search.strategies.surrogate.records import choose_places
from paretoseg.search.strategies.surrogate.targets import find_scale
from paretoseg.spaces.domain import Choice, Float, Int
from paretoseg.spaces.search_space import SearchSpace

GENOME = Genome([Choice(("a", "b", "c")), Int(2, 10, 2), Float(0.0, 1.0)])


def test_genes_go_to_the_unit_cube_and_back():
    space = SearchSpace()
    genome = Genome(list(space.searched.values()))
    generator = np.random.default_rng(0)
    units = np.array([space.encode(space.sample(generator)) for _ in range(50)])
    genes = genome.from_units(units)
    np.testing.assert_allclose(genome.to_units(genes), units)
    assert [space.decode(unit) for unit in genome.to_units(genes)] == [space.decode(unit) for unit in units]


def test_features_by_hand():
    features = GENOME.to_features(np.array([[1, 4, 0.25], [0, 0, 1.0]]))
    half = np.sqrt(0.5)
    np.testing.assert_allclose(features, [[0, half, 0, 1.0, 0.25], [half, 0, 0, 0.0, 1.0]])
    assert list(GENOME.is_number) == [False, False, False, True, True]


def test_two_options_are_as_far_apart_as_the_ends_of_a_number():
    first, second = GENOME.to_features(np.array([[0, 0, 0.0], [2, 0, 0.0]]))
    assert np.linalg.norm(first - second) == pytest.approx(1.0)


def test_neighbours_differ_in_one_gene():
    point = np.array([1.0, 1.0, 0.5])
    neighbours = list_neighbours(GENOME, point, np.random.default_rng(0))
    assert ((neighbours != point).sum(axis=1) == 1).all()
    assert sorted(neighbours[neighbours[:, 0] != 1, 0]) == [0, 2]
    assert sorted(neighbours[neighbours[:, 1] != 1, 1]) == [0, 2, 3]  # a step, and two; -1 is no value
    assert (neighbours[:, 2] != 0.5).sum() == 2


def test_offspring_are_possible_and_take_after_their_parents():
    parents = np.array([[0, 0, 0.1], [0, 4, 0.1], [0, 2, 0.1]])
    offspring = breed(GENOME, parents, 400, np.random.default_rng(0))
    assert offspring.shape == (400, 3)
    assert set(offspring[:, 0]) == {0, 1, 2}
    assert set(offspring[:, 1]) <= {0, 1, 2, 3, 4}
    assert offspring[:, 2].min() >= 0.0
    assert offspring[:, 2].max() <= 1.0
    # 1.2 of 3 genes mutate on average, and a choice that does is itself again in one of three draws.
    assert (offspring[:, 0] == 0).mean() == pytest.approx(1 - 0.4 * 2 / 3, abs=0.08)
    assert (offspring[:, 2] == 0.1).mean() == pytest.approx(0.6, abs=0.08)


def test_without_two_parents_offspring_are_drawn():
    drawn = breed(GENOME, np.array([[0, 0, 0.1]]), 5, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn, draw_genes(GENOME, 5, np.random.default_rng(0)))


def test_the_scale_tells_good_losses_apart_and_keeps_its_width():
    losses = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [100.0, 0.0]])
    scale = find_scale(losses, num_design=4)
    targets = scale.to_targets(losses)[:, 0]
    assert targets.mean() == pytest.approx(0.0)
    assert targets.std() == pytest.approx(1.0)
    assert targets[1] - targets[0] > 0.2 * (targets[3] - targets[2])
    # Many good ones later do not shrink it: the design's median stays.
    later = np.concatenate([losses, np.tile([[1.01, 0.0]], (50, 1))])
    assert find_scale(later, num_design=4).width[0] == pytest.approx(scale.width[0])
    np.testing.assert_array_equal(scale.to_targets(losses)[:, 1], 0.0)  # one value only


def test_of_many_places_the_best_and_a_draw_are_chosen():
    targets = np.random.default_rng(0).random((200, 2))
    chosen = choose_places(targets, 20, 60)
    assert len(chosen) == len(set(chosen)) == 60
    assert list(chosen) == sorted(chosen)
    front = [place for place in range(200) if not ((targets < targets[place]).all(axis=1)).any()]
    assert set(front) <= set(chosen)
    np.testing.assert_array_equal(chosen, choose_places(targets, 20, 60))
    np.testing.assert_array_equal(choose_places(targets, 20, 200), np.arange(200))
