"""The real image sets: they pass the check as they are, and are divided as they should be."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from paretoseg.trainables.data.decathlon import DecathlonConfig
from paretoseg.trainables.trainable import Split

pytestmark = pytest.mark.shared_data


@pytest.fixture
def sets() -> Path:
    """The folder with the real sets."""
    place = os.environ.get("PARETOSEG_DATA")
    if not place or not Path(place).is_dir():
        pytest.skip("needs the real image sets: PARETOSEG_DATA names their folder")
    return Path(place)


def test_hippocampus_passes_and_every_volume_fills_its_range(sets: Path, tmp_path: Path) -> None:
    config = DecathlonConfig(root=str(sets / "hippocampus_small"), cache=str(tmp_path))
    assert config.findings() == []
    dataset = config.load()
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (24, 8, 8)
    assert dataset.class_names == ("background", "anterior", "posterior")
    assert dataset.spacing_mm == (1.0, 1.0, 1.0)
    assert len({case.label.shape for case in dataset.all_cases}) > 10
    for case in dataset.all_cases:
        assert (case.image.min(), case.image.max()) == (0.0, 1.0)
        assert set(np.unique(case.label)) == {0, 1, 2}


def test_axons_are_divided_by_rat(sets: Path, tmp_path: Path) -> None:
    config = DecathlonConfig(root=str(sets / "axon_sem"), cache=str(tmp_path))
    assert config.findings() == []
    dataset = config.load()
    homes = {(case.subject, case.split) for case in dataset.all_cases}
    assert len(homes) == len({subject for subject, _ in homes}) == 8
    assert len({case.split for case in dataset.all_cases if case.subject == "sub-rat3"}) == 1


def test_nuclei_of_one_domain_have_the_four_others_as_shift_sets(sets: Path, tmp_path: Path) -> None:
    held_out = ["fluo_360", "fluo_520", "histology", "brightfield"]
    root = str(sets / "nuclei_dsb2018")
    config = DecathlonConfig(root=root, cache=str(tmp_path), train_domains=["fluo_256"], shift=held_out)
    assert config.findings() == []
    dataset = config.load()
    assert dataset.num_channels == 3
    assert {case.domain for case in (*dataset.train, *dataset.validation, *dataset.test)} == {"fluo_256"}
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (72, 24, 24)
    assert {name: tuple(len(dataset.shift_cases(split)[name]) for split in Split) for name in dataset.shift} == {
        "fluo_360": (20, 20),
        "fluo_520": (20, 20),
        "histology": (54, 53),
        "brightfield": (8, 8),
    }
    assert Counter((row.shift, row.split) for row in config.split_rows() if row.shift == "histology") == {
        ("histology", "validation"): 54,
        ("histology", "test"): 53,
    }


def test_small_and_large_nuclei_can_be_held_out(sets: Path, tmp_path: Path) -> None:
    config = DecathlonConfig(
        root=str(sets / "nuclei_dsb2018"),
        cache=str(tmp_path),
        train_domains=["fluo_256"],
        shift=["small_objects", "large_objects", "brightfield"],
    )
    dataset = config.load()
    shares = {
        name: [(case.label > 0).mean() for case in cases]
        for name, cases in {"": (*dataset.train, *dataset.validation, *dataset.test), **dataset.shift}.items()
    }
    assert {name: len(found) for name, found in shares.items()} == {
        "": 60,
        "small_objects": 30,
        "large_objects": 30,
        "brightfield": 16,
    }
    assert max(shares["small_objects"]) < min(shares[""]) < max(shares[""]) < min(shares["large_objects"])
    assert f"at most {max(shares['small_objects']):.4g} of the image" in dataset.shift_notes["small_objects"]
    splits = {case.name: case.split for case in dataset.all_cases}
    assert {row.case: row.split for row in config.split_rows()} == splits
