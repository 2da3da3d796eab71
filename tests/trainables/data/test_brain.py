"""The brain task: three classes, sites that differ, and parts that never overlap."""

from __future__ import annotations

import dataclasses
import importlib.util

import numpy as np
import pytest

from paretoseg.spaces.recipe import FAMILIES
from paretoseg.trainables.data.brain import MIN_TISSUE, BrainConfig, read_template, scan
from paretoseg.trainables.trainable import Split

pytest.importorskip("nilearn", reason="needs nilearn, as of `pip install 'paretoseg[brain]'`")

SMALL = BrainConfig(block_size=24, num_train=4, num_validation=2, num_test=2, shift=["site_c"])


def test_blocks_hold_three_classes_and_tell_their_site() -> None:
    dataset = SMALL.load()
    assert (dataset.spatial_dims, dataset.num_channels, dataset.num_classes) == (3, 1, 3)
    assert all(case.label.shape == (24, 24, 24) for case in dataset.all_cases)
    assert all((case.label > 0).mean() >= MIN_TISSUE for case in dataset.all_cases)
    assert {int(value) for case in dataset.train for value in np.unique(case.label)} == {0, 1, 2}
    assert [case.domain for case in dataset.train] == ["site_a", "site_b"] * 2
    assert [(name, len(cases)) for name, cases in dataset.shift.items()] == [("site_c", 4)]
    assert dataset.simulated_families <= frozenset.union(*FAMILIES.values())
    assert dataset.simulated_families


def test_a_held_out_site_sees_the_measured_blocks_once_more() -> None:
    dataset = SMALL.load()
    for split in Split:
        for own, other in zip(dataset.cases(split), dataset.shift_cases(split)["site_c"], strict=True):
            assert (other.subject, other.split, other.domain) == (own.subject, own.split, "site_c")
            assert np.array_equal(other.label, own.label)
            assert not np.array_equal(other.image, own.image)
    alone = dataclasses.replace(SMALL, shift=[])
    assert [row for row in SMALL.split_rows() if not row.shift] == alone.split_rows()


def test_the_same_config_gives_the_same_bytes_and_another_seed_others() -> None:
    assert SMALL.split_rows() == SMALL.split_rows()
    first, again, other = (
        BrainConfig(block_size=24, num_train=1, num_validation=1, num_test=1, seed=seed).load().train[0]
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first.image, again.image)
    assert not np.array_equal(first.image, other.image)


def test_the_template_is_a_brain_whose_halves_are_alike() -> None:
    template, tissue = read_template()
    assert template.shape == tissue.shape == (197, 233, 189)
    assert (tissue == tissue[::-1]).mean() > 0.99  # so splits must not go by left and right
    assert template[tissue == 2].mean() > template[tissue == 1].mean() > template[tissue == 0].mean()


def test_sites_differ_in_contrast_and_noise() -> None:
    block = np.full((30, 30, 30), 0.5, dtype=np.float32)
    means, noises = zip(
        *((image.mean(), image.std()) for image in (scan(block, site, np.random.default_rng(0)) for site in "abc")),
        strict=True,
    )
    assert means[0] == pytest.approx(0.5, abs=0.01)
    assert means[1] > means[0] > means[2]
    assert noises == pytest.approx((0.02, 0.04, 0.06), rel=0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block_size": 60}, "data.block_size must lie in 16..56"),
        ({"num_test": 0}, "data.num_test must be at least 1"),
        ({"num_sites": 9}, "data.num_sites must be at most 8, got 9"),
        ({"shift": ["site_b"]}, "data.shift: 'site_b' is trained on with data.num_sites=2"),
        ({"shift": ["sitec"]}, "unknown shift set 'sitec'; did you mean 'site_c'? known: site_c, site_d"),
        ({"shift": ["site_c", "site_c"]}, "data.shift must be distinct, got site_c more than once"),
        ({"root": "/data"}, "data.root is not used by data=brain"),
    ],
)
def test_settings_out_of_range_are_found(changes: dict[str, object], message: str) -> None:
    (finding,) = BrainConfig(**changes).findings()  # type: ignore[arg-type]
    assert message in finding


def test_a_missing_package_is_found_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paretoseg.trainables.data.brain.find_spec", lambda name: None)
    assert importlib.util.find_spec("nilearn") is not None
    assert BrainConfig().findings() == ["data=brain needs nilearn; install it with: pip install 'paretoseg[brain]'"]
