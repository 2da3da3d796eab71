"""An exported network as an ONNX file, with a description for applications and a script that runs it."""

from __future__ import annotations

import dataclasses
import json
import logging
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import Dim

from paretoseg.trainables.export.bundle import windows_per_pass, write_card
from paretoseg.trainables.export.ensemble import Ensemble
from paretoseg.trainables.export.network_source import read_source
from paretoseg.trainables.export.trained_model import TrainedModel
from paretoseg.trainables.networks.blueprint import ARCHITECTURE_FILE, Blueprint
from paretoseg.trainables.scoring.windows import WINDOW_OVERLAP

INPUT, OUTPUT = "image", "logits"
FIXED_EXTENTS = frozenset({"swin_unetr"})
"""Families whose computation branches on the extents of an image, which a file for any extents cannot."""

_PACKAGES = ("onnx", "onnxruntime", "onnxscript")


def check_onnx() -> None:
    """Raises ValueError if a package for the export to ONNX is missing."""
    missing = [name for name in _PACKAGES if not _is_there(name)]
    if missing:
        raise ValueError(f"format onnx needs {', '.join(missing)}; pip install 'paretoseg[onnx]', or take bundle")


def write_onnx(folder: Path, model: TrainedModel) -> None:
    """Writes the model, its description and the script into an existing, empty folder; a file for every network.

    The preprocessing of the training files is described, and the application must do it.
    """
    settings, network = describe(model), model.build_network()
    members = network.members if isinstance(network, Ensemble) else [network]
    for name, member in zip(settings["models"], members, strict=True):
        convert(member, model.blueprint, folder / name)
    (folder / "model.json").write_text(json.dumps(settings, indent=2) + "\n")
    (folder / "segment.py").write_text(read_source("paretoseg.trainables.export.onnx_inference"))
    write_card(folder, model)
    (folder / ARCHITECTURE_FILE).write_text(model.blueprint.to_yaml())


def convert(network: nn.Module, blueprint: Blueprint, path: Path) -> None:
    """Writes the network as ONNX: any batch size, any spatial extents that the total strides divide.

    Families in `FIXED_EXTENTS` accept only the window's extents, which is enough for a sliding window.
    """
    axes: dict[int, Any] = {}
    if blueprint.architecture.family not in FIXED_EXTENTS:
        axes = {
            2 + axis: stride * Dim(f"extent_{axis}", min=1) if stride > 1 else Dim(f"extent_{axis}", min=1)
            for axis, stride in enumerate(blueprint.total_strides)
        }
    example = torch.zeros(2, blueprint.in_channels, *blueprint.window)
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # raised by other libraries; the file is checked afterwards
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


def describe(model: TrainedModel) -> dict[str, Any]:
    """The content of `model.json`: everything that an application must do before and after the network."""
    blueprint, record = model.blueprint, model.record
    spatial = ["height", "width"] if blueprint.spatial_dims == 2 else ["depth", "height", "width"]
    settings = {
        "name": record.name,
        "summary": record.summary,
        "models": list_files(model.num_networks),
        "input": {"name": INPUT, "dtype": "float32", "axes": ["batch", "channel", *spatial]},
        "output": {"name": OUTPUT, "dtype": "float32", "axes": ["batch", "class", *spatial]},
        "axes": ["channel", *spatial],
        "num_channels": blueprint.in_channels,
        "intensity_range": [0.0, 1.0],
        "extents_divisible_by": list(blueprint.total_strides),
        "extents": list(blueprint.window) if blueprint.architecture.family in FIXED_EXTENTS else "any",
        "window": list(blueprint.window),
        "overlap": WINDOW_OVERLAP,
        "windows_per_pass": windows_per_pass(blueprint),
        "blending": "mean of the logits of all windows that cover a place",
        "padding": "zeros on both sides, half each, where the image is smaller than the window",
        "mask": "class of the largest logit, the first of equals",
        "class_names": list(model.class_names),
        "pytorch_version": version("torch").partition("+")[0],
    }
    if model.preparation is not None:
        settings["preparation"] = dataclasses.asdict(model.preparation.settings) | {
            "spacing_of_training_mm": list(model.preparation.spacing_mm)
        }
    return settings


def list_files(num_networks: int) -> list[str]:
    """The names of the ONNX files, one a network."""
    return ["model.onnx"] if num_networks == 1 else [f"model-{number}.onnx" for number in range(num_networks)]


def _is_there(package: str) -> bool:
    try:
        version(package)
    except ModuleNotFoundError:
        return False
    return True
