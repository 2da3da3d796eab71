"""An exported network as an ONNX file, with what else an application must know, and a script that applies it."""

from __future__ import annotations

import dataclasses
import json
import logging
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from trainables.blueprint import ARCHITECTURE_FILE, Blueprint
from trainables.bundle import windows_per_pass
from trainables.evaluation import WINDOW_OVERLAP
from trainables.model_record import ModelRecord
from trainables.network_source import read_source
from trainables.raw_images import Preparation

INPUT, OUTPUT = "image", "logits"
_PACKAGES = ("onnx", "onnxruntime", "onnxscript")


def check_onnx() -> None:
    """Raises ValueError if a package is missing that the export to ONNX needs."""
    missing = [name for name in _PACKAGES if not _is_there(name)]
    if missing:
        raise ValueError(f"format onnx needs {', '.join(missing)}; pip install 'paretoseg[onnx]', or take bundle")


def write_onnx(
    folder: Path,
    blueprint: Blueprint,
    weights: Mapping[str, Tensor],
    record: ModelRecord,
    class_names: tuple[str, ...],
    preparation: Preparation | None = None,
) -> None:
    """Writes the model, its description and the script into an existing, empty folder.

    Args:
        folder: Where to write.
        blueprint: The network.
        weights: Its weights.
        record: What is told of it.
        class_names: By label.
        preparation: What was done to the files that it was trained on; described, and left to the application.
    """
    network = blueprint.build()
    network.load_state_dict(dict(weights))
    convert(network.eval(), blueprint, folder / "model.onnx")
    settings = describe(blueprint, record, class_names)
    if preparation is not None:
        settings["preparation"] = dataclasses.asdict(preparation.settings) | {
            "spacing_of_training_mm": list(preparation.spacing_mm)
        }
    (folder / "model.json").write_text(json.dumps(settings, indent=2) + "\n")
    (folder / "segment.py").write_text(read_source("trainables.onnx_inference"))
    (folder / "README.md").write_text(record.card)
    (folder / ARCHITECTURE_FILE).write_text(blueprint.to_yaml())


def convert(network: nn.Module, blueprint: Blueprint, path: Path) -> None:
    """Writes the network as ONNX: any batch size, any spatial extents that the total stride divides."""
    stride, extent = blueprint.architecture.total_stride, blueprint.window
    axes = {2 + axis: stride * Dim(f"extent_{axis}", min=1) for axis in range(blueprint.spatial_dims)}
    example = torch.zeros(2, blueprint.in_channels, *[extent] * blueprint.spatial_dims)
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other libraries' making; the file is checked afterwards
            torch.onnx.export(
                network,
                (example,),
                str(path),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: Dim("batch", min=1), **axes},),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def describe(blueprint: Blueprint, record: ModelRecord, class_names: tuple[str, ...]) -> dict[str, Any]:
    """The content of `model.json`: all that an application must do around the network."""
    spatial = ["height", "width"] if blueprint.spatial_dims == 2 else ["depth", "height", "width"]
    return {
        "name": record.name,
        "summary": record.summary,
        "input": {"name": INPUT, "dtype": "float32", "axes": ["batch", "channel", *spatial]},
        "output": {"name": OUTPUT, "dtype": "float32", "axes": ["batch", "class", *spatial]},
        "axes": ["channel", *spatial],
        "num_channels": blueprint.in_channels,
        "intensity_range": [0.0, 1.0],
        "extents_divisible_by": blueprint.architecture.total_stride,
        "window": blueprint.window,
        "overlap": WINDOW_OVERLAP,
        "windows_per_pass": windows_per_pass(blueprint),
        "blending": "mean of the logits of all windows that cover a place",
        "padding": "zeros on both sides, half each, where the image is smaller than the window",
        "mask": "class of the largest logit, the first of equals",
        "class_names": list(class_names),
        "pytorch_version": version("torch").partition("+")[0],
    }


def _is_there(package: str) -> bool:
    try:
        version(package)
    except ModuleNotFoundError:
        return False
    return True
