"""Exports a checkpoint to a folder that others can use, and proves the export in a fresh process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.datasets import DataConfig, load_once
from paretoseg.trainables.data.files_config import FilesConfig
from paretoseg.trainables.data.model_record import ModelRecord
from paretoseg.trainables.data.raw_images import Preparation
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
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.networks.capacity import draw_blueprint
from paretoseg.trainables.networks.checkpoint import load_network

_WRITERS: Mapping[str, Callable[[Path, TrainedModel], None]] = {"bundle": write_bundle, "onnx": write_onnx}


def export_model(
    folder: Path,
    record: ModelRecord,
    *,
    task: ImageTask,
    candidate: Candidate,
    checkpoint: Path,
    form: str,
) -> str:
    """Writes a trained network into an existing, empty folder and proves that it predicts as in the search.

    Args:
        folder: Where to write.
        record: Name, summary, model card and scores of the model.
        task: What it was trained on and how it is scored; a test case is used for the proof.
        candidate: Its architecture and recipe.
        checkpoint: The folder into which its trainable saved.
        form: 'bundle' or 'onnx'.

    Returns:
        What was proved, in words.

    Raises:
        ValueError: if packages are missing or the checkpoint is of another network.
        ProofError: if the export predicts something else.
    """
    if form == "onnx":
        check_onnx()
    data, dataset = task.data, load_once(task.data)
    blueprint = draw_blueprint(candidate, dataset, task.network_size)
    try:
        network = load_network(blueprint, checkpoint)
    except ValueError as error:
        raise ValueError(f"{error}, or pick another trial") from None
    preparation = Preparation(data.preprocessing, dataset.spacing_mm) if isinstance(data, FilesConfig) else None
    model = TrainedModel(blueprint, network.state_dict(), record, dataset.class_names, preparation)
    reference = make_reference(network, dataset.test, blueprint.window, dataset.spacing_mm)
    recorded = record.scores.get(reference.case.name)
    if recorded is not None:
        check_score(reference, recorded, task.scoring(dataset), is_native=task.battery().rules.is_native)
    _WRITERS[form](folder, model)
    return _prove(folder, reference, form, data=data, preparation=preparation)


def _prove(folder: Path, reference: Reference, form: str, *, data: DataConfig, preparation: Preparation | None) -> str:
    with tempfile.TemporaryDirectory(prefix="paretoseg-") as temporary:
        if form == "onnx":
            return prove_onnx(folder, reference, Path(temporary))
        if preparation is not None and isinstance(data, FilesConfig):
            file = data.find_image(reference.case.name)
            return prove_bundle_on_file(folder, reference, Path(temporary), file, preparation)
        return prove_bundle(folder, reference, Path(temporary), load_once(data).spacing_mm)
