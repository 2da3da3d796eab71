"""Pixels about which nothing is known: they train nothing, draw no patch and cost no score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from paretoseg.trainables.complexity.complexity import measure_case
from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.data.files_config import FilesConfig
from paretoseg.trainables.data.folder import FolderConfig
from paretoseg.trainables.data.ignored import IGNORED, find_foreground_share, has_foreground
from paretoseg.trainables.data.nnunet import NnunetConfig
from paretoseg.trainables.data.placement import measure_round_trip, place
from paretoseg.trainables.evaluation.measuring import measure
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.measures import Scoring, SurfaceMetrics
from paretoseg.trainables.trainable import CLEAN
from paretoseg.trainables.training.losses import LOSSES, OfKnownPixels, deep_supervision_loss
from paretoseg.trainables.training.sampling import ForegroundIndex
from tests.trainables.data_files import draw_mask, draw_picture, write_picture
from tests.trainables.nnunet_files import SHAPE, write_nnunet

EXTENT = 32


class Bright(nn.Module):
    """Foreground where the image is bright."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat((torch.full_like(images, 0.5), images), dim=1)


def build_case(number: int = 0, *, has_ignored: bool = True) -> Case:
    """A bright object; in the columns from 20 on everything is bright too, which is wrong or not known."""
    label = np.zeros((EXTENT, EXTENT), np.uint8)
    label[4 + number : 14, 3:12] = 1
    image = 0.2 + 0.6 * label[None].astype(np.float32)
    image[..., 20:] = 0.8
    if has_ignored:
        label[:, 20:] = IGNORED
    return Case(f"c{number}", "here", f"c{number}", "validation", image, label)


@pytest.mark.parametrize("surfaces", list(SurfaceMetrics))
def test_what_is_predicted_there_costs_no_score(surfaces: SurfaceMetrics) -> None:
    scoring = Scoring(("background", "bright"), (1.0, 1.0), surface_metrics=surfaces)
    battery = Battery.of(["gaussian_blur"], [1], seed=0)
    known = [build_case(number) for number in range(4)]
    scores = measure(Bright(), known, battery, window=(EXTENT, EXTENT), scoring=scoring)
    clean = [row for row in scores.rows if row.corruption == CLEAN and row.metric == "dice"]
    assert {row.value for row in clean} == {1.0}
    assert not scores.degenerate
    wrong = measure(
        Bright(),
        [build_case(n, has_ignored=False) for n in range(4)],
        battery,
        window=(EXTENT, EXTENT),
        scoring=scoring,
    )
    assert max(row.value for row in wrong.rows if row.metric == "dice") < 0.4


def test_a_rotation_moves_what_is_not_known_with_the_image() -> None:
    scoring = Scoring(("background", "bright"), (1.0, 1.0), surface_metrics=SurfaceMetrics.none)
    rows = measure(
        Bright(), [build_case()], Battery.of(["rotation"], [3], seed=0), window=(EXTENT, EXTENT), scoring=scoring
    ).rows
    assert min(row.value for row in rows) > 0.9


@pytest.mark.parametrize("name", list(LOSSES))
def test_a_loss_is_that_of_the_known_pixels(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 6, 8, generator=generator, requires_grad=True)
    labels = torch.randint(0, 3, (2, 6, 8), generator=generator)
    unknown = torch.rand(2, 6, 8, generator=generator) < 0.4
    loss = deep_supervision_loss(OfKnownPixels(LOSSES[name]()), [logits], labels.masked_fill(unknown, IGNORED))
    loss.backward()
    assert logits.grad is not None
    at = logits.grad.abs().sum(dim=1)
    assert not at[unknown].any()
    assert at[~unknown].all()
    shares = logits.detach().softmax(dim=1)
    target = functional.one_hot(labels, 3).movedim(-1, 1)
    keep = (~unknown)[:, None].float()
    if name == "dice_cross_entropy":
        overlap = (shares * target * keep).sum(dim=(0, 2, 3))
        total = ((shares + target) * keep).sum(dim=(0, 2, 3))
        entropy = functional.cross_entropy(logits.detach(), labels, reduction="none")[~unknown].mean()
        assert float(loss.detach()) == pytest.approx(float((1 - 2 * overlap / total).mean() + entropy), abs=1e-4)
    everything, plain = (
        deep_supervision_loss(one, [logits.detach()], labels) for one in (OfKnownPixels(LOSSES[name]()), LOSSES[name]())
    )
    assert float(everything) == pytest.approx(float(plain), abs=1e-6)


def test_a_batch_without_known_pixels_has_loss_0_and_a_gradient() -> None:
    logits = torch.randn(1, 2, 4, 4, requires_grad=True)
    loss = OfKnownPixels(LOSSES["dice_focal"]())(logits, torch.full((1, 1, 4, 4), IGNORED))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_no_patch_is_centred_there() -> None:
    index = ForegroundIndex([build_case()])
    places = index.find(torch.zeros(200, dtype=torch.int64), torch.rand(200, dtype=torch.float64))
    label = build_case().label
    assert {int(label[tuple(place)]) for place in places.tolist()} == {1}


def test_counts_of_foreground_leave_it_out() -> None:
    label = build_case().label
    assert find_foreground_share(label) == 90 / (EXTENT * 20)
    assert not has_foreground(np.full((3, 3), IGNORED, np.uint8))
    assert measure_round_trip(label, place(label.shape, (1.0, 1.0), (1.0, 1.0)), 2) == 1.0


def write_labels(root: Path, value: int) -> NnunetConfig:
    masks = []
    for _ in range(3):
        mask = draw_mask(SHAPE)
        mask[-2:] = value
        masks.append(mask)
    labels = {"background": 0, "organ": 1, "ignore": 2}
    return NnunetConfig(root=str(write_nnunet(root, masks=masks, labels=labels)), cache=str(root.parent / "cache"))


def test_the_ignore_label_of_nnunet_is_no_class(tmp_path: Path) -> None:
    config = write_labels(tmp_path / "data", 2)
    assert config.findings() == []
    dataset = config.load()
    assert dataset.has_ignored
    assert dataset.class_names == ("background", "organ")
    assert all(set(np.unique(case.label)) == {0, 1, IGNORED} for case in dataset.all_cases)
    [refused] = {line.partition("' has ")[2] for line in write_labels(tmp_path / "other", 3).findings()}
    assert refused.startswith("values 3 outside the classes 0..1")
    assert {row.label for row in measure_case(dataset.train[0], dataset, "")} == {"organ"}


def test_the_ignore_label_must_be_the_last(tmp_path: Path) -> None:
    labels = {"background": 0, "ignore": 1, "organ": 2}
    config = NnunetConfig(root=str(write_nnunet(tmp_path / "data", labels=labels)))
    assert any("'ignore' must have the highest value, 2, got 1" in line for line in config.findings())
    labels = {"background": 0, "organ": 1, "ignore": 7}
    config = NnunetConfig(root=str(write_nnunet(tmp_path / "data", labels=labels)))
    assert any("'ignore' must have the highest value, 2, got 7" in line for line in config.findings())


def test_any_data_in_files_may_name_a_value_to_ignore(tmp_path: Path) -> None:
    for number in range(3):
        write_picture(tmp_path / "data" / "images" / f"c{number}.png", draw_picture(number))
        mask = draw_mask()
        mask[-4:] = 9
        write_picture(tmp_path / "data" / "masks" / f"c{number}.png", mask)
    config: FilesConfig = FolderConfig(
        root=str(tmp_path / "data"), cache=str(tmp_path / "cache"), label_map=["9:ignore"]
    )
    assert config.findings() == []
    assert config.load().has_ignored
