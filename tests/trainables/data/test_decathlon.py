"""Lists in `dataset.json`: what is taken from them, and every mistake in them by name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paretoseg.trainables.data.decathlon import DecathlonConfig, count_declared_channels, read_class_names
from tests.trainables.data_files import (
    draw_mask,
    draw_picture,
    write_list,
    write_picture,
    write_pictures,
    write_volumes,
)


def config_of(tmp_path: Path, **changes: Any) -> DecathlonConfig:
    return DecathlonConfig(root=str(tmp_path / "data"), cache=str(tmp_path / "cache"), **changes)


def test_volumes_become_a_dataset(tmp_path: Path) -> None:
    write_volumes(tmp_path / "data", 5)
    config = config_of(tmp_path)
    assert config.findings() == []
    dataset = config.load()
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (3, 1, 1)
    assert (dataset.name, dataset.spatial_dims, dataset.num_channels) == ("mine", 3, 1)
    assert dataset.class_names == ("background", "organ")
    assert {case.name for case in dataset.all_cases} == {f"v{number}" for number in range(5)}
    assert {case.label.sum() for case in dataset.all_cases} == {draw_mask((8, 10, 12)).sum()}


def test_subject_domain_and_split_are_taken_from_the_list(tmp_path: Path) -> None:
    splits = ["test", "train", "validation", "train", "test"]
    write_pictures(tmp_path / "data", 5, subject=["a", "b", "c", "b", "a"], domain=["x", "y"] * 2 + ["x"], split=splits)
    dataset = config_of(tmp_path).load()
    assert [case.name for case in dataset.train] == ["c1", "c3"]
    assert [(case.name, case.subject, case.domain) for case in dataset.test] == [("c0", "a", "x"), ("c4", "a", "x")]


def test_labelled_cases_under_test_are_the_test_split_and_bare_images_are_left_out(tmp_path: Path) -> None:
    cases = write_pictures(tmp_path / "data", 5)
    write_list(tmp_path / "data", cases[:4], test=[cases[4]])
    dataset = config_of(tmp_path).load()
    assert [case.name for case in dataset.test] == ["c4"]
    write_list(tmp_path / "data", cases, test=["./images/c4.png"])
    assert len(config_of(tmp_path).load().all_cases) == 5


def test_names_that_clash_keep_their_folders(tmp_path: Path) -> None:
    root, cases = tmp_path / "data", []
    for number in range(3):
        write_picture(root / f"s{number}" / "image.png", draw_picture(number))
        write_picture(root / f"s{number}" / "mask.png", draw_mask())
        cases.append({"image": f"s{number}/image.png", "label": f"s{number}/mask.png"})
    write_list(root, cases)
    assert {case.name for case in config_of(tmp_path).load().all_cases} == {f"s{number}/image" for number in range(3)}


def test_a_pattern_finds_subjects_in_names(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", 5)
    dataset = config_of(tmp_path, subject_pattern=r"c([0-9])").load()
    assert {case.subject for case in dataset.all_cases} == set("01234")


@pytest.mark.parametrize(
    ("modality", "channels"),
    [
        ({"0": "MRI"}, 1),
        ({"0": "T1", "1": "T2"}, 2),
        ({"0": "light microscopy RGB"}, 3),
        (["FLAIR"], 1),
        (None, 0),
    ],
)
def test_modalities_declare_channels(modality: object, channels: int) -> None:
    assert count_declared_channels(modality) == channels


def test_labels_may_map_numbers_to_names_or_names_to_numbers(tmp_path: Path) -> None:
    assert read_class_names({"1": "a", "0": "b"}, tmp_path) == ("b", "a")
    assert read_class_names({"b": 0, "a": 1}, tmp_path) == ("b", "a")


@pytest.mark.parametrize("labels", [{"0": "b", "2": "a"}, {"0": "b"}, [], {"b": 0, "a": [1, 2]}])
def test_labels_with_gaps_are_refused(labels: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without gaps"):
        read_class_names(labels, tmp_path)


def change_list(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return apply


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "dataset.json' is missing; put it there, or take data=folder"),
        (lambda path: path.write_text("{"), "cannot be read as JSON"),
        (lambda path: path.write_text("[]"), "must hold an object with labels and training, got a list"),
        (change_list(lambda content: content.pop("labels")), "lacks labels; found: name, modality, training"),
        (change_list(lambda content: content.update(training=[])), "training must be a list of cases"),
        (change_list(lambda content: content.update(training=["a"])), "training[0] must be an object with image"),
        (change_list(lambda content: content["training"][1].pop("label")), "training[1] must name its label"),
        (
            change_list(lambda content: content["training"][1].update(image="../../c.png")),
            "'../../c.png' leads out of data.root",
        ),
        (change_list(lambda content: content["training"][1].update(image="/etc/c.png")), "leads out of data.root"),
        (change_list(lambda content: content["training"][1].update(split="tset")), "did you mean 'test'?"),
    ],
)
def test_every_mistake_in_the_list_is_named(tmp_path: Path, spoil: Callable[[Path], object], message: str) -> None:
    write_pictures(tmp_path / "data", 5)
    spoil(tmp_path / "data" / "dataset.json")
    assert message in "\n".join(config_of(tmp_path).findings())
    with pytest.raises(ValueError, match="dataset"):
        config_of(tmp_path).load()


def test_grey_pictures_in_a_set_of_colour_are_repeated(tmp_path: Path) -> None:
    cases = write_pictures(tmp_path / "data", 5)
    write_list(tmp_path / "data", cases, modality={"0": "RGB"})
    dataset = config_of(tmp_path).load()
    assert dataset.num_channels == 3
    assert np.array_equal(dataset.train[0].image[0], dataset.train[0].image[2])


def test_checking_and_loading_files_imports_no_torch(tmp_path: Path) -> None:
    write_volumes(tmp_path / "data")
    code = (
        "import sys; from paretoseg.trainables.data.decathlon import DecathlonConfig\n"
        f"config = DecathlonConfig(root={str(tmp_path / 'data')!r}, cache={str(tmp_path / 'cache')!r})\n"
        "assert config.findings() == [] and config.load() and config.split_rows()\n"
        "assert not {'torch', 'monai'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
