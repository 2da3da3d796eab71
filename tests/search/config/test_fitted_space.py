"""A new study's space is bounded by its images, where the user leaves it open; earlier studies keep theirs."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from paretoseg.search.config.config import Composed, compose
from paretoseg.search.config.resuming import compose_again
from paretoseg.search.config.settling import settle
from paretoseg.spaces.search_space import SearchSpace

WORDS = ("study=any", "data.num_train=3", "data.num_validation=1", "data.num_test=1")


def settle_words(*words: str) -> Composed:
    return settle(compose([*WORDS, *words]))


def test_bounds_and_the_first_candidate_are_kept_in_the_config() -> None:
    settled = settle_words()
    kept = OmegaConf.create(settled.text).space
    assert (list(kept.patch), list(kept.depth), list(kept.width)) == ([16, 80], [2, 5], [4, 32])
    assert (kept.start_patch, kept.start_depth) == (80, 5)
    first = settled.experiment.build_space().default()
    assert (first.recipe.patch, first.architecture.depth, first.architecture.width) == (80, 5, 16)
    again = compose_again(WORDS, settled.text, ())
    assert again.experiment.space == settled.experiment.space


def test_what_is_named_stays() -> None:
    space = settle_words("space.patch=all", "space.depth=[2,6]", "space.start_patch=32").experiment.space
    assert (space.patch, space.depth, space.width) == ("all", [2, 6], [4, 32])
    assert (space.start_patch, space.start_depth) == (32, None)
    assert settle_words("task.match_parameters=100000").experiment.space.width is None


def test_trainings_of_as_many_iterations_bound_no_patch() -> None:
    words = ("task.iterations_per_step=1", "task.num_steps=1")
    assert settle_words(*words).experiment.space.patch == [16, 16]
    assert settle_words(*words, "task.budget_by=iterations").experiment.space.patch == [16, 80]


def test_a_mistake_in_the_length_of_trainings_is_left_to_the_check_of_the_task() -> None:
    with pytest.raises(ValueError, match=r"task\.num_steps must be at least 1, got 0"):
        settle_words("task.num_steps=0").experiment.build_task().check()


def test_a_study_of_an_earlier_version_keeps_its_space() -> None:
    before = OmegaConf.create(compose(WORDS).text)
    for name in ("start_patch", "start_depth"):
        before.space.pop(name)
    space = compose_again(WORDS, OmegaConf.to_yaml(before), ()).experiment.build_space()
    assert space.domains == SearchSpace({"augmentation": "all"}).domains
    assert space.default() == SearchSpace().default()


def test_a_first_value_outside_the_space_is_refused() -> None:
    with pytest.raises(ValueError, match=r"space.start_patch: dimension 'patch' .*; change it, or leave it out"):
        compose([*WORDS, "space.patch=[16,64]", "space.start_patch=80"]).experiment.build_space()
