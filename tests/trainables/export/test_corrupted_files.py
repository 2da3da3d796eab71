"""A corrupted file goes through an exported bundle and gives the mask that the evaluation scores."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from monai.data.meta_tensor import MetaTensor
from monai.inferers.inferer import SlidingWindowInferer
from torch import nn

from paretoseg.trainables.corruptions.grids import Grids
from paretoseg.trainables.corruptions.table import CORRUPTIONS, case_generator, corrupt
from paretoseg.trainables.data.datasets import Case, Dataset
from paretoseg.trainables.data.decathlon import DecathlonConfig
from paretoseg.trainables.data.image_files import read_image
from paretoseg.trainables.data.preprocessing import choose_scaling
from paretoseg.trainables.data.raw_images import Preparation
from paretoseg.trainables.evaluation.degrading import CaseBatch
from paretoseg.trainables.evaluation.measuring import predict_masks
from paretoseg.trainables.evaluation.restoring import restore_probabilities
from paretoseg.trainables.export.bundle import windows_per_pass, write_bundle
from paretoseg.trainables.export.bundle_transforms import PrepareImage, RestoreMask
from paretoseg.trainables.export.proof import TIE
from paretoseg.trainables.networks.blueprint import Blueprint
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.windows import WINDOW_OVERLAP
from paretoseg.trainables.severities.levels import find_strength
from paretoseg.trainables.trainable import Condition
from tests.trainables import exports
from tests.trainables.bundle_runs import Monai
from tests.trainables.data_files import draw_mask, write_list, write_volume

EXTENTS = (14, 22, 30)
AFFINE = np.array([[-1.5, 0, 0, 30.0], [0, 1.0, 0, -20.0], [0, 0, 0.8, 10.0], [0, 0, 0, 1.0]])
"""The first axis of the files points to the left, so they are turned on the way in and out."""

SCHEMES = {
    "percentile": {"intensity": "percentile", "crop_foreground": True},
    "zscore": {"intensity": "zscore"},
    "window": {"intensity": "window", "window": [0.0, 900.0], "crop_foreground": True},
}


def write_data(root: Path, scheme: str) -> DecathlonConfig:
    """Volumes of real numbers with dark margins and bright spots outside of every window, already on their grid."""
    image = exports.build_case(*EXTENTS).image[0] * np.float32(1000.0)
    image[:3], image[:, -4:], image[7, 5, 6:9] = 0.0, 0.0, 4000.0
    cases = []
    for number in range(3):
        write_volume(root / f"i{number}.nii.gz", image + np.float32(7 * number) * (image > 0), AFFINE)
        write_volume(root / f"l{number}.nii.gz", draw_mask(EXTENTS), AFFINE)
        cases.append({"image": f"i{number}.nii.gz", "label": f"l{number}.nii.gz"})
    write_list(root, cases, labels=exports.CLASS_LABELS)
    return DecathlonConfig(root=str(root), cache=str(root / "cache"), **SCHEMES[scheme])  # type: ignore[arg-type]


def write_corrupted(path: Path, data: DecathlonConfig, case: Case, condition: Condition, battery: Battery) -> None:
    """The file of a case as a scanner would give it under the condition, in the units of the file."""
    assert case.original is not None
    strength = find_strength(battery.strengths, condition.corruption, condition.severity)
    spacing_mm = case.original.placement.spacing_mm
    changed, _ = corrupt(
        torch.from_numpy(np.array(case.original.image))[None],
        torch.from_numpy(np.array(case.original.label))[None],
        condition.corruption,
        strength,
        [case_generator(case.name, condition.corruption, battery.seed)],
        Grids(spacing_mm, spacing_mm),
    )
    raw = read_image(data.find_image(case.name))
    zero, one = (float(value) for value in _find_ends(raw, data))
    array = (zero + (one - zero) * changed[0, 0].double().numpy()).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(array[::-1], AFFINE), path)


def _find_ends(raw: object, data: DecathlonConfig) -> tuple[float, float]:
    """What 0 and 1 are in the units of the file."""
    scaling = choose_scaling(raw, data.preprocessing)  # type: ignore[arg-type]
    values = np.asarray(raw.array, np.float64)  # type: ignore[attr-defined]
    units = scaling.to_units(raw.array)[0].astype(np.float64)  # type: ignore[attr-defined]
    high, low = np.unravel_index(units.argmax(), units.shape), np.unravel_index(units.argmin(), units.shape)
    slope = (values[0][high] - values[0][low]) / (units[high] - units[low])
    return values[0][low] - slope * units[low], values[0][low] + slope * (1.0 - units[low])


def differ(ours: np.ndarray, theirs: np.ndarray, probabilities: np.ndarray) -> int:
    """Number of voxels of different class, without those where the two classes are equally likely."""
    highest, chosen = probabilities.max(axis=0), np.take_along_axis(probabilities, theirs[None].astype(np.int64), 0)[0]
    return int(((ours != theirs) & (highest - chosen >= TIE)).sum())


@pytest.fixture(scope="module", params=list(SCHEMES))
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[DecathlonConfig, Dataset, Blueprint, nn.Module]:
    data = write_data(tmp_path_factory.mktemp(request.param), request.param)
    blueprint = exports.draw(3, window=16)
    return data, data.load(), blueprint, exports.build_network(blueprint)


@pytest.mark.parametrize("corruption", [name for name in CORRUPTIONS if name != "legacy_leaking_blur"])
def test_a_corrupted_file_is_answered_by_the_bundles_transforms_as_in_the_evaluation(
    trained: tuple[DecathlonConfig, Dataset, Blueprint, nn.Module], corruption: str, tmp_path: Path
) -> None:
    data, dataset, blueprint, network = trained
    [case, condition] = dataset.test[0], Condition(corruption, 4)
    battery = Battery((condition,), seed=0)
    [seen] = CaseBatch([case], battery, dataset.spacing_mm, "cpu").degrade(condition)
    [expected] = predict_masks(network, [seen], blueprint.window)
    path = tmp_path / "case.nii.gz"
    write_corrupted(path, data, case, condition, battery)

    preparation = Preparation(data.preprocessing, dataset.spacing_mm)
    item = PrepareImage(preparation.settings, preparation.spacing_mm, 1)({"image": str(path)})
    assert torch.allclose(item["image"].as_tensor(), seen.image, atol=2e-5)
    inferer = SlidingWindowInferer(
        blueprint.window, windows_per_pass(blueprint), overlap=WINDOW_OVERLAP, mode="constant"
    )
    with torch.inference_mode():
        logits = inferer(item["image"].as_tensor()[None], network)
    item["pred"] = MetaTensor(logits[0], meta=item["image"].meta)
    mask = item["placement"].turn(RestoreMask()(item)["pred"].numpy()[0])
    assert differ(expected.numpy(), mask, restore_probabilities(logits[0], seen.placement).numpy()) == 0
    assert len(np.unique(mask)) > 1


@pytest.mark.parametrize("corruption", ["gaussian_noise", "motion", "intensity_scale_up"])
def test_a_corrupted_file_is_answered_by_monais_command_as_in_the_evaluation(
    corruption: str, tmp_path: Path, monai: Monai
) -> None:
    (tmp_path / "data").mkdir()
    data = write_data(tmp_path / "data", "percentile")
    dataset, blueprint, condition = data.load(), exports.draw(3, window=16), Condition(corruption, 4)
    network, case = exports.build_network(blueprint), dataset.test[0]
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    write_bundle(
        bundle, exports.build_model(blueprint, preparation=Preparation(data.preprocessing, dataset.spacing_mm))
    )
    battery = Battery((condition,), seed=0)
    write_corrupted(tmp_path / "case.nii.gz", data, case, condition, battery)
    done = monai.run_bundle(bundle, "--images", str(tmp_path / "case.nii.gz"))
    assert done.returncode == 0, done.stderr
    mask = np.asarray(nibabel.load(tmp_path / "masks" / "case_mask.nii.gz").dataobj)[::-1]
    [seen] = CaseBatch([case], battery, dataset.spacing_mm, "cpu").degrade(condition)
    [expected] = predict_masks(network, [seen], blueprint.window)
    assert (expected.numpy() != mask).mean() < 1e-3
