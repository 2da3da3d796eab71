"""Exports a checkpoint to a folder that others can use, and proves the export in a fresh process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from paretoseg.spaces.network_size import NetworkSize
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.datasets import DataConfig, Dataset, load_once
from paretoseg.trainables.data.files_config import FilesConfig
from paretoseg.trainables.data.model_record import ModelRecord
from paretoseg.trainables.data.raw_images import Preparation
from paretoseg.trainables.export.blueprint import Blueprint
from paretoseg.trainables.export.bundle import write_bundle
from paretoseg.trainables.export.onnx_model import check_onnx, write_onnx
from paretoseg.trainables.export.proof import (
    Reference,
    check_score,
    make_reference,
    prove_bundle,
    prove_bundle_on_file,
    prove_onnx,
)
from paretoseg.trainables.export.trained_model import TrainedModel
from paretoseg.trainables.networks.capacity import match_width
from paretoseg.trainables.segmentation.trial import WEIGHTS_FILE

_DAMAGED = (AttributeError, EOFError, KeyError, OSError, RuntimeError, TypeError, UnpicklingError, ValueError)
"""The errors that torch raises for a file that is missing, damaged or of another network."""

_WRITERS: Mapping[str, Callable[[Path, TrainedModel], None]] = {"bundle": write_bundle, "onnx": write_onnx}


def export_model(
    folder: Path,
    record: ModelRecord,
    *,
    data: DataConfig,
    candidate: Candidate,
    checkpoint: Path,
    form: str,
    size: NetworkSize,
) -> str:
    """Writes a trained network into an existing, empty folder and proves that it predicts as in the search.

    Args:
        folder: Where to write.
        record: Name, summary, model card and scores of the model.
        data: The data on which it was trained; a test case is used for the proof.
        candidate: Its architecture and recipe.
        checkpoint: The folder into which its trainable saved.
        form: 'bundle' or 'onnx'.
        size: The size to which the width was matched.

    Returns:
        What was proved, in words.

    Raises:
        ValueError: if packages are missing or the checkpoint is of another network.
        ProofError: if the export predicts something else.
    """
    if form == "onnx":
        check_onnx()
    dataset = load_once(data)
    blueprint = draw_blueprint(candidate, dataset, size)
    weights = read_weights(checkpoint, blueprint)
    preparation = Preparation(data.preprocessing, dataset.spacing_mm) if isinstance(data, FilesConfig) else None
    model = TrainedModel(blueprint, weights, record, dataset.class_names, preparation)
    reference = make_reference(model.build_network(), dataset.test, blueprint.window)
    recorded = record.scores.get(reference.case.name)
    if recorded is not None:
        check_score(reference, recorded, dataset.num_classes)
    _WRITERS[form](folder, model)
    return _prove(folder, reference, form, data=data, preparation=preparation)


def draw_blueprint(candidate: Candidate, dataset: Dataset, size: NetworkSize) -> Blueprint:
    """The blueprint of a candidate's network on a dataset, with the width that matches `size` if it gives one."""
    shape = {
        "spatial_dims": dataset.spatial_dims,
        "in_channels": dataset.num_channels,
        "num_classes": dataset.num_classes,
    }
    patch = candidate.recipe.patch
    architecture = match_width(candidate.architecture, size, patch=patch, **shape)
    return Blueprint(architecture, **shape, window=patch)


def read_weights(checkpoint: Path, blueprint: Blueprint) -> dict[str, Tensor]:
    """The weights of a checkpoint, on the CPU.

    Raises:
        ValueError: if the file is missing or damaged, or holds the weights of another network.
    """
    try:
        weights = torch.load(checkpoint / WEIGHTS_FILE, weights_only=True, map_location="cpu")
        blueprint.build().load_state_dict(weights)
    except _DAMAGED as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"the checkpoint's {WEIGHTS_FILE} does not hold the weights of this trial ({cause}); restore it from a "
            "backup, or pick another trial"
        ) from None
    return dict(weights)


def _prove(folder: Path, reference: Reference, form: str, *, data: DataConfig, preparation: Preparation | None) -> str:
    with tempfile.TemporaryDirectory(prefix="paretoseg-") as temporary:
        if form == "onnx":
            return prove_onnx(folder, reference, Path(temporary))
        if preparation is not None and isinstance(data, FilesConfig):
            file = data.find_image(reference.case.name)
            return prove_bundle_on_file(folder, reference, Path(temporary), file, preparation)
        return prove_bundle(folder, reference, Path(temporary), load_once(data).spacing_mm)
