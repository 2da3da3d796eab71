"""What a bundle says, and that it runs where nothing of ours can be imported."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from PIL import Image

from tests.trainables import exports
from tests.trainables.data_files import draw_mask, write_list, write_volume
from trainables.blueprint import Blueprint
from trainables.bundle import configure, describe, write_bundle
from trainables.bundle_inference import list_images
from trainables.decathlon import DecathlonConfig
from trainables.evaluation import WINDOW_OVERLAP, predict
from trainables.proof import ProofError, is_telling, make_reference, prove_bundle, prove_bundle_on_file
from trainables.raw_images import Preparation

CLASSES = ("background", "left", "right")

REQUIRED = {
    "schema": str,
    "version": str,
    "monai_version": str,
    "pytorch_version": str,
    "numpy_version": str,
    "required_packages_version": dict,
    "task": str,
    "description": str,
    "authors": str,
    "copyright": str,
    "network_data_format": dict,
}
"""Keys that MONAI's schema of 2024-07-25 requires, with their types."""

REQUIRED_OF_TENSORS = {
    "type": str,
    "format": str,
    "num_channels": int,
    "spatial_shape": list,
    "dtype": str,
    "value_range": list,
}

BLOCKER = """\
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"spaces", "trainables", "search", "cluster", "jaxtyping", "omegaconf"}:
            raise ImportError(f"{name} is not to be there")

sys.meta_path.insert(0, Blocker())
"""
"""Python runs a `sitecustomize` at its start; with this one nothing of ours can be imported."""


def walk(node: Any) -> Iterator[Any]:
    yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from walk(child)


def write(folder: Path, blueprint: Blueprint, seed: int = 0) -> torch.nn.Module:
    network = exports.build_network(blueprint, seed)
    folder.mkdir()
    write_bundle(folder, blueprint, network.state_dict(), exports.build_record(), CLASSES)
    return network


def test_the_metadata_hold_all_that_the_schema_requires() -> None:
    metadata = describe(exports.draw(), exports.build_record(), CLASSES)
    assert all(isinstance(metadata[key], kind) for key, kind in REQUIRED.items())
    tensors = metadata["network_data_format"]
    assert set(tensors) == {"inputs", "outputs", "post_processed_outputs"}
    for tensor in (tensors["inputs"]["image"], tensors["outputs"]["pred"], tensors["post_processed_outputs"]["mask"]):
        assert all(isinstance(tensor[key], kind) for key, kind in REQUIRED_OF_TENSORS.items())
        assert all(isinstance(bound, int) for bound in tensor["value_range"])


def test_the_metadata_name_axes_channels_and_classes_of_volumes_and_colour_pictures() -> None:
    for blueprint in (exports.draw(spatial_dims=3), exports.draw(in_channels=3)):
        metadata = describe(blueprint, exports.build_record(), CLASSES)
        assert metadata["task"] == f"Segmentation of left, right in {blueprint.spatial_dims}D images"
        tensors = metadata["network_data_format"]
        image, logits = tensors["inputs"]["image"], tensors["outputs"]["pred"]
        assert image["spatial_shape"] == [32] * blueprint.spatial_dims
        assert (image["num_channels"], len(image["channel_def"])) == (blueprint.in_channels, blueprint.in_channels)
        assert logits["channel_def"] == {"0": "background", "1": "left", "2": "right"}
        assert tensors["post_processed_outputs"]["mask"]["value_range"] == [0, 2]


def test_every_reader_that_the_config_names_has_its_package_stated() -> None:
    readers = {reader["_target_"] for reader in configure(exports.draw())["preprocessing"]["transforms"][0]["reader"]}
    assert readers == {"PILReader", "NumpyReader", "NibabelReader"}
    stated = describe(exports.draw(), exports.build_record(), CLASSES)["required_packages_version"]
    assert {"pillow", "nibabel", "fire"} <= set(stated)


def test_no_name_from_outside_can_be_evaluated_by_monai() -> None:
    record = exports.build_record(f"Trial 6 of {exports.HOSTILE}\n%evil")
    metadata = json.loads(json.dumps(describe(exports.draw(), record, ("background", exports.HOSTILE, "@weights"))))
    texts = [node for node in walk(metadata) if isinstance(node, str)]
    assert not any(set(text) & set("$@%#\n") for text in texts)


def test_inference_slides_the_window_of_the_evaluation() -> None:
    inferer = configure(exports.draw(spatial_dims=3, window=48))["inferer"]
    assert inferer == {
        "_target_": "SlidingWindowInferer",
        "roi_size": [48, 48, 48],
        "sw_batch_size": 1,
        "overlap": WINDOW_OVERLAP,
        "mode": "constant",
    }


def test_the_weights_load_without_running_code(tmp_path: Path) -> None:
    network = write(tmp_path / "bundle", exports.draw())
    weights = torch.load(tmp_path / "bundle" / "models" / "model.pt", weights_only=True)
    assert all(torch.equal(weights[name], value) for name, value in network.state_dict().items())


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no images"):
        list_images(str(tmp_path))


def test_images_that_would_share_a_mask_are_refused(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "a.png", "b.npy", "notes.txt"):
        (tmp_path / name).write_text("")
    with pytest.raises(SystemExit, match="'a' twice"):
        list_images(str(tmp_path))


def run_without_us(bundle: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """MONAI's own command in a process that can import nothing of ours."""
    (bundle.parent / "block").mkdir(exist_ok=True)
    (bundle.parent / "block" / "sitecustomize.py").write_text(BLOCKER)
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", str(bundle / "configs/inference.json")]
    environment = os.environ | {"PYTHONPATH": str(bundle.parent / "block"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, *words], cwd=bundle.parent, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize(("extents", "in_channels"), [((70, 110), 3), ((20, 36, 28), 1), ((9, 20, 36), 2)])
def test_monai_alone_gives_the_evaluations_mask(tmp_path: Path, extents: tuple[int, ...], in_channels: int) -> None:
    blueprint = exports.draw(len(extents), in_channels)
    network = write(tmp_path / "bundle", blueprint)
    reference = make_reference(network, [exports.build_case(*extents, in_channels=in_channels)], 32)
    assert is_telling(reference.mask)
    found = prove_bundle(tmp_path / "bundle", reference, tmp_path, (0.5, 2.0, 1.5)[: len(extents)])
    assert f"equal to the evaluation in all {reference.mask.size} pixels" in found


@pytest.mark.slow
def test_pictures_arrays_and_volumes_give_one_mask_where_nothing_of_ours_can_be_imported(tmp_path: Path) -> None:
    network = write(tmp_path / "bundle", exports.draw())
    image = (exports.build_case(70, 110).image[0] * 255).astype(np.uint8)
    (tmp_path / "images").mkdir()
    Image.fromarray(image).save(tmp_path / "images" / "picture.png")
    np.save(tmp_path / "images" / "array.npy", image)
    nibabel.save(nibabel.Nifti1Image(image, np.diag([-0.5, -2.0, 1.0, 1.0])), tmp_path / "images" / "volume.nii.gz")
    refused = run_without_us(tmp_path / "bundle", "--images", "images")
    assert refused.returncode == 1
    assert "intensities must lie in [0, 1] after scaling, got " in refused.stderr.splitlines()[-1]
    done = run_without_us(tmp_path / "bundle", "--images", "images", "--intensity_range", "[0,255]")
    assert done.returncode == 0, done.stderr
    expected = predict(network, torch.from_numpy(image / np.float32(255))[None, None], 32).argmax(dim=1)[0].numpy()
    assert is_telling(expected)
    for name in ("picture", "array", "volume"):
        mask = nibabel.load(tmp_path / "masks" / f"{name}_mask.nii.gz")
        assert np.array_equal(np.asarray(mask.dataobj), expected), name
    assert np.allclose(mask.affine, np.diag([-0.5, -2.0, 1.0, 1.0]))


@pytest.mark.slow
def test_a_colour_picture_keeps_its_axes_and_one_with_other_channels_is_refused(tmp_path: Path) -> None:
    network = write(tmp_path / "bundle", exports.draw(in_channels=3))
    image = (exports.build_case(70, 110, in_channels=3).image * 255).astype(np.uint8)
    (tmp_path / "images").mkdir()
    Image.fromarray(np.moveaxis(image, 0, -1)).save(tmp_path / "images" / "picture.png")
    done = run_without_us(tmp_path / "bundle", "--images", "images", "--intensity_range", "[0,255]")
    assert done.returncode == 0, done.stderr
    expected = predict(network, torch.from_numpy(image / np.float32(255))[None], 32).argmax(dim=1)[0].numpy()
    assert is_telling(expected)
    assert np.array_equal(np.asarray(nibabel.load(tmp_path / "masks" / "picture_mask.nii.gz").dataobj), expected)
    Image.fromarray(np.moveaxis(image, 0, -1)).convert("RGBA").save(tmp_path / "images" / "picture.png")
    refused = run_without_us(tmp_path / "bundle", "--images", "images", "--intensity_range", "[0,255]")
    assert refused.returncode == 1
    assert "must have 3 channel(s), got 4; convert the image" in refused.stderr.splitlines()[-1]


@pytest.mark.slow
def test_a_bundle_with_another_window_does_not_pass(tmp_path: Path) -> None:
    blueprint = exports.draw()
    reference = make_reference(write(tmp_path / "bundle", blueprint), [exports.build_case(70, 110)], 32)
    path = tmp_path / "bundle" / "configs" / "inference.json"
    config = json.loads(path.read_text())
    config["inferer"]["roi_size"] = [16, 16]
    path.write_text(json.dumps(config))
    with pytest.raises(ProofError, match="gives another mask than the evaluation: case 'case' differs in"):
        prove_bundle(tmp_path / "bundle", reference, tmp_path, (1.0, 1.0))


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    """The limit on file sizes stands for a full disk; the weights alone meet it."""
    blueprint = exports.draw()
    weights = exports.build_network(blueprint).state_dict()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_bundle(tmp_path, blueprint, weights, exports.build_record(), CLASSES)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


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


@pytest.mark.slow
@pytest.mark.parametrize(("axes", "edges_mm"), [("LAS", (1.5, 1.0, 0.8)), ("PIR", (2.0, 0.7, 1.1))])
def test_a_raw_scan_of_any_orientation_and_spacing_is_answered_as_by_the_evaluation(
    tmp_path: Path, axes: str, edges_mm: tuple[float, float, float]
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
    network = exports.build_network(blueprint)
    bundle.mkdir()
    write_bundle(bundle, blueprint, network.state_dict(), exports.build_record(), CLASSES, preparation)
    reference = make_reference(network, dataset.test, blueprint.window)
    assert is_telling(reference.mask)
    file = data.find_image(reference.case.name)
    scan = nibabel.load(file)
    (tmp_path / "first").mkdir()
    found = prove_bundle_on_file(bundle, reference, tmp_path / "first", file, preparation)
    assert f"equal to the evaluation in all {np.prod(scan.shape)} pixels" in found
    done = run_without_us(bundle, "--images", str(file))
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
        with pytest.raises(ProofError, match="gives another mask than the evaluation"):
            prove_bundle_on_file(bundle, reference, place, file, preparation)


@pytest.mark.slow
def test_a_raw_picture_in_colour_is_answered_as_by_the_evaluation_and_one_of_nothing_is_refused(tmp_path: Path) -> None:
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
    network = exports.build_network(blueprint)
    bundle.mkdir()
    write_bundle(bundle, blueprint, network.state_dict(), exports.build_record(), CLASSES, preparation)
    reference = make_reference(network, dataset.test, blueprint.window)
    file = data.find_image(reference.case.name)
    assert "from its raw file" in prove_bundle_on_file(bundle, reference, tmp_path, file, preparation)
    Image.new("RGB", (60, 50)).save(tmp_path / "black.png")
    refused = run_without_us(bundle, "--images", str(tmp_path / "black.png"))
    assert refused.returncode == 1
    assert "black.png': cannot be prepared as in training" in refused.stderr.splitlines()[-1]
