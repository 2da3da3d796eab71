"""The one-factor neighbours of a candidate."""

from __future__ import annotations

import numpy as np
import pytest

from paretoseg.search.ablation.neighbours import (
    Change,
    check_dimensions,
    choose_spread,
    find_neighbours,
    name_by_dimension,
)
from paretoseg.spaces.domain import Choice, Float, Int
from paretoseg.spaces.search_space import DIMENSIONS, Candidate, SearchSpace


def differences(one: Candidate, other: Candidate) -> set[str]:
    before, after = one.as_dict(), other.as_dict()
    return {name for name in before if before[name] != after[name]}


def test_every_other_option_the_next_numbers_and_a_quarter_of_the_range() -> None:
    space = SearchSpace(
        {
            "skip": ["none", "concatenation", "dense"], "depth": [2, 4], "width": 8, "attention": "none", "patch": 64,
            "foreground_ratio": [0.0, 1.0], "mirroring": "off", "augmentation": "none", "learning_rate": [0.001, 0.1],
        }
    )  # fmt: skip
    candidate = space.complete({"depth": 3, "foreground_ratio": 0.9, "learning_rate": 0.01, "skip": "dense"})
    found = [(one.change.dimension, one.change.after) for one in find_neighbours(space, candidate)]
    step = 10 ** (0.25 * 2)  # a quarter of two decades
    assert found[:6] == [
        ("skip", "none"), ("skip", "concatenation"), ("depth", 2), ("depth", 4), ("foreground_ratio", 0.65),
        ("foreground_ratio", 1.0),
    ]  # fmt: skip
    assert [name for name, _ in found[6:]] == ["learning_rate"] * 2
    assert [float(value) for _, value in found[6:]] == pytest.approx([0.01 / step, 0.01 * step], rel=1e-3)


def test_a_number_at_its_bound_moves_to_one_side_alone() -> None:
    space = SearchSpace({"foreground_ratio": [0.2, 0.6], "depth": [2, 4]})
    candidate = space.complete({"foreground_ratio": 0.6, "depth": 2})
    found = find_neighbours(space, candidate, ["foreground_ratio", "depth"])
    assert [one.change for one in found] == [Change("depth", 2, 3), Change("foreground_ratio", 0.6, 0.5)]


def test_what_the_repair_changes_along_is_named() -> None:
    space = SearchSpace({"depth": [2, 6], "patch": [32, 128]})
    candidate = space.complete({"depth": 4, "patch": 32})
    deeper = next(one for one in find_neighbours(space, candidate, ["depth"]) if one.change.after == 5)
    assert deeper.candidate.recipe.patch == 64
    assert deeper.further == (Change("patch", 32, 64),)
    assert deeper.describe() == "depth: 4 -> 5 (with patch: 32 -> 64)"


def test_changes_without_effect_give_no_neighbour() -> None:
    space = SearchSpace({"augmentation": ["none", "spatial"], "augmentation_strength": [0.0, 1.0]})
    candidate = space.complete({"augmentation": "none"})
    assert find_neighbours(space, candidate, ["augmentation_strength"]) == []
    assert len(find_neighbours(space, candidate, ["augmentation"])) == 1


def test_one_network_is_listed_once_under_the_first_choice_that_leads_to_it() -> None:
    """Of a network with two levels, switching its only skip off and `skip=none` are the same."""
    space = SearchSpace({"skip": ["none", "concatenation"], "depth": 2, "skip_level_1": ["on", "off"]})
    candidate = space.complete({"depth": 2, "skip": "concatenation"})
    found = find_neighbours(space, candidate, ["skip", "skip_level_1"])
    assert [one.change.describe() for one in found] == ["skip: concatenation -> none"]
    alone = find_neighbours(space, candidate, ["skip_level_1"])
    assert [one.change.describe() for one in alone] == ["skip: concatenation -> none"]


@pytest.mark.parametrize("preset", ["core", "full"])
def test_neighbours_of_any_candidate_are_possible_distinct_and_near(preset: str) -> None:
    space, generator = SearchSpace(preset=preset), np.random.default_rng(0)
    order = list(DIMENSIONS)
    for _ in range(10):
        candidate = space.sample(generator)
        found = find_neighbours(space, candidate)
        assert len({one.candidate for one in found} | {candidate}) == len(found) + 1
        for one in found:
            space.encode(one.candidate)
            assert space.repair(one.candidate) == one.candidate
            named = {one.change.dimension, *(change.dimension for change in one.further)}
            assert named == differences(candidate, one.candidate)
            changed = [order.index(change.dimension) for change in one.further]
            assert changed == sorted(changed)
        assert find_neighbours(space, candidate) == found


def test_the_number_of_neighbours_is_that_of_the_domains() -> None:
    """Counted apart from the code, for a candidate in the middle of a space in which nothing needs repair."""
    space = SearchSpace({"depth": [2, 4], "patch": 64, "width": [8, 16], "augmentation": ["none", "spatial"]})
    candidate = space.complete({"depth": 3, "width": 12, "skip": "addition", "attention": "cbam"})
    expected = 0
    for domain in space.searched.values():
        match domain:
            case Choice():
                expected += len(domain.options) - 1
            case Int():
                expected += 2 if domain.num_values > 1 else 0
            case Float():
                expected += 2 if domain.low < domain.high else 0
    assert len(find_neighbours(space, candidate)) == expected


def test_a_candidate_outside_of_the_space_is_refused() -> None:
    with pytest.raises(ValueError, match=r"dimension 'depth' must lie in 2\.\.3"):
        find_neighbours(SearchSpace({"depth": [2, 3]}), Candidate())


def test_unknown_and_fixed_dimensions_are_refused() -> None:
    space = SearchSpace({"depth": [2, 4]})
    check_dimensions(space, ["depth", "skip"])
    with pytest.raises(ValueError, match="unknown dimension 'dept'; did you mean 'depth'"):
        check_dimensions(space, ["dept"])
    with pytest.raises(ValueError, match="does not search dimension 'loss'; it searches skip, depth"):
        check_dimensions(space, ["loss"])


def test_a_few_are_spread_over_the_dimensions_first() -> None:
    space = SearchSpace({"depth": [2, 4], "patch": 64})
    every = find_neighbours(space, space.complete({"depth": 3}), ["skip", "depth", "attention"])
    assert [one.change.dimension for one in every] == ["skip"] * 4 + ["depth"] * 2 + ["attention"] * 3
    chosen, left_out = choose_spread(every, 4)
    assert [one.change.dimension for one in chosen] == ["skip", "skip", "depth", "attention"]
    assert chosen[0] == every[0]
    assert sorted([*chosen, *left_out], key=every.index) == every
    assert choose_spread(every, 99) == (every, [])
    assert name_by_dimension(left_out)[1] == "depth: 4"
