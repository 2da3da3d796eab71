"""What a bundle says, and that it gives the evaluation's masks."""

from __future__ import annotations

import dataclasses
import json
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from paretoseg.trainables.export.bundle import configure, describe, write_bundle
from paretoseg.trainables.export.proof import ProofError, is_asymmetric, make_reference, prove_bundle
from paretoseg.trainables.scoring.windows import WINDOW_OVERLAP
from tests.trainables import exports
from tests.trainables.bundle_runs import write

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


def walk(node: Any) -> Iterator[Any]:
    yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from walk(child)


def test_the_metadata_hold_all_that_the_schema_requires() -> None:
    metadata = describe(exports.build_model(exports.draw()))
    assert all(isinstance(metadata[key], kind) for key, kind in REQUIRED.items())
    tensors = metadata["network_data_format"]
    assert set(tensors) == {"inputs", "outputs", "post_processed_outputs"}
    for tensor in (tensors["inputs"]["image"], tensors["outputs"]["pred"], tensors["post_processed_outputs"]["mask"]):
        assert all(isinstance(tensor[key], kind) for key, kind in REQUIRED_OF_TENSORS.items())
        assert all(isinstance(bound, int) for bound in tensor["value_range"])


def test_the_metadata_name_axes_channels_and_classes_of_volumes_and_colour_pictures() -> None:
    for blueprint in (exports.draw(spatial_dims=3), exports.draw(in_channels=3)):
        metadata = describe(exports.build_model(blueprint))
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
    stated = describe(exports.build_model(exports.draw()))["required_packages_version"]
    assert {"pillow", "nibabel", "fire"} <= set(stated)


def test_no_name_from_outside_can_be_evaluated_by_monai() -> None:
    record = exports.build_record(f"Trial 6 of {exports.HOSTILE}\n%evil")
    names = ("background", exports.HOSTILE, "@weights")
    model = dataclasses.replace(exports.build_model(exports.draw()), record=record, class_names=names)
    metadata = json.loads(json.dumps(describe(model)))
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


def test_the_pictures_of_the_card_lie_beside_it(tmp_path: Path) -> None:
    model = exports.build_model(exports.draw())
    record = dataclasses.replace(model.record, pictures={"case-1.png": b"picture"})
    write_bundle(tmp_path, dataclasses.replace(model, record=record))
    assert (tmp_path / "docs" / "case-1.png").read_bytes() == b"picture"
    assert (tmp_path / "docs" / "README.md").read_text() == record.card


def test_the_weights_load_without_running_code(tmp_path: Path) -> None:
    network = write(tmp_path / "bundle", exports.draw())
    weights = torch.load(tmp_path / "bundle" / "models" / "model.pt", weights_only=True)
    assert all(torch.equal(weights[name], value) for name, value in network.state_dict().items())


@pytest.mark.usefixtures("monai")
@pytest.mark.parametrize(
    ("extents", "in_channels", "spacing"),
    [((70, 110), 3, ()), ((20, 36, 28), 1, ()), ((9, 60, 36), 2, (5.0, 0.8, 0.8))],
)
def test_monai_alone_gives_the_evaluations_mask(
    tmp_path: Path, extents: tuple[int, ...], in_channels: int, spacing: tuple[float, ...]
) -> None:
    blueprint = exports.draw(len(extents), in_channels, window=16 if spacing else 32, spacing=spacing)
    network = write(tmp_path / "bundle", blueprint)
    reference = make_reference(
        network, [exports.build_case(*extents, in_channels=in_channels)], blueprint.window, (1.0,) * len(extents)
    )
    assert is_asymmetric(reference.mask)
    found = prove_bundle(tmp_path / "bundle", reference, tmp_path, (0.5, 2.0, 1.5)[: len(extents)])
    assert f"equal to the evaluation in all {reference.mask.size} pixels" in found


@pytest.mark.usefixtures("monai")
def test_a_bundle_with_another_window_does_not_pass(tmp_path: Path) -> None:
    blueprint = exports.draw()
    reference = make_reference(
        write(tmp_path / "bundle", blueprint), [exports.build_case(70, 110)], (32, 32), (1.0, 1.0)
    )
    path = tmp_path / "bundle" / "configs" / "inference.json"
    config = json.loads(path.read_text())
    config["inferer"]["roi_size"] = [16, 16]
    path.write_text(json.dumps(config))
    with pytest.raises(ProofError, match="differs from the evaluation's: case 'case' differs in"):
        prove_bundle(tmp_path / "bundle", reference, tmp_path, (1.0, 1.0))


def test_a_full_disk_is_reported_as_such(tmp_path: Path) -> None:
    """The limit on file sizes stands for a full disk; the weights alone meet it."""
    model = exports.build_model(exports.draw())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_bundle(tmp_path, model)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
