"""Shift sets of data in files: strata by the size of objects, other folders as sites, and what of them is refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paretoseg.trainables.data.decathlon import DecathlonConfig
from paretoseg.trainables.data.folder import FolderConfig
from paretoseg.trainables.data.ignored import find_foreground_share
from paretoseg.trainables.data.listing import Entry
from paretoseg.trainables.data.nnunet import NnunetConfig
from paretoseg.trainables.data.shift_sets import hold_out_strata, resolve_path
from paretoseg.trainables.trainable import Split
from tests.trainables.data_files import (
    draw_mask,
    draw_picture,
    write_list,
    write_picture,
    write_pictures,
    write_volumes,
)
from tests.trainables.nnunet_files import write_nnunet


def entry(name: str, subject: str = "", shift: str = "") -> Entry:
    return Entry(name, Path(name), Path(name), "", subject or name, shift=shift)


def config_of(tmp_path: Path, *shift: str, **changes: Any) -> DecathlonConfig:
    return DecathlonConfig(root=str(tmp_path / "data"), cache=str(tmp_path / "cache"), shift=list(shift), **changes)


def write_site(root: Path, count: int = 4, seed: int = 100, **changes: object) -> None:
    """Pictures that no other site has, with masks, and their list."""
    cases = []
    for number in range(count):
        write_picture(root / "images" / f"c{number}.png", draw_picture(seed + number))
        write_picture(root / "masks" / f"c{number}.png", draw_mask())
        cases.append({"image": f"./images/c{number}.png", "label": f"./masks/c{number}.png"})
    write_list(root, cases, **changes)


def test_the_foreground_share_counts_every_class() -> None:
    assert find_foreground_share(np.array([[0, 1], [2, 0]], dtype=np.uint8)) == 0.5


def test_strata_are_the_outer_quarters_of_the_subjects() -> None:
    entries = [entry(f"c{number}") for number in range(8)]
    shares = {f"c{number}": number / 10 for number in range(8)}
    held_out = hold_out_strata(entries, ["large_objects", "small_objects"], shares=shares)
    assert [item.shift for item in held_out.entries] == ["small_objects"] * 2 + [""] * 4 + ["large_objects"] * 2
    assert held_out.notes["small_objects"] == (
        "foreground covers at most 0.1 of the image (the lowest quarter of 8 subjects)"
    )
    assert held_out.notes["large_objects"].startswith("foreground covers at least 0.6 of the image")


def test_all_cases_of_a_subject_are_in_its_stratum_and_other_shift_sets_do_not_count() -> None:
    entries = [entry("a1", "a"), entry("a2", "a"), *(entry(name) for name in "bcd"), entry("far", shift="site")]
    shares = {"a1": 0.0, "a2": 0.3, "b": 0.2, "c": 0.4, "d": 0.5, "far": 0.01}
    held_out = hold_out_strata(entries, ["small_objects"], shares=shares)
    assert [item.name for item in held_out.entries if item.shift == "small_objects"] == ["a1", "a2"]  # 0.15 on average
    assert held_out.entries[-1].shift == "site"
    assert hold_out_strata(entries, [], shares=shares).entries == tuple(entries)


def test_strata_of_subjects_that_are_all_alike_are_refused() -> None:
    entries = [entry(f"c{number}") for number in range(8)]
    shares = dict.fromkeys(["c0", "c1", "c2", "c3"], 0.25)
    (finding,) = hold_out_strata(entries, ["small_objects"], shares=shares).findings
    assert finding.text == (
        "data.shift: small_objects need subjects of different size, but the foreground share is 0.25 for most; leave "
        "strata out"
    )


def test_small_objects_of_a_folder_are_held_out_of_training(tmp_path: Path) -> None:
    for number in range(12):
        mask = np.zeros((20, 30), dtype=np.uint8)
        mask[: number + 1] = 1
        write_picture(tmp_path / "data" / "images" / f"c{number:02d}.png", draw_picture(number))
        write_picture(tmp_path / "data" / "masks" / f"c{number:02d}.png", mask)
    config = FolderConfig(root=str(tmp_path / "data"), cache=str(tmp_path / "cache"), shift=["small_objects"])
    assert config.findings() == []
    dataset = config.load()
    assert sorted(case.name for case in dataset.shift["small_objects"]) == ["c00", "c01", "c02"]
    assert "at most 0.15 of the image (the lowest quarter of 12 subjects)" in dataset.shift_notes["small_objects"]
    rows = config.split_rows()
    assert {row.case: row.split for row in rows} == {case.name: case.split for case in dataset.all_cases}
    assert {row.case for row in rows if row.shift} == {"c00", "c01", "c02"}


def test_a_folder_is_a_shift_set_with_its_own_names_and_subjects(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data")
    write_site(tmp_path / "north")
    config = config_of(tmp_path, str(tmp_path / "north"))
    assert config.findings() == []
    dataset = config.load()
    assert len(dataset.train) == 3
    assert sorted(case.name for case in dataset.shift["north"]) == [f"north/c{number}" for number in range(4)]
    assert {name: len(cases) for name, cases in dataset.shift_cases(Split.TEST).items()} == {"north": 2}
    assert {case.domain for case in dataset.shift["north"]} == {"north"}
    rows = config.split_rows()
    assert Counter((row.shift, row.split) for row in rows if row.shift) == {
        ("north", "validation"): 2,
        ("north", "test"): 2,
    }
    assert config.find_image("north/c1") == tmp_path / "north" / "images" / "c1.png"


def test_paths_mean_the_same_in_every_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sites" / "north").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert resolve_path("sites/north") == resolve_path("./sites/north") == str(tmp_path / "sites" / "north")
    assert resolve_path("scanner/late") == "scanner/late"  # a domain of nested folders
    assert resolve_path("fluo_360") == "fluo_360"


def test_everything_wrong_with_a_site_is_found_before_the_search(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data")
    write_site(tmp_path / "north", labels={"0": "background", "1": "tumour"})
    (tmp_path / "north" / "masks" / "c1.png").unlink()
    write_picture(tmp_path / "north" / "images" / "c2.png", draw_picture(7, (20, 30, 3)))
    write_picture(tmp_path / "north" / "masks" / "c3.png", draw_mask(value=4))
    lines = config_of(tmp_path, str(tmp_path / "north")).findings()
    assert lines[0] == (
        f"shift set '{tmp_path / 'north'}' must have the classes of the data, background, organ, got background, "
        "tumour; give both the same, in the same order"
    )
    report = "\n".join(lines)
    assert "north/masks/c1.png' is missing" in report
    assert "north/images/c2.png' is in colour (3 channels), but grey is declared" in report
    assert "north/masks/c3.png' has values 4 outside the classes 0..1" in report


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        ({"labels": {"background": 0, "a": [1, 2], "b": 2}, "order": [1, 2]},
         {"labels": {"background": 0, "a": 1, "b": 2}},
         "must have the regions of the data, a: 1, 2; b: 2, got none"),
        ({"labels": {"background": 0, "a": 1, "ignore": 2}}, {"labels": {"background": 0, "a": 1}},
         "must have the value of unknown pixels of the data, 2, got None"),
        ({"channels": {"0": "CT"}}, {"channels": {"0": "MRI"}}, "must have the channels of the data, CT, got MRI"),
    ],
)  # fmt: skip
def test_a_site_must_mean_the_same_by_its_values_and_channels(
    tmp_path: Path, ours: dict[str, Any], theirs: dict[str, Any], words: str
) -> None:
    for name, described in (("data", ours), ("north", theirs)):
        changes = {"labels": described.get("labels"), "channel_names": described.get("channels")}
        changes |= {"regions_class_order": described["order"]} if "order" in described else {}
        write_nnunet(tmp_path / name, **{key: value for key, value in changes.items() if value})
    config = NnunetConfig(root=str(tmp_path / "data"), shift=[str(tmp_path / "north")], cache=str(tmp_path / "cache"))
    assert words in "\n".join(config.findings())


def test_a_site_of_other_dimensions_is_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data")
    write_volumes(tmp_path / "north")
    assert "is a volume, but" in config_of(tmp_path, str(tmp_path / "north")).findings()[0]


def test_a_site_without_a_list_or_without_labels_is_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data")
    (tmp_path / "north").mkdir()
    (finding,) = config_of(tmp_path, str(tmp_path / "north")).findings()
    assert finding.startswith(f"'{tmp_path / 'north' / 'dataset.json'}' is missing")
    write_list(tmp_path / "north", [{"image": "./images/c0.png"}])
    assert "training[0] must name its label" in config_of(tmp_path, str(tmp_path / "north")).findings()[0]


def test_a_copy_of_training_images_is_no_site(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data")
    write_pictures(tmp_path / "north")
    report = "\n".join(config_of(tmp_path, str(tmp_path / "north")).findings())
    assert "are the same; list every case once" in report


def test_a_subject_that_both_sites_name_is_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", subject=["p1", "p2", "p3", "p4", "p5"])
    write_site(tmp_path / "north")
    cases = [{"image": f"./images/c{n}.png", "label": f"./masks/c{n}.png", "subject": f"p{n + 5}"} for n in range(4)]
    write_list(tmp_path / "north", cases)
    (finding,) = config_of(tmp_path, str(tmp_path / "north")).findings()
    assert finding.startswith("subject 'p5' must not be seen in training, but case 'north/c0' is in shift set 'north'")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("data", "is data.root itself; name another folder"),
        ("nowhere", "must be an existing folder with data like that in data.root"),
        ("small_objects", "would be shift set 'small_objects', which is the name of data.shift too"),
    ],
)
def test_folders_that_cannot_be_a_shift_set_are_refused(tmp_path: Path, name: str, message: str) -> None:
    write_pictures(tmp_path / "data")
    (tmp_path / "small_objects").mkdir()
    lines = config_of(tmp_path, "small_objects", str(tmp_path / name)).findings()
    assert any(message in line for line in lines)
