"""Classes that overlap: from `dataset.json` through loss, masks and scores to a bundle's mask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data.meta_tensor import MetaTensor
from torch import Tensor, nn
from torch.nn import functional

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.data.ignored import IGNORED
from paretoseg.trainables.data.nnunet import NnunetConfig
from paretoseg.trainables.data.nnunet_list import read_labels
from paretoseg.trainables.data.placement import place
from paretoseg.trainables.data.regions import Regions
from paretoseg.trainables.evaluation.degeneracy import find_degeneracy
from paretoseg.trainables.evaluation.measuring import measure, predict_masks
from paretoseg.trainables.evaluation.metrics import compare_surfaces, describe_emptiness, dice
from paretoseg.trainables.evaluation.restoring import restore_mask
from paretoseg.trainables.export.applying import read_classes
from paretoseg.trainables.export.bundle import configure, describe
from paretoseg.trainables.export.bundle_transforms import PrepareImage, RestoreMask
from paretoseg.trainables.export.ensemble import Ensemble, average_logits
from paretoseg.trainables.export.proof import make_reference
from paretoseg.trainables.export.trained_model import TrainedModel
from paretoseg.trainables.networks.blueprint import Blueprint
from paretoseg.trainables.planning.scanning import inspect_data
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.measures import Scoring
from paretoseg.trainables.training.losses import LOSSES, OfKnownPixels, OfRegions, build_loss
from tests.trainables import exports
from tests.trainables.nnunet_files import SHAPE, write_nnunet

LABELS = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": [3], "ignore": 4}
BRATS = Regions(((1, 2, 3), (2, 3), (3,)), (1, 2, 3))
NAMES = ("background", "whole", "core", "enhancing")


def draw_mask(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Three boxes, one inside the other, not in the middle, and some voxels that nobody labelled."""
    mask = np.zeros(shape, np.uint8)
    mask[1:-2, 1:-2, 2:] = 1
    mask[2:-3, 2:-3, 4:] = 2
    mask[2:4, 3:5, 6:9] = 3
    mask[:, 0] = 4
    return mask


def config_of(root: Path, **changes: Any) -> NnunetConfig:
    content: dict[str, Any] = {"labels": LABELS, "regions_class_order": [1, 2, 3]} | changes
    write_nnunet(root, masks=[draw_mask()] * 3, **content)
    return NnunetConfig(root=str(root), cache=str(root.parent / "cache"))


def test_regions_are_classes_numbered_by_the_value_with_which_they_are_painted() -> None:
    found, faults = read_labels({"labels": LABELS, "regions_class_order": [1, 2, 3]})
    assert not faults
    assert (found.names, found.regions, found.ignored_value) == (NAMES, BRATS, 4)
    # The same regions, listed in another order: the order of painting follows, the classes do not.
    turned = {"background": 0, "rim": [1], "all": [1, 2]}
    found, faults = read_labels({"labels": turned, "regions_class_order": [1, 2]})
    assert "the value 1 would be lost" in faults[0]
    found, faults = read_labels(
        {"labels": {"background": 0, "all": [1, 2], "inside": [1]}, "regions_class_order": [2, 1]}
    )
    assert not faults
    assert (found.names, found.regions) == (("background", "inside", "all"), Regions(((1,), (1, 2)), (2, 1)))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            {"labels": LABELS},
            "regions_class_order must give a value for each region, in the order of labels (whole, core",
        ),
        ({"labels": LABELS, "regions_class_order": [1, 2]}, "as [1, 2, 3], got [1, 2]"),
        ({"labels": LABELS, "regions_class_order": [3, 2, 1]}, "painting whole, core, enhancing one over the other"),
        ({"labels": {"background": 0, "all": [0, 1]}, "regions_class_order": [1]}, "no region may hold the value 0"),
        ({"labels": {"background": 0, "all": [1, 3]}, "regions_class_order": [1]}, "1 and so on without gaps"),
        ({"labels": {"background": 0, "all": ["1"]}}, "'all' must be a whole number from 0 up, or a list of them"),
    ],
)
def test_wrong_regions_are_refused(content: dict[str, Any], words: str) -> None:
    found, faults = read_labels(content)
    assert not found.names
    assert words in "\n".join(faults)


def test_a_mask_is_painted_in_order_from_probabilities_above_one_half() -> None:
    logits = torch.full((3, 4, 6), -5.0)
    logits[0, :, 1:] = 5.0
    logits[1, 1:3, 2:] = 5.0
    logits[2, 1:3, 0:3] = 5.0  # partly outside of the others
    flat = place((4, 6), (1.0, 1.0), (1.0, 1.0))
    expected = torch.tensor([[0, 1, 1, 1, 1, 1], [3, 3, 3, 2, 2, 2], [3, 3, 3, 2, 2, 2], [0, 1, 1, 1, 1, 1]])
    assert torch.equal(restore_mask(logits, flat, order=(1, 2, 3)).long(), expected)
    assert torch.equal(restore_mask(logits, flat, order=(3, 2, 1)).long()[:, 1:], torch.ones(4, 5, dtype=torch.int64))
    finer = place((8, 12), (1.0, 1.0), (2.0, 2.0))
    mask = restore_mask(logits, finer, voxels_per_slab=12, order=(1, 2, 3))
    assert torch.equal(mask[1::2, 1::2][:, 3:].long()[1:3], expected[1:3, 3:])
    cropped = place((6, 8), (1.0, 1.0), (1.0, 1.0)).cropped_to((slice(1, 5), slice(1, 7)))
    whole = restore_mask(logits, cropped, order=(1, 2, 3)).long()
    assert torch.equal(whole[1:5, 1:7], expected)
    assert not whole[0].any()


def test_scores_are_those_of_every_region_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    prediction, label = torch.randint(0, 4, (2, 1, 6, 7, 8), generator=generator)
    scores = dice(prediction, label, 4, BRATS)[0]
    for score, values in zip(scores, BRATS.values, strict=True):
        some, other = (torch.isin(mask, torch.tensor(values)) for mask in (prediction, label))
        assert float(score) == pytest.approx(2 * float((some & other).sum()) / float(some.sum() + other.sum()))
    nsd, hd95 = compare_surfaces(label[0], label[0], 4, spacing_mm=(1.0, 1.0, 1.0), tolerance_mm=1.0, regions=BRATS)
    assert (nsd, hd95) == ([1.0] * 3, [0.0] * 3)
    assert describe_emptiness(torch.tensor([2, 0]), torch.tensor([1, 0]), 4, BRATS) == ["", "reference", "both"]


def test_the_gate_counts_a_region_as_predicted_by_any_of_its_values() -> None:
    labels = [
        torch.from_numpy(np.where(draw_mask() == 4, 0, draw_mask()).astype(np.int64)).roll(n, 0) for n in range(4)
    ]
    inner = [label.clamp(max=2) + (label == 1).long() for label in labels]  # never value 1, but all of the whole
    assert "enhancing" in find_degeneracy(inner, labels, NAMES, BRATS).reason
    assert "whole" not in find_degeneracy(inner, labels, NAMES, BRATS).reason
    assert "whole" in find_degeneracy(inner, labels, NAMES).reason


@pytest.mark.parametrize("name", list(LOSSES))
def test_a_loss_of_regions_has_a_sigmoid_for_each(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 5, 6, generator=generator)
    labels = torch.randint(0, 4, (2, 1, 5, 6), generator=generator)
    loss = float(build_loss(name, BRATS)(logits, labels))
    shares = logits.sigmoid()
    target = torch.cat([torch.isin(labels, torch.tensor(values)) for values in BRATS.values], dim=1).float()
    axes = (0, 2, 3)
    overlap, total = (shares * target).sum(axes), (shares + target).sum(axes)
    if name in ("dice", "dice_cross_entropy"):
        expected = float((1 - 2 * overlap / total).mean())
        if name == "dice_cross_entropy":
            expected += float(functional.binary_cross_entropy(shares, target))
        assert loss == pytest.approx(expected, abs=1e-4)
    perfect = float(build_loss(name, BRATS)(40.0 * (target - 0.5), labels))
    assert perfect == pytest.approx(0.0, abs=1e-4)
    assert perfect < loss
    hidden = labels.clone()
    hidden[0] = IGNORED
    known = float(OfKnownPixels(OfRegions(name, BRATS))(logits, hidden))
    assert known == pytest.approx(float(OfRegions(name, BRATS)(logits[1:], labels[1:])), abs=1e-5)


class Nested(nn.Module):
    """The regions of `draw_mask`, if the image is the mask divided by 4, and something else in what is not known."""

    def forward(self, images: Tensor) -> Tensor:
        return 50.0 * torch.cat([images - threshold for threshold in (0.1, 0.4, 0.6)], dim=1)


def test_rows_hold_a_class_for_every_region(tmp_path: Path) -> None:
    label = np.where(draw_mask() == 4, IGNORED, draw_mask()).astype(np.uint8)
    image = np.where(label == IGNORED, 1.0, label / 4.0).astype(np.float32)[None]
    case = Case("c", "here", "c", "validation", image, label)
    scoring = Scoring(NAMES, (1.0, 1.0, 1.0), regions=BRATS)
    scores = measure(
        Nested(), [case], Battery.of(["gaussian_noise"], [5], seed=0), window=(16, 16, 16), scoring=scoring
    )
    clean = {(row.label, row.metric): row.value for row in scores.rows if row.severity == 0 and row.metric == "dice"}
    assert clean == {(name, "dice"): 1.0 for name in (*NAMES[1:], "mean")}
    assert min(row.value for row in scores.rows if row.severity == 5 and row.metric == "dice") < 1.0


def test_data_with_regions_goes_all_the_way_to_the_mask_of_a_bundle(tmp_path: Path) -> None:
    config = config_of(tmp_path / "data")
    assert config.findings() == []
    dataset = config.load()
    assert (dataset.class_names, dataset.num_outputs, dataset.regions) == (NAMES, 3, BRATS)
    fingerprint, _ = inspect_data(config)
    whole, core, enhancing = fingerprint.classes
    assert (whole.median_voxels, core.median_voxels, enhancing.median_voxels) == tuple(
        float(np.isin(draw_mask(), values).sum()) for values in BRATS.values
    )
    blueprint = Blueprint(
        exports.draw(3).architecture, spatial_dims=3, in_channels=1, num_classes=3, window=(16, 16, 16)
    )
    network, case = exports.build_network(blueprint), dataset.test[0]
    order = BRATS.order
    reference = make_reference(network, [case], blueprint.window, dataset.spacing_mm, order)
    assert len(np.unique(reference.mask)) > 1
    steps = configure(blueprint, None if config is None else _prepare(config), order=order)
    assert steps["postprocessing"]["transforms"][0]["order"] == [1, 2, 3]
    item = PrepareImage(config.preprocessing, dataset.spacing_mm, 1)({"image": str(config.find_image(case.name))})
    item["pred"] = MetaTensor(reference.logits, meta=item["image"].meta)
    mask = item["placement"].turn(RestoreMask(order)(item)["pred"].numpy()[0])
    assert reference.check(mask, "the bundle").startswith("the bundle: equal to the evaluation in all")
    model = TrainedModel(
        blueprint, network.state_dict(), exports.build_record(), NAMES, _prepare(config), regions=BRATS
    )
    outputs = describe(model)["network_data_format"]
    assert outputs["outputs"]["pred"]["channel_def"] == {"0": "whole", "1": "core", "2": "enhancing"}
    assert outputs["post_processed_outputs"]["mask"]["value_range"] == [0, 3]
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "metadata.json").write_text(json.dumps(describe(model)))
    assert read_classes(tmp_path) == {"background": (0,), **dict(zip(NAMES[1:], BRATS.values, strict=True))}


def _prepare(config: NnunetConfig) -> Any:
    from paretoseg.trainables.data.raw_images import Preparation

    return Preparation(config.preprocessing, config.load().spacing_mm)


def test_the_average_of_several_networks_is_that_of_their_sigmoids() -> None:
    generator = torch.Generator().manual_seed(0)
    some = torch.randn(3, 1, 2, 4, 4, generator=generator)
    mean = torch.stack([one.sigmoid() for one in some]).mean(dim=0)
    assert torch.allclose(average_logits(list(some), overlaps=True).sigmoid(), mean, atol=1e-6)
    members = [nn.Conv2d(1, 2, 1) for _ in range(2)]
    image = torch.rand(1, 1, 4, 4, generator=generator)
    found = Ensemble(members, overlaps=True)(image).sigmoid()
    assert torch.allclose(found, torch.stack([one(image).sigmoid() for one in members]).mean(dim=0), atol=1e-6)


def test_masks_are_painted_when_several_are_predicted() -> None:
    seen = [_seen(draw_mask())]
    [mask] = predict_masks(Nested(), seen, (16, 16, 16), BRATS)
    assert torch.equal(mask.long(), torch.from_numpy(np.where(draw_mask() == 4, 0, draw_mask()).astype(np.int64)))


def _seen(mask: np.ndarray) -> Any:
    from paretoseg.trainables.evaluation.degrading import Seen

    label = torch.from_numpy(np.where(mask == 4, IGNORED, mask).astype(np.uint8))
    edges = (1.0, 1.0, 1.0)
    return Seen(torch.from_numpy(mask / 4.0).float()[None], label, place(mask.shape, edges, edges))
