"""A bundle prepares raw files as training did, and its masks lie on their grid."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from paretoseg.trainables.data.decathlon import DecathlonConfig
from paretoseg.trainables.data.raw_images import Preparation
from paretoseg.trainables.export.bundle import write_bundle
from paretoseg.trainables.export.proof import ProofError, is_asymmetric, make_reference, prove_bundle_on_file
from tests.trainables import exports
from tests.trainables.bundle_runs import Monai
from tests.trainables.data_files import draw_mask, write_list, write_volume


def write_scans(root: Path, axes: str, edges_mm: tuple[float, float, float]) -> None:
    """Volumes with dark margins whose axes point so, of an image that no turn or mirror leaves as it is."""
    extents, labels = (14, 22, 30), exports.CLASS_LABELS
    affine = np.zeros((4, 4))
    for axis, (world, sign) in enumerate(nibabel.orientations.axcodes2ornt(tuple(axes))):
        affine[int(world), axis] = sign * edges_mm[axis]
    affine[:, 3] = (30.0, -20.0, 10.0, 1.0)
    assert nibabel.aff2axcodes(affine) == tuple(axes)
    image = (exports.build_case(*extents).image[0] * 2000).astype(np.int16) + 50
    image[:3], image[:, -4:] = 0, 0
    cases = []
    for number in range(3):
        write_volume(root / f"i{number}.nii.gz", image + np.int16(7 * number) * (image > 0), affine)
        write_volume(root / f"l{number}.nii.gz", draw_mask(extents), affine)
        cases.append({"image": f"i{number}.nii.gz", "label": f"l{number}.nii.gz"})
    write_list(root, cases, labels=labels)


@pytest.mark.parametrize(("axes", "edges_mm"), [("LAS", (1.5, 1.0, 0.8)), ("PIR", (2.0, 0.7, 1.1))])
def test_a_raw_scan_of_any_orientation_and_spacing_is_answered_as_by_the_evaluation(
    tmp_path: Path, axes: str, edges_mm: tuple[float, float, float], monai: Monai
) -> None:
    write_scans(tmp_path / "data", axes, edges_mm)
    data = DecathlonConfig(
        root=str(tmp_path / "data"),
        cache=str(tmp_path / "cache"),
        spacing_mm=[1.0, 1.25, 0.9],
        intensity="window",
        window=[0.0, 2500.0],
        crop_foreground=True,
    )
    dataset = data.load()
    preparation = Preparation(data.preprocessing, dataset.spacing_mm)
    blueprint, bundle = exports.draw(3), tmp_path / "bundle"
    model = exports.build_model(blueprint, preparation=preparation)
    bundle.mkdir()
    write_bundle(bundle, model)
    reference = make_reference(model.build_network(), dataset.test, blueprint.window, dataset.spacing_mm)
    assert is_asymmetric(reference.mask)
    file = data.find_image(reference.case.name)
    scan = nibabel.load(file)
    (tmp_path / "first").mkdir()
    found = prove_bundle_on_file(bundle, reference, tmp_path / "first", file, preparation)
    assert f"equal to the evaluation in all {np.prod(scan.shape)} pixels" in found
    done = monai.run_bundle(bundle, "--images", str(file))
    assert done.returncode == 0, done.stderr
    mask = nibabel.load(tmp_path / "masks" / file.name.replace(".nii.gz", "_mask.nii.gz"))
    assert mask.shape == scan.shape
    assert np.allclose(mask.affine, scan.affine)

    if axes == "LAS":
        return
    path = bundle / "configs" / "inference.json"
    config = json.loads(path.read_text())
    settings = config["preprocessing"]["transforms"][0]["settings"]
    for step in ({"orientation": "LPS"}, {"spacing_mm": [1, 1, 1]}, {"window": [400, 1200]}):
        config["preprocessing"]["transforms"][0]["settings"] = settings | step
        path.write_text(json.dumps(config))
        place = tmp_path / next(iter(step))
        place.mkdir()
        with pytest.raises(ProofError, match="gives a mask that differs from the evaluation"):
            prove_bundle_on_file(bundle, reference, place, file, preparation)


def test_a_raw_picture_in_colour_is_answered_as_by_the_evaluation_and_one_of_nothing_is_refused(
    tmp_path: Path, monai: Monai
) -> None:
    cases, image = [], (exports.build_case(70, 110, in_channels=3).image * 255).astype(np.uint8)
    (tmp_path / "data").mkdir()
    for number in range(3):
        Image.fromarray(np.moveaxis(image, 0, -1) + np.uint8(number)).save(tmp_path / "data" / f"i{number}.png")
        Image.fromarray(draw_mask((70, 110))).save(tmp_path / "data" / f"l{number}.png")
        cases.append({"image": f"i{number}.png", "label": f"l{number}.png"})
    write_list(tmp_path / "data", cases, labels=exports.CLASS_LABELS, modality={"0": "RGB"})
    data = DecathlonConfig(root=str(tmp_path / "data"), cache=str(tmp_path / "cache"), intensity="percentile")
    dataset = data.load()
    preparation = Preparation(data.preprocessing, dataset.spacing_mm)
    blueprint, bundle = exports.draw(in_channels=3), tmp_path / "bundle"
    model = exports.build_model(blueprint, preparation=preparation)
    bundle.mkdir()
    write_bundle(bundle, model)
    reference = make_reference(model.build_network(), dataset.test, blueprint.window, dataset.spacing_mm)
    file = data.find_image(reference.case.name)
    assert "from its raw file" in prove_bundle_on_file(bundle, reference, tmp_path, file, preparation)
    Image.new("RGB", (60, 50)).save(tmp_path / "black.png")
    refused = monai.run_bundle(bundle, "--images", str(tmp_path / "black.png"))
    assert refused.returncode == 1
    assert "black.png': cannot be prepared as in training" in refused.stderr.splitlines()[-1]
