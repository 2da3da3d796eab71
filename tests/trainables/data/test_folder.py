"""Pairs of images/ and masks/: matched by name, folders are domains, and what has no partner is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paretoseg.trainables.data.folder import FolderConfig
from tests.trainables.data_files import draw_mask, draw_picture, write_picture


def config_of(tmp_path: Path, **changes: Any) -> FolderConfig:
    return FolderConfig(root=str(tmp_path / "data"), cache=str(tmp_path / "cache"), **changes)


def write_pairs(root: Path, names: list[str], ending: str = "png") -> None:
    for number, name in enumerate(names):
        write_picture(root / "images" / f"{name}.{ending}", draw_picture(number, (20, 30, 3)))
        write_picture(root / "masks" / f"{name}.png", draw_mask())


def test_pairs_are_matched_whatever_their_endings(tmp_path: Path) -> None:
    write_pairs(tmp_path / "data", ["a", "b", "c", "d"], ending="tif")
    config = config_of(tmp_path)
    assert config.findings() == []
    dataset = config.load()
    assert (dataset.num_channels, dataset.class_names) == (3, ("background", "foreground"))
    assert {case.name for case in dataset.all_cases} == set("abcd")
    assert all(np.array_equal(case.label, draw_mask()) for case in dataset.all_cases)


def test_folders_are_domains_and_can_be_held_out(tmp_path: Path) -> None:
    write_pairs(tmp_path / "data", ["x/a", "x/b", "x/c", "y/d", "y/e", "z/f", "z/g"])
    config = config_of(tmp_path, train_domains=["x"], shift=["z"])
    assert config.findings() == []
    dataset = config.load()
    assert {case.domain for case in (*dataset.train, *dataset.validation, *dataset.test)} == {"x"}
    assert [(name, [case.name for case in cases]) for name, cases in dataset.shift.items()] == [("z", ["f", "g"])]
    assert len(dataset.all_cases) == 5
    rows = {row.case: row for row in config_of(tmp_path, shift=["z"]).split_rows()}
    assert {rows["f"].split, rows["g"].split} == {"validation", "test"}
    assert [(name, row.shift) for name, row in rows.items() if row.shift] == [("f", "z"), ("g", "z")]
    assert len(rows) == 7


def test_a_domain_of_one_subject_cannot_be_a_shift_set(tmp_path: Path) -> None:
    write_pairs(tmp_path / "data", ["x/a", "x/b", "x/c", "z/f"])
    (finding,) = config_of(tmp_path, shift=["z"]).findings()
    assert finding.startswith("shift set 'z' must have at least one subject in validation, got none of 1")
    with pytest.raises(ValueError, match="shift set 'z' must have at least one subject"):
        config_of(tmp_path, shift=["z"]).load()


def test_an_unknown_domain_is_named_with_the_nearest(tmp_path: Path) -> None:
    write_pairs(tmp_path / "data", ["site1/a", "site1/b", "site1/c", "site2/d"])
    (finding,) = config_of(tmp_path, shift=["site3"]).findings()
    assert finding.startswith("data.shift: unknown shift set 'site3'; did you mean 'site")
    assert finding.endswith("known: site1, site2; besides: small_objects, large_objects, or a folder (a path with '/')")
    (finding,) = config_of(tmp_path, train_domains=["site3"]).findings()[:1]
    assert finding.startswith("data.train_domains: unknown domain 'site3'; did you mean 'site")


def test_files_without_partner_and_names_used_twice_are_found(tmp_path: Path) -> None:
    write_pairs(tmp_path / "data", ["a", "b", "c", "d"])
    (tmp_path / "data" / "masks" / "a.png").unlink()
    (tmp_path / "data" / "images" / "b.png").unlink()
    write_picture(tmp_path / "data" / "images" / "c.tif", draw_picture(0))
    report = "\n".join(config_of(tmp_path).findings())
    assert "images/a.png' has no partner of its name in masks/" in report
    assert "masks/b.png' has no partner of its name in images/" in report
    assert "images/c.tif' have the same name without the ending; keep one" in report


def test_missing_folders_and_odd_classes_are_found(tmp_path: Path) -> None:
    (tmp_path / "data" / "images").mkdir(parents=True)
    (finding,) = config_of(tmp_path).findings()
    assert "masks' must be a folder" in finding
    (tmp_path / "data" / "masks").mkdir()
    assert "holds no image" in config_of(tmp_path).findings()[0]
    assert "data.classes must be distinct" in config_of(tmp_path, classes=["a", "a"]).findings()[0]


def test_configs_with_lists_are_hashed_and_distinguished(tmp_path: Path) -> None:
    first, again, other = (config_of(tmp_path, shift=[name], spacing_mm=[1.0, 1.0]) for name in "aab")
    assert hash(first) == hash(again)
    assert first == again
    assert first != other


@pytest.mark.parametrize("root", ["~/data", "data"])
def test_a_root_means_the_same_in_every_working_directory(root: str) -> None:
    assert Path(FolderConfig(root=root).root).is_absolute()


@pytest.mark.parametrize(
    ("image", "mask", "pattern"),
    [
        ("{}_image", "{}_label", "(.+)(_image|_label)"),
        ("case{}", "case{}_mask", "(.+?)(_mask)?$"),
        ("img-{}", "gt-{}", "(?:img-|gt-)(.+)"),
        ("{}", "mask_{}", "^(?:mask_)?(.+)"),
    ],
)
def test_names_that_differ_by_more_than_the_ending_are_paired_by_the_pattern_that_is_suggested(
    tmp_path: Path, image: str, mask: str, pattern: str
) -> None:
    for number in range(1, 6):
        write_picture(tmp_path / "data" / "images" / f"{image.format(number)}.png", draw_picture(number))
        write_picture(tmp_path / "data" / "masks" / f"{mask.format(number)}.png", draw_mask())
    (finding,) = config_of(tmp_path).findings()
    assert finding.startswith("none of the 5 images has a mask of its name, such as '")
    assert f"add \"data.pair_pattern='{pattern}'\", which pairs all of them, or give them the same names" in finding
    config = config_of(tmp_path, pair_pattern=pattern)
    assert config.findings() == []
    assert len(config.load().all_cases) == 5


def test_a_pattern_keeps_domains_and_finds_names_that_it_makes_equal(tmp_path: Path) -> None:
    for name in ("x/1", "x/2", "y/1", "y/2"):
        write_picture(tmp_path / "data" / "images" / f"{name}_image.png", draw_picture(len(name)))
        write_picture(tmp_path / "data" / "masks" / f"{name}_label.png", draw_mask())
    listing = config_of(tmp_path, pair_pattern="(.+)_").list_cases()
    assert {(entry.name, entry.domain) for entry in listing.entries} == {
        ("x/1", "x"), ("x/2", "x"), ("y/1", "y"), ("y/2", "y"),
    }  # fmt: skip
    clash = "\n".join(config_of(tmp_path, pair_pattern="_(.+)").findings())
    assert "have the same name without the ending, by data.pair_pattern; keep one" in clash
    (finding,) = config_of(tmp_path, pair_pattern="(").findings()
    assert finding.startswith("data.pair_pattern must be a regular expression, got '(' (")


def test_masks_of_an_unknown_kind_are_named_once_and_not_as_missing(tmp_path: Path) -> None:
    write_pairs(tmp_path / "data", ["a", "b", "c", "d"])
    for name in "abcd":
        (tmp_path / "data" / "masks" / f"{name}.png").rename(tmp_path / "data" / "masks" / f"{name}.gif")
    (tmp_path / "data" / "masks" / "README.txt").write_text("masks")
    (finding,) = config_of(tmp_path).findings()
    assert "masks/a.gif' is of an unknown kind; convert it, as to PNG or NIfTI; known endings: .nii.gz," in finding
    assert finding.endswith("(the same for 3 more: b.gif, c.gif, d.gif)")


def test_stacks_among_pictures_are_named_by_kind_and_not_by_spacing(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    write_pairs(tmp_path / "data", ["a", "b", "c"], "tif")
    for folder in ("images", "masks"):
        tifffile.imwrite(tmp_path / "data" / folder / "d.tif", np.eye(16, dtype=np.uint8)[np.newaxis].repeat(5, 0))
    said = "case 'd' is a volume or a stack of pictures, but most are a picture; keep them in two datasets"
    assert said in config_of(tmp_path).findings()
    with pytest.raises(ValueError, match=f"^{said}$"):
        config_of(tmp_path, validation_share=0.1, test_share=0.1).load()


def test_more_classes_than_a_label_can_hold_are_refused(tmp_path: Path) -> None:
    write_pairs(tmp_path / "data", ["a", "b", "c", "d"])
    (finding,) = config_of(tmp_path, classes=[f"class{number}" for number in range(256)]).findings()
    assert finding.endswith("has 256 classes, and at most 255 fit; merge some with data.label_map")
