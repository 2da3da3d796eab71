"""Baselines are nnU-Net's networks with nnU-Net's recipe, and a scaled one says so."""

from __future__ import annotations

import pytest

from paretoseg.spaces.baselines import BASELINES, build_baseline, check_names, name_baseline
from paretoseg.spaces.exposure import find_exposure
from paretoseg.spaces.recipe import NNUNET
from paretoseg.spaces.search_space import SearchSpace


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_is_its_family_with_nnunets_recipe_and_is_canonical(name: str) -> None:
    candidate = build_baseline(name)
    assert (candidate.architecture.family, candidate.architecture.width) == (name, 32)
    assert candidate.recipe == NNUNET
    space = SearchSpace({"family": [name, "composable"], "training": "all", "width": "all"}, "full")
    assert space.contains(candidate)
    assert space.canonical(candidate) == candidate
    assert not SearchSpace({}, "full").contains(candidate)


def test_a_scaled_baseline_is_called_so() -> None:
    assert name_baseline(build_baseline("nnunet")) == "nnU-Net"
    assert name_baseline(build_baseline("nnunet", 12)) == "scaled nnU-Net"
    assert name_baseline(build_baseline("resenc", 8)) == "scaled nnU-Net ResEnc M"


def test_names_are_known_and_distinct() -> None:
    check_names(["resenc", "nnunet"])
    with pytest.raises(ValueError, match=r"unknown baseline 'nnunett'; did you mean 'nnunet'\? known: nnunet, resenc"):
        check_names(["nnunett"])
    with pytest.raises(ValueError, match="baselines must be distinct"):
        check_names(["nnunet", "nnunet"])


def test_what_a_baseline_sees_in_training_counts_as_seen() -> None:
    space = SearchSpace({"augmentation": "spatial", "mirroring": "off"})
    assert find_exposure(space) == {"rotation", "scaling"}
    assert {"noise", "blur", "mirroring"} <= find_exposure(space, [build_baseline("nnunet")])
