import copy
import dataclasses
import hashlib
import json
import math
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.presets import PRESETS
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import DIMENSIONS, Candidate, SearchSpace

SPACES = {
    "core": ({}, "core"),
    "narrow": (
        {"depth": [2, 3], "patch": [32, 64], "skip": ["none", "addition"], "learning_rate": [1e-3, 1e-2]},
        "core",
    ),
    "deep": ({"depth": [4, 6], "patch": [32, 128]}, "core"),
    "pinned": ({"foreground_ratio": 0.123456, "width": 8, "attention": "cbam"}, "core"),
    "architecture": ({}, "architecture"),
    "full": ({}, "full"),
    "no plain skips": ({"skip": ["attention_gate", "dense"], "skip_level_2": "off"}, "architecture"),
    "two families": ({"family": ["vnet", "dynunet"], "skip": ["dense", "concatenation"], "block": "separable"}, "core"),
}
OF_ONE_FAMILY = ["core", "narrow", "deep", "pinned", "architecture", "no plain skips"]
places = st.lists(st.floats(0, 1), min_size=len(DIMENSIONS), max_size=len(DIMENSIONS)).map(np.array)
spaces = st.sampled_from([SearchSpace(*wishes) for wishes in SPACES.values()])
spaces_of_one_family = st.sampled_from([SearchSpace(*SPACES[name]) for name in OF_ONE_FAMILY])


def decode(space, place):
    return space.decode(place[: len(space.searched)])


def draw_raw(space, place):
    """A candidate with all values inside the space, but not repaired."""
    pairs = zip(space.domains.items(), place, strict=True)
    return Candidate.from_dict({name: domain.from_unit(unit) for (name, domain), unit in pairs})


def is_possible(candidate):
    shape = candidate.architecture
    return candidate.recipe.patch % shape.total_stride == 0 and candidate.recipe.patch >= shape.smallest_extent


def is_inside(space, candidate):
    return all(space.domains[name].contains(value) for name, value in candidate.as_dict().items())


def test_the_dimensions_are_the_annotated_fields():
    fields = [item.name for part in (Architecture, Recipe) for item in dataclasses.fields(part)]
    assert list(DIMENSIONS) == fields
    assert all(DIMENSIONS[name].contains(value) for name, value in Candidate().as_dict().items())


@given(spaces, places)
def test_decoding_gives_a_possible_candidate_inside_the_space(space, place):
    candidate = decode(space, place)
    assert is_inside(space, candidate)
    assert is_possible(candidate)


@given(spaces, places)
def test_encoding_and_decoding_is_a_round_trip(space, place):
    candidate = decode(space, place)
    unit = space.encode(candidate)
    assert unit.shape == (len(space.searched),)
    assert ((unit >= 0) & (unit <= 1)).all()
    assert space.decode(unit) == candidate


@given(spaces, places)
def test_repairing_twice_changes_nothing(space, place):
    repaired = space.repair(draw_raw(space, place))
    assert is_possible(repaired)
    assert is_inside(space, repaired)
    assert space.repair(repaired) == repaired


@given(spaces_of_one_family, places)
def test_repair_moves_patch_and_depth_and_what_a_network_of_that_depth_does_not_hear(space, place):
    raw = draw_raw(space, place)
    repaired = space.repair(raw)
    wanted = raw.as_dict() | {"patch": repaired.recipe.patch, "depth": repaired.architecture.depth}
    assert repaired == space.canonical(Candidate.from_dict(wanted))
    if is_possible(raw):
        assert repaired == space.canonical(raw)


def test_a_patch_that_does_not_fit_moves_to_the_nearest_that_does():
    candidate = Candidate(Architecture(depth=4), Recipe(patch=80))
    assert SearchSpace().repair(candidate) == candidate
    assert SearchSpace().repair(Candidate(Architecture(depth=6), Recipe(patch=48))).recipe.patch == 128
    assert SearchSpace().repair(Candidate(Architecture(depth=5), Recipe(patch=32))).recipe.patch == 64


def test_the_depth_moves_when_no_patch_fits():
    space = SearchSpace({"patch": 32})
    repaired = space.repair(Candidate(Architecture(depth=6), Recipe(patch=32)))
    assert (repaired.architecture.depth, repaired.recipe.patch) == (4, 32)


def test_the_family_moves_when_neither_patch_nor_depth_fits():
    space = SearchSpace({"patch": 48, "family": ["dynunet", "swin_unetr"]}, "core")
    for family in ("dynunet", "swin_unetr"):
        repaired = space.repair(Candidate(Architecture(family=family, depth=2), Recipe(patch=48)))
        assert (repaired.architecture.family, repaired.architecture.depth) == ("dynunet", 3)


@pytest.mark.parametrize("wishes", SPACES.values(), ids=SPACES)
def test_the_default_lies_inside(wishes):
    space = SearchSpace(*wishes)
    assert is_inside(space, space.default())
    assert is_possible(space.default())


@pytest.mark.parametrize("preset", PRESETS)
def test_the_default_of_a_preset_is_the_declared_one(preset):
    assert SearchSpace({}, preset).default() == Candidate()


def test_the_default_moves_to_the_nearest_end_of_a_narrowed_dimension():
    space = SearchSpace({"depth": [2, 3], "learning_rate": [0.05, 0.1], "foreground_ratio": [0.0, 0.2]})
    default = space.default()
    assert default.architecture.depth == 3
    assert default.recipe.learning_rate == 0.05
    assert default.recipe.foreground_ratio == 0.2


def test_an_unknown_dimension_is_refused_with_the_nearest_and_all_known():
    with pytest.raises(
        ValueError, match=r"unknown dimension 'dept'; did you mean 'depth'\? known: skip, depth"
    ) as error:
        SearchSpace({"dept": 3})
    assert all(name in str(error.value) for name in DIMENSIONS)
    with pytest.raises(ValueError, match="unknown dimension 'dept'"):
        Candidate.from_dict({"dept": 3})


@pytest.mark.parametrize(
    ("name", "wish", "message"),
    [
        ("depth", 9, r"dimension 'depth' must lie in 2\.\.6, got 9"),
        ("width", 5, r"dimension 'width' must lie in 4\.\.64 in steps of 4, got 5"),
        ("skip", "gate", r"dimension 'skip' must be one of none, concatenation, .*got 'gate'"),
        ("foreground_ratio", [0.1, 0.2, 0.3], r"dimension 'foreground_ratio' needs one value or \[low, high\]"),
    ],
)
def test_a_value_out_of_range_is_refused_with_the_range(name, wish, message):
    with pytest.raises(ValueError, match=message):
        SearchSpace({name: wish})


def test_a_space_without_a_possible_network_is_refused():
    with pytest.raises(ValueError, match=r"'patch' must leave 4 pixels .* got patch 32\.\.32 .*with depth 6\.\.6"):
        SearchSpace({"patch": 32, "depth": 6})


def test_a_candidate_outside_is_not_encoded():
    with pytest.raises(ValueError, match=r"dimension 'depth' must lie in 2\.\.3, got 4"):
        SearchSpace({"depth": [2, 3]}).encode(Candidate())


def test_all_candidates_of_a_finite_space_are_listed_once():
    pins = {"foreground_ratio": 0.5, "learning_rate": 0.01, "skip": "none", "attention": "none", "augmentation": "none"}
    pins["mirroring"] = "off"
    space = SearchSpace({**pins, "width": 8, "depth": [5, 6], "patch": [64, 96]})
    found = list(space.enumerate())
    shapes = {(candidate.architecture.depth, candidate.recipe.patch) for candidate in found}
    assert shapes == {(5, 64), (5, 80), (5, 96)}
    assert len(found) == len(set(found)) <= space.num_candidates == 6


def test_a_continuous_space_is_not_listed():
    assert SearchSpace().num_candidates == math.inf
    with pytest.raises(ValueError, match="continuous"):
        next(SearchSpace().enumerate())


@given(st.integers(0, 2**32 - 1))
def test_equal_generators_sample_equal_candidates(seed):
    space = SearchSpace()
    first, second = (space.sample(np.random.default_rng(seed)) for _ in range(2))
    assert first == second
    assert is_inside(space, first)


@given(spaces, places)
def test_a_candidate_survives_its_dictionary(space, place):
    candidate = decode(space, place)
    assert Candidate.from_dict(candidate.as_dict()) == candidate


def test_every_dimension_changes_the_short_hash():
    default = Candidate()
    hashes = {default.short_hash}
    for name, domain in DIMENSIONS.items():
        value = domain.neighbours(default.as_dict()[name])[0]
        hashes.add(Candidate.from_dict({name: value}).short_hash)
    assert len(hashes) == 1 + len(DIMENSIONS)


def test_a_dimension_that_comes_later_changes_no_hash_of_before():
    told = {"skip": "addition", "depth": 3, "width": 8, "attention": "cbam", "patch": 64, "foreground_ratio": 0.25}
    told |= {"augmentation": "none", "learning_rate": 0.02}
    assert (
        Candidate.from_dict(told).short_hash
        == hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
    )


def test_the_short_hash_is_the_same_in_every_process():
    code = "from paretoseg.spaces.search_space import Candidate; print(Candidate().short_hash)"
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert hashes == {Candidate().short_hash}
    assert len(Candidate().short_hash) == 8


def test_a_candidate_from_another_process_is_found_again():
    """Strings hash differently in every process, so the hash that a candidate keeps must not travel with it."""
    code = (
        "import pickle, sys; from paretoseg.spaces.search_space import SearchSpace; one = SearchSpace().default(); "
        "hash(one); sys.stdout.buffer.write(pickle.dumps(one))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    content = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True).stdout
    sent = pickle.loads(content)
    assert {sent: "found"}[SearchSpace().default()] == "found"
    assert hash(copy.copy(sent)) == hash(sent) == hash(SearchSpace().default())
    assert "_hash" not in pickle.loads(pickle.dumps(sent)).__dict__
