"""Two genomes of one network become equal, by hand; that the network stays the same is tested where it is built."""

import dataclasses

import pytest

from paretoseg.spaces.architecture import NUM_SKIP_LEVELS, Architecture
from paretoseg.spaces.canonical import FAMILY_DIMENSIONS, FAMILY_ONLY, FAMILY_OPTIONS
from paretoseg.spaces.search_space import DIMENSIONS, Candidate, SearchSpace

FULL = SearchSpace({}, "full")
OFF = {f"skip_level_{level}": "off" for level in range(1, NUM_SKIP_LEVELS + 1)}


def settle(space=FULL, **values):
    found = space.canonical(Candidate.from_dict(values)).as_dict()
    return {name: value for name, value in found.items() if value != Candidate().as_dict()[name]}


@pytest.mark.parametrize(
    ("genome", "network"),
    [
        ({"depth": 3, "skip_level_3": "off", "skip_level_5": "off"}, {"depth": 3}),
        ({"depth": 3, "skip_level_2": "off"}, {"depth": 3, "skip_level_2": "off"}),
        ({"skip": "none", "skip_level_1": "off"}, {"skip": "none"}),
        ({"skip": "addition", **OFF}, {"skip": "none"}),
        ({"depth": 2, "skip": "addition", "skip_level_1": "off"}, {"depth": 2, "skip": "none"}),
        ({"skip": "dense"}, {"skip": "dense"}),
        ({"depth": 2, "skip": "dense"}, {"depth": 2}),
        ({"depth": 3, "skip": "dense", "skip_level_1": "off"}, {"depth": 3, "skip_level_1": "off"}),
        ({"depth": 2, "deep_supervision": "on"}, {"depth": 2}),
        ({"bias": "on", "head": "wide"}, {}),
        ({"family": "unet", "skip": "dense", "skip_level_1": "off"}, {"family": "unet"}),
        ({"family": "unet", "skip": "none", "blocks": 3}, {"family": "unet", "skip": "none"}),
        ({"family": "unet", "block": "residual", "blocks": 3}, {"family": "unet", "block": "residual", "blocks": 3}),
        ({"family": "vnet", "depth": 2, "width": 4, "norm": "group"}, {"family": "vnet", "skip": "addition"}),
        ({"family": "swin_unetr", "dropout": 0.1, "attention": "cbam"}, {"family": "swin_unetr", "dropout": 0.1}),
    ],
)
def test_what_a_network_does_not_use_is_at_rest(genome, network):
    assert settle(**genome) == network


def test_an_option_that_stands_for_another_stays_inside_the_space():
    space = SearchSpace({"skip": ["attention_gate", "dense"]}, "full")
    assert settle(space, skip="dense", **OFF)["skip"] == settle(space, skip="attention_gate", **OFF)["skip"]
    assert settle(space, skip="dense", depth=2)["skip"] == "dense"
    assert {settle(space, family="vnet", skip=skip)["skip"] for skip in ("attention_gate", "dense")} == {
        "attention_gate"
    }


def test_every_dimension_of_the_architecture_is_heard_by_a_family():
    names = {field.name for field in dataclasses.fields(Architecture)} - {"family"}
    assert set().union(*FAMILY_DIMENSIONS.values()) == names
    assert set(FAMILY_DIMENSIONS["composable"]) == names - set(FAMILY_ONLY)
    assert tuple(FAMILY_DIMENSIONS) == DIMENSIONS["family"].options


def test_the_options_of_families_are_options_of_dimensions_that_they_hear():
    for family, known in FAMILY_OPTIONS.items():
        for name, options in known.items():
            assert name in FAMILY_DIMENSIONS[family]
            assert set(options) < set(DIMENSIONS[name].options)


def test_the_strides_of_families_are_known():
    assert Architecture(depth=5).total_stride == 16
    assert Architecture(depth=5).smallest_extent == 64
    fixed = {family: Architecture(family=family, depth=2).total_stride for family in ("vnet", "unetr", "swin_unetr")}
    assert fixed == {"vnet": 16, "unetr": 16, "swin_unetr": 32}


def test_the_mask_of_the_skips_has_a_place_a_level():
    assert Architecture(depth=4, skip_level_2="off", skip_level_5="off").skip_levels == (True, False, True)
    assert Architecture(depth=3, skip="none").skip_levels == (False, False)
