"""An ONNX file takes any batch and extents, and ONNX Runtime alone gives the evaluation's mask from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from paretoseg.trainables.export import onnx_model
from paretoseg.trainables.export.onnx_model import check_onnx, describe, write_onnx
from paretoseg.trainables.export.proof import ProofError, make_reference, prove_onnx
from tests.trainables import exports


def test_missing_packages_are_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_model, "_PACKAGES", ("onnx-not-there", "torch"))
    with pytest.raises(ValueError, match=r"format onnx needs onnx-not-there; pip install 'paretoseg\[onnx\]'"):
        check_onnx()


def test_the_description_is_json_and_names_axes_in_order() -> None:
    settings = json.loads(json.dumps(describe(exports.build_model(exports.draw(3, spacing=(5.0, 0.8, 0.8))))))
    assert settings["axes"] == ["channel", "depth", "height", "width"]
    assert settings["extents_divisible_by"] == [1, 4, 4]
    assert settings["window"] == [9, 60, 60]
    assert settings["class_names"] == list(exports.CLASS_LABELS.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extents", "in_channels", "spacing"), [((70, 110), 3, ()), ((20, 60, 28), 1, (5.0, 0.8, 0.8))]
)
def test_onnx_runtime_gives_the_evaluations_mask(
    tmp_path: Path, extents: tuple[int, ...], in_channels: int, spacing: tuple[float, ...]
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    blueprint = exports.draw(len(extents), in_channels, window=16 if spacing else 32, spacing=spacing)
    model = exports.build_model(blueprint)
    network = model.build_network()
    folder = tmp_path / "onnx"
    folder.mkdir()
    write_onnx(folder, model)
    reference = make_reference(
        network, [exports.build_case(*extents, in_channels=in_channels)], blueprint.window, (1.0,) * len(extents)
    )
    assert "equal to the evaluation" in prove_onnx(folder, reference, tmp_path)

    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    images = torch.rand(5, in_channels, *(12, 20, 8)[: len(extents)])
    with torch.inference_mode():
        expected = network(images).numpy()
    np.testing.assert_allclose(session.run(None, {"image": images.numpy()})[0], expected, atol=1e-4)

    settings = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(settings | {"window": [8] * len(extents)}))
    with pytest.raises(ProofError, match="ONNX Runtime gives a mask that differs"):
        prove_onnx(folder, reference, tmp_path)
