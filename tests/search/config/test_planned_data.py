"""A new study takes spacing and scaling from the plan of its data, where it asks for that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from paretoseg.search.config.config import Composed, compose
from paretoseg.search.config.settling import settle
from tests.trainables.data_files import draw_mask, draw_picture
from tests.trainables.nnunet_files import SHAPE, write_image, write_nnunet


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Volumes of three spacings in a channel called CT."""
    root = write_nnunet(tmp_path / "data", channel_names={"0": "CT"})
    for number in range(3):
        edges = np.diag([1.0, 1.0, 2.0 + number, 1.0])
        write_image(root / "imagesTr" / f"c{number}_0000.nii.gz", draw_picture(number, SHAPE).astype(np.int16), edges)
        write_image(root / "labelsTr" / f"c{number}.nii.gz", draw_mask(SHAPE), edges)
    return root


def compose_on(root: Path, *words: str) -> Composed:
    return compose(["study=any", "data=nnunet", f"data.root={root}", f"data.cache={root.parent / 'cache'}", *words])


def test_spacing_and_window_of_the_plan_are_kept_in_the_config(root: Path) -> None:
    planned = settle(compose_on(root, "data.from_plan=true"))
    data = planned.experiment.data
    assert data.spacing_mm[:2] == [1.0, 1.0]
    assert data.spacing_mm[2] in (2.0, 3.0, 4.0)  # that of the one training case
    assert (data.intensity, len(data.window)) == ("window", 2)
    assert data.findings() == []
    (root / "dataset.json").unlink()  # the kept text alone says it
    from omegaconf import OmegaConf

    kept = OmegaConf.create(planned.text).data
    assert (list(kept.spacing_mm), kept.intensity, list(kept.window)) == (data.spacing_mm, "window", data.window)


def test_what_is_set_stays_and_nothing_is_planned_unasked(root: Path) -> None:
    words = ["data.spacing_mm=[2,2,2]", "data.intensity=percentile"]
    data = settle(compose_on(root, "data.from_plan=true", *words)).experiment.data
    assert (data.spacing_mm, data.intensity, data.window) == ([2.0, 2.0, 2.0], "percentile", [])
    composed = compose_on(root)
    assert settle(composed).experiment.data == composed.experiment.data
