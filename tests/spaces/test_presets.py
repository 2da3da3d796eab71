"""A preset says what is searched, and what a user names is searched as named."""

import pytest

from paretoseg.spaces.presets import CORE, PRESETS
from paretoseg.spaces.search_space import DIMENSIONS, OPENED, Candidate, SearchSpace


def is_open(space, name):
    return space.domains[name] == DIMENSIONS[name]


@pytest.mark.parametrize(("preset", "names"), PRESETS.items())
def test_a_preset_opens_its_dimensions_and_pins_the_others(preset, names):
    space, defaults = SearchSpace({}, preset), Candidate().as_dict()
    assert set(space.searched) == names
    for name, domain in space.domains.items():
        if name in names:
            assert domain == OPENED[name]
        else:
            assert domain == DIMENSIONS[name].restrict(defaults[name])


def test_every_preset_searches_every_kind_of_augmentation():
    for preset in PRESETS:
        assert is_open(SearchSpace({}, preset), "augmentation")


def test_the_presets_grow_from_the_core_to_everything():
    assert all(PRESETS["core"] < names <= PRESETS["full"] for name, names in PRESETS.items() if name != "core")
    assert set(CORE) == PRESETS["core"]
    assert PRESETS["full"] == set(DIMENSIONS) - {"training"}
    assert "family" not in PRESETS["architecture"]


def test_a_named_dimension_is_searched_as_named_whatever_the_preset():
    space = SearchSpace({"block": ["plain", "residual"], "norm": "batch", "kernel": "all"}, "core")
    assert list(space.searched) == [name for name in DIMENSIONS if name in {*CORE, "block", "norm", "kernel"}]
    assert space.domains["block"].options == ("plain", "residual")
    assert space.domains["norm"].options == ("batch",)
    assert is_open(space, "kernel")
    assert not is_open(space, "activation")


def test_a_switch_that_yaml_reads_as_a_truth_value_is_understood():
    assert SearchSpace({"skip_level_1": False}).domains["skip_level_1"].options == ("off",)
    assert is_open(SearchSpace({"deep_supervision": [False, True]}), "deep_supervision")


def test_an_unknown_preset_is_refused_with_the_nearest_and_all_known():
    message = (
        "unknown space.preset 'families_'; did you mean 'families'.*known: core, architecture, recipe, families, full"
    )
    with pytest.raises(ValueError, match=message):
        SearchSpace({}, "families_")


def test_no_preset_searches_what_a_baseline_has_but_a_name_opens_it():
    assert OPENED["family"].options == DIMENSIONS["family"].options[:-2]
    assert SearchSpace({"family": "all"}).domains["family"] == OPENED["family"]
    space = SearchSpace({"family": ["composable", "nnunet"], "training": "all", "patch": [32, 64]}, "full")
    assert space.domains["family"].options == ("composable", "nnunet")
    one, other = (
        space.complete({"family": "nnunet", "training": "nnunet", "patch": patch, "depth": depth, "loss": loss})
        for patch, depth, loss in ((32, 3, "dice"), (64, 6, "tversky"))
    )
    assert one == other
