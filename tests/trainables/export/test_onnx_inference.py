"""The script beside an ONNX file slides its window as the evaluation does."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from paretoseg.trainables.evaluation.measuring import predict
from paretoseg.trainables.export.network_source import read_source
from paretoseg.trainables.scoring.windows import WINDOW_OVERLAP
from tests.trainables.exports import build_network, draw

pytest.importorskip("onnxruntime")

from paretoseg.trainables.export.onnx_inference import read_image, slide, window_starts


def test_the_script_needs_onnx_runtime_and_numpy_alone() -> None:
    nodes = list(ast.walk(ast.parse(read_source("paretoseg.trainables.export.onnx_inference"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    assert {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) == {"numpy", "onnxruntime"}


class Session:
    """A torch network behind the face of ONNX Runtime."""

    def __init__(self, network: torch.nn.Module) -> None:
        self.network = network
        self.batches: list[int] = []

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="image")]

    def run(self, names: None, feeds: dict[str, Any]) -> list[Any]:
        self.batches.append(len(feeds["image"]))
        with torch.inference_mode():
            return [self.network(torch.from_numpy(feeds["image"])).numpy()]


@pytest.mark.parametrize("extents", [(32, 32), (33, 56), (96, 80), (20, 45), (31, 7), (40, 20, 33)])
def test_logits_are_those_of_the_evaluation(extents: tuple[int, ...]) -> None:
    network = build_network(draw(len(extents)))
    image = np.random.default_rng(0).random((1, *extents), np.float32)
    expected = predict(network, torch.from_numpy(image)[None], [32] * len(extents))[0].numpy()
    found = slide(Session(network), image, [32] * len(extents), WINDOW_OVERLAP, 3)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_windows_go_through_in_batches() -> None:
    session = Session(build_network(draw()))
    slide(session, np.zeros((1, 32, 80), np.float32), [32, 32], 0.25, 2)
    assert session.batches == [2, 1]


def test_the_last_window_ends_at_the_edge() -> None:
    assert window_starts(32, 32, 0.25) == [0]
    assert window_starts(33, 32, 0.25) == [0, 1]
    assert window_starts(80, 32, 0.25) == [0, 24, 48]
    assert window_starts(81, 32, 0.25) == [0, 24, 48, 49]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((1, 0, 6)), "must have axes"),
        ({"several": np.zeros((1, 4, 6))}, "cannot be read as an array: it holds several arrays"),
        (b"", "cannot be read as an array"),
        (b"PK\x03\x04 half an archive", "cannot be read as an array"),
        (np.zeros((4, 6)), "must have axes"),
        (np.zeros((2, 4, 6)), "1 channel"),
        (np.full((1, 4, 6), 255.0), "intensities must lie in"),
        (np.full((1, 4, 6), np.nan), "intensities must lie in"),
        (None, "cannot be read as an array"),
    ],
)
def test_an_image_of_another_kind_is_refused_in_one_line(tmp_path: Path, image: Any, message: str) -> None:
    file = tmp_path / "image.npy"
    if image is None:
        file.write_text("no array")
    elif isinstance(image, bytes):
        file.write_bytes(image)
    elif isinstance(image, dict):
        with file.open("wb") as stream:
            np.savez(stream, **image)
    else:
        np.save(file, image)
    settings = {"axes": ["channel", "height", "width"], "num_channels": 1, "intensity_range": [0.0, 1.0]}
    with pytest.raises(SystemExit, match=message) as leaving:
        read_image(str(file), settings)
    assert "\n" not in str(leaving.value)
