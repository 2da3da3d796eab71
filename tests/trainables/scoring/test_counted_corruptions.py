"""Which corruptions count: the same for every trial, and never nothing."""

from __future__ import annotations

import pytest

from paretoseg.spaces.exposure import find_exposure
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.scoring.counted_corruptions import (
    TrainedCorruptions,
    check_something_counts,
    describe_simulated_sets,
    describe_uncounted,
    find_uncounted,
)
from paretoseg.trainables.scoring.objectives import RobustnessOver

EXCLUDE, INCLUDE = TrainedCorruptions.exclude, TrainedCorruptions.include
BATTERY = ("gaussian_noise", "contrast_down", "bias_field")


@pytest.mark.parametrize(
    ("restrictions", "families"),
    [
        ({"augmentation": "none"}, set()),
        ({"augmentation": ["none", "spatial"]}, {"rotation", "scaling"}),
        ({"augmentation": "intensity"}, {"contrast", "brightness", "gamma"}),
        ({"augmentation": "noise_blur"}, {"noise", "blur"}),
        ({"augmentation": ["none", "noise_blur"], "augmentation_strength": 0.0}, set()),
        ({"augmentation": "noise_blur", "augmentation_strength": [0.0, 0.1]}, {"noise", "blur"}),
    ],
)
def test_a_space_is_exposed_to_what_any_of_its_candidates_meets(
    restrictions: dict[str, object], families: set[str]
) -> None:
    assert find_exposure(SearchSpace({"mirroring": "off", **restrictions})) == families
    assert find_exposure(SearchSpace({"mirroring": ["off", "on"], **restrictions})) == families | {"mirroring"}


def test_what_training_may_show_does_not_count_if_that_is_asked_for() -> None:
    exposure = {"contrast", "noise"}
    assert find_uncounted(BATTERY, exposure, EXCLUDE) == {
        "gaussian_noise": "training may show noise",
        "contrast_down": "training may show contrast",
    }
    assert find_uncounted(BATTERY, exposure, INCLUDE) == {}
    assert find_uncounted(BATTERY, (), EXCLUDE) == {}
    assert find_uncounted(["no_such_corruption"], exposure, EXCLUDE) == {}


def test_a_corruption_that_leaks_the_label_never_counts() -> None:
    for trained in TrainedCorruptions:
        assert find_uncounted(["legacy_leaking_blur"], (), trained) == {
            "legacy_leaking_blur": "it gives the reference away"
        }


def test_a_note_says_what_does_not_count_and_why() -> None:
    notes = describe_uncounted(BATTERY, {"contrast", "noise"}, EXCLUDE)
    assert notes == [
        "measured and shown, but not counted towards robustness: gaussian_noise, because training may show noise",
        "measured and shown, but not counted towards robustness: contrast_down, because training may show contrast",
    ]
    assert describe_uncounted(BATTERY, {"contrast", "noise"}, INCLUDE) == []
    assert describe_uncounted(BATTERY, (), EXCLUDE) == []


def test_a_note_says_if_simulated_sites_differ_by_what_training_shows() -> None:
    made_of, sets = {"gamma", "noise"}, ("site_c", "site_d")
    [note] = describe_simulated_sets(made_of, {"noise", "blur"}, RobustnessOver.all, sets=sets)
    assert note.startswith("shift sets site_c, site_d are simulated; training may show noise, of which they are made")
    assert "task.robustness_over=corruptions" in note
    assert describe_simulated_sets(made_of, {"blur"}, RobustnessOver.all, sets=sets) == []
    assert describe_simulated_sets(made_of, {"noise"}, RobustnessOver.corruptions, sets=sets) == []
    assert describe_simulated_sets(made_of, {"noise"}, RobustnessOver.shifts, sets=()) == []
    assert describe_simulated_sets((), {"noise"}, RobustnessOver.all, sets=sets) == []


def find(corruptions: tuple[str, ...], exposure: set[str], over: str = "all", *, has_shift: bool = False) -> list[str]:
    uncounted = find_uncounted(corruptions, exposure, EXCLUDE)
    return check_something_counts(uncounted, corruptions, RobustnessOver(over), has_shift=has_shift)


def test_a_battery_of_which_nothing_counts_is_refused_with_the_ways_out() -> None:
    [finding] = find(("gaussian_noise", "gaussian_blur"), {"noise", "blur"})
    assert "gaussian_noise: training may show noise; gaussian_blur: training may show blur" in finding
    assert "space.augmentation=[none,spatial,intensity,spatial_intensity]" in finding
    assert "task.trained_corruptions=include" in finding
    assert "data.shift" in finding
    named = finding.split("other families (")[1].split(",")[0]
    assert find(("gaussian_noise", named), {"noise", "blur"}) == []


def test_shift_sets_are_enough_if_they_count() -> None:
    assert find(("gaussian_noise",), {"noise"}, has_shift=True) == []
    assert find((), set(), has_shift=True) == []
    assert find((), set(), "shifts", has_shift=True) == []
    assert len(find(("gaussian_noise",), {"noise"}, "corruptions", has_shift=True)) == 1
    assert "must name at least one corruption" in find((), set())[0]
    assert "task.robustness_over=shifts needs shift sets" in find(BATTERY, set(), "shifts")[0]
