"""What is held out follows from the opened kinds of augmentation and what they gain."""

from __future__ import annotations

import pytest

from paretoseg.spaces.exposure import find_exposure
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.transfer.kinds import KINDS, build_candidate, find_opened
from paretoseg.trainables.transfer.verdict import TransferVerdict, judge

BATTERY = ("motion", "gibbs_ringing", "occlusion")
BOUNDS = {
    "spatial": {"motion": 0.4, "gibbs_ringing": -1.0},
    "noise_blur": {"motion": 0.99, "gibbs_ringing": 6.0, "occlusion": 1.0},
}


@pytest.mark.parametrize(
    ("kinds", "held_out", "trained", "unknown"),
    [
        ((), BATTERY, (), ()),
        (("spatial",), ("motion", "gibbs_ringing"), (), ("occlusion",)),
        (("noise_blur",), ("motion",), ("gibbs_ringing", "occlusion"), ()),
        (("spatial", "noise_blur"), ("motion",), ("gibbs_ringing", "occlusion"), ()),
        (("mirroring",), (), (), BATTERY),
        (("noise_blur", "mirroring"), (), ("gibbs_ringing", "occlusion"), ("motion",)),
    ],
)
def test_a_corruption_is_held_out_if_every_opened_kind_surely_gains_under_a_point(
    kinds: tuple[str, ...], held_out: tuple[str, ...], trained: tuple[str, ...], unknown: tuple[str, ...]
) -> None:
    assert judge(BATTERY, kinds, BOUNDS) == TransferVerdict(held_out, trained, unknown)


def test_a_verdict_is_told_in_a_line_for_each_part() -> None:
    kinds = ("noise_blur", "mirroring")
    lines = judge(BATTERY, kinds, {**BOUNDS, "mirroring": {"motion": 0.0}}).describe(kinds)
    assert lines == [
        "held out: motion (augmentation by noise_blur, mirroring gains under 1 Dice point)",
        "trained: gibbs_ringing, occlusion (augmentation by noise_blur, mirroring may help against these)",
    ]
    assert judge(("motion",), (), {}).describe(()) == ["held out: motion (training shows no changes of images)"]
    [unknown] = judge(("motion",), ("spatial",), {}).describe(("spatial",))
    assert unknown.startswith("not known to be held out: motion; `paretoseg transfer data=...` measures")
    assert judge((), ("spatial",), {}).describe(("spatial",)) == []


@pytest.mark.parametrize(
    ("restrictions", "kinds"),
    [
        ({}, KINDS),
        ({"augmentation": "none", "mirroring": "off"}, ()),
        ({"augmentation": ["none", "spatial_noise_blur"], "mirroring": "off"}, ("spatial", "noise_blur")),
        ({"augmentation": "intensity", "mirroring": "on"}, ("intensity", "mirroring")),
        ({"augmentation": "all", "augmentation_strength": 0.0}, ("mirroring",)),
    ],
)
def test_the_opened_kinds_are_those_that_some_candidate_trains_with(
    restrictions: dict[str, object], kinds: tuple[str, ...]
) -> None:
    assert find_opened(find_exposure(SearchSpace(restrictions))) == kinds


def test_the_networks_of_a_matrix_differ_in_nothing_but_their_augmentation() -> None:
    without = build_candidate("none").as_dict()
    assert (without["augmentation"], without["mirroring"]) == ("none", "off")
    for kind in KINDS:
        changed = {name for name, value in build_candidate(kind).as_dict().items() if value != without[name]}
        assert changed == ({"mirroring"} if kind == "mirroring" else {"augmentation"})
