"""Records keep their conventions, and say what breaks them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from paretoseg.trainables.data.datasets import Case, Dataset, describe_shift_sets, describe_small_cases, load_once
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.seeds import derive_seed
from paretoseg.trainables.trainable import Split


def build_case(name: str, split: str, subject: str = "", label: int = 1, channels: int = 1) -> Case:
    image = np.zeros((channels, 4, 4), dtype=np.float32)
    return Case(name, "here", subject or name, split, image, np.full((4, 4), label, dtype=np.uint8))


def build_dataset(*cases: Case, channels: int = 1) -> Dataset:
    splits = {split: [case for case in cases if case.split == split] for split in ("train", "validation", "test")}
    return Dataset("d", **splits, spacing_mm=(1.0, 1.0), num_channels=channels, class_names=("background", "organ"))


def test_a_proper_dataset_gives_its_cases_by_split() -> None:
    dataset = build_dataset(build_case("a", "train"), build_case("b", "validation"), build_case("c", "test"))
    assert [case.name for case in dataset.cases(Split.VALIDATION)] == ["b"]
    assert [case.name for case in dataset.cases(Split.TEST)] == ["c"]
    assert (dataset.num_classes, dataset.spatial_dims) == (2, 2)


def test_a_subject_in_two_splits_is_refused() -> None:
    with pytest.raises(ValueError, match="subject 's' must be in one split, got train, test"):
        build_dataset(build_case("a", "train", "s"), build_case("b", "validation"), build_case("c", "test", "s"))


def test_all_findings_come_in_one_message() -> None:
    with pytest.raises(ValueError, match="'test' must have at least one") as caught:
        build_dataset(build_case("a", "train"), build_case("a", "validation", "t", label=7))
    assert "got 'a' 2 times" in str(caught.value)
    assert "has label 7, known: 0..1" in str(caught.value)


@pytest.mark.parametrize("names", [("background", "mean"), ("organ", "organ")])
def test_class_names_that_rows_could_not_tell_apart_are_refused(names: tuple[str, str]) -> None:
    dataset = build_dataset(build_case("a", "train"), build_case("b", "validation"), build_case("c", "test"))
    with pytest.raises(ValueError, match="class names must be distinct and none of them 'mean', got"):
        dataclasses.replace(dataset, class_names=names)


def test_a_case_with_other_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="'c' must have 1 channels"):
        build_dataset(build_case("a", "train"), build_case("b", "validation"), build_case("c", "test", channels=2))


def test_a_case_listed_in_the_wrong_split_is_refused() -> None:
    train, validation, test = (build_case(split, split) for split in ("train", "validation", "test"))
    with pytest.raises(ValueError, match="says split 'test' but is listed in 'train'"):
        Dataset("d", [train, test], [validation], [build_case("t", "test")], (1.0, 1.0), 1, ("background", "organ"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": np.full((1, 4, 4), 2.0, dtype=np.float32)}, r"must lie in \[0, 1\], got 2..2"),
        ({"image": np.full((1, 4, 4), np.nan, dtype=np.float32)}, r"must lie in \[0, 1\]"),
        ({"label": np.zeros((5, 4), dtype=np.uint8)}, "must share their spatial axes"),
    ],
)
def test_a_case_that_breaks_the_conventions_is_refused(change: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=f"case 'a'.*{message}"):
        dataclasses.replace(build_case("a", "train"), **change)


def test_shift_sets_are_measured_by_split_and_never_trained_on() -> None:
    splits = [build_case(split, split) for split in ("train", "validation", "test")]
    chosen, tested = build_case("s", "validation"), build_case("t", "test")
    dataset = dataclasses.replace(build_dataset(*splits), shift={"there": [chosen, tested]})
    assert dataset.shift_cases(Split.VALIDATION) == {"there": (chosen,)}
    assert dataset.shift_cases(Split.TEST) == {"there": (tested,)}
    assert dataset.cases(Split.TEST) == splits[2:]
    assert dataset.all_cases == (*splits, chosen, tested)
    assert describe_shift_sets(dataset) == ["shift set 'there': 1 validation and 1 test cases, none in training"]


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ([build_case("s", "validation")], "shift set 'there' must have at least one test case, got none"),
        ([], "shift set 'there' must have at least one validation case, got none"),
        ([build_case("s", "train")], "case 's' of shift set 'there' must be in validation or test, got 'train'"),
        ([build_case("s", "test", "train")], "subject 'train' must be in one split, got train, test"),
    ],
)
def test_a_shift_set_that_trains_or_cannot_be_measured_is_refused(cases: list[Case], message: str) -> None:
    dataset = build_dataset(*(build_case(split, split) for split in ("train", "validation", "test")))
    with pytest.raises(ValueError, match=r"shift set|subject") as caught:
        dataclasses.replace(dataset, shift={"there": cases})
    assert message in str(caught.value)


def test_small_images_are_counted_and_named() -> None:
    dataset = build_dataset(*(build_case(split, split) for split in ("train", "validation", "test")))
    assert describe_small_cases(dataset, 4) == []
    (line,) = describe_small_cases(dataset, 8)
    assert line == (
        "3 of 3 images are smaller than the largest patch (8) and are padded with zeros: train, validation, test"
    )


def test_composed_data_has_hashes_of_what_it_holds() -> None:
    first, other = (
        TexturesConfig(image_size=32, num_train=1, num_validation=1, num_test=1, seed=seed).split_rows()
        for seed in (0, 1)
    )
    assert [(row.case, row.split) for row in first] == [(row.case, row.split) for row in other]
    assert all(mine.image_sha256 != yours.image_sha256 for mine, yours in zip(first, other, strict=True))
    assert all(len(row.label_sha256) == 64 for row in first)


def test_equal_configs_share_one_loaded_dataset() -> None:
    first = load_once(TexturesConfig(image_size=32, num_train=2, num_validation=1, num_test=1))
    assert load_once(TexturesConfig(image_size=32, num_train=2, num_validation=1, num_test=1)) is first
    assert load_once(TexturesConfig(image_size=32, num_train=2, num_validation=1, num_test=2)) is not first


def test_derived_seeds_are_pinned_and_depend_on_order() -> None:
    assert derive_seed("weights", 1, "head") == derive_seed("weights", 1, "head")
    assert derive_seed("a", "b") != derive_seed("b", "a")
    assert derive_seed("a") == PINNED
    assert 0 <= derive_seed("a") < 2**63


PINNED = 529978260370350907
"""Written down: every process and every machine must derive the same."""
