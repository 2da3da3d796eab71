"""The table of strengths: complete and rising, and a corruption that leaks the label is named."""

from __future__ import annotations

import math

import pytest

from paretoseg.trainables.severities.levels import (
    LEVELS,
    PRESETS,
    check_corruption,
    check_severity,
    default_strengths,
    describe_leaks,
    expand_corruptions,
    find_strength,
)


@pytest.mark.parametrize("name", LEVELS)
def test_strengths_rise_from_what_changes_nothing_to_what_still_makes_sense(name: str) -> None:
    levels = LEVELS[name]
    assert [levels.neutral, *levels.values] == sorted({levels.neutral, *levels.values})
    assert levels.values[-1] <= levels.strongest <= levels.limit < math.inf


def test_a_preset_stands_for_its_corruptions_and_nothing_comes_twice() -> None:
    expanded = expand_corruptions(["ct", "speckle_noise", "gaussian_noise", "ultrasound", "unheard_of"])
    assert expanded[: len(PRESETS["ct"])] == PRESETS["ct"]
    assert set(expanded) == {*PRESETS["ct"], *PRESETS["ultrasound"], "unheard_of"}
    assert len(set(expanded)) == len(expanded)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_hold_known_corruptions_that_leave_labels_alone(preset: str) -> None:
    assert preset not in LEVELS
    for name in PRESETS[preset]:
        assert not LEVELS[name].leaks_label
        assert not LEVELS[name].moves_labels


def test_only_the_legacy_blur_leaks_and_only_geometry_moves_labels() -> None:
    assert [name for name, levels in LEVELS.items() if levels.leaks_label] == ["legacy_leaking_blur"]
    moving = [name for name, levels in LEVELS.items() if levels.moves_labels]
    assert moving == ["elastic_deformation", "rotation", "scaling", "translation"]


def test_a_corruption_that_leaks_the_label_is_named() -> None:
    assert describe_leaks(["gaussian_blur", "legacy_speckle"]) == []
    [note] = describe_leaks(["gaussian_blur", "legacy_leaking_blur"])
    assert note.startswith("legacy_leaking_blur needs the reference mask")


def test_the_legacy_levels_are_severity_two_and_four() -> None:
    assert [LEVELS["legacy_speckle"].values[place] for place in (1, 3)] == [0.1, 0.3]
    assert [LEVELS["legacy_leaking_blur"].values[place] for place in (1, 3)] == [3.0, 7.0]


def test_a_strength_is_read_off_the_table_that_is_given() -> None:
    assert find_strength(default_strengths(), "gaussian_blur", 3) == LEVELS["gaussian_blur"].values[2]
    assert find_strength({"gaussian_blur": (1.0, 2.0, 3.0, 4.0, 5.0)}, "gaussian_blur", 5) == 5.0
    with pytest.raises(ValueError, match="the table of strengths has no 'motion', known: gaussian_blur"):
        find_strength({"gaussian_blur": (1.0, 2.0, 3.0, 4.0, 5.0)}, "motion", 5)


@pytest.mark.parametrize("severity", [-1, 0, 6])
def test_a_severity_outside_the_table_is_refused(severity: int) -> None:
    with pytest.raises(ValueError, match=rf"severity must lie in 1\.\.5, got {severity}"):
        check_severity(severity)
    with pytest.raises(ValueError, match=r"severity must lie in 1\.\.5"):
        find_strength(default_strengths(), "gaussian_blur", severity)


def test_unknown_names_are_refused_with_the_nearest_corruptions_and_presets() -> None:
    with pytest.raises(ValueError, match="did you mean 'gaussian_noise'") as refusal:
        check_corruption("gausian_noise")
    assert "presets: mri, ct" in str(refusal.value)
    with pytest.raises(ValueError, match="unknown corruption 'microscope'; did you mean 'microscopy'"):
        check_corruption("microscope")
    with pytest.raises(ValueError, match="unknown corruption 'zzz'; known: "):
        check_corruption("zzz")
