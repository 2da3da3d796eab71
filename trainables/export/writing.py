"""Exports a checkpoint to a folder that others can use, and proves the export in a fresh process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from torch import nn

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
from paretoseg.trainables.export.trained_model import TrainedModel, combine
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
    checkpoints: Sequence[Path],
    form: str,
) -> str:
    """Writes a trained network into an existing, empty folder and proves that it predicts as in the search.

    Several networks of one candidate become an `Ensemble`: every one is checked, then their average is proved.

    Args:
        folder: Where to write.
        record: Name, summary, model card and scores of the model.
        task: What it was trained on and how it is scored; a test case is used for the proof.
        candidate: Its architecture and recipe.
        checkpoints: The folder into which the trainable of every network saved, in the order of the record's scores.
        form: 'bundle' or 'onnx'.

    Returns:
        What was proved, in words.

    Raises:
        ValueError: if packages are missing, the checkpoint is of another network, or ONNX cannot hold the classes.
        ProofError: if the export predicts something else.
    """
    if form == "onnx":
        check_onnx()
    data, dataset = task.data, load_once(task.data)
    if form == "onnx" and dataset.regions is not None:
        raise ValueError("format onnx cannot hold classes that overlap; take bundle")
    networks, model = gather_model(record, task=task, candidate=candidate, checkpoints=checkpoints)
    window, order = model.blueprint.window, model.order
    make = partial(make_reference, window=window, spacing_mm=dataset.spacing_mm, order=order)
    reference = make(combine(networks, overlaps=order is not None), dataset.test)
    for one, scores in zip(networks, record.scores, strict=True):
        if (recorded := scores.get(reference.case.name)) is not None:
            answer = make(one, [reference.case])
            check_score(answer, recorded, task.scoring(dataset), is_native=task.battery().rules.is_native)
    _WRITERS[form](folder, model)
    return _prove(folder, reference, form, data=data, preparation=model.preparation)


def gather_model(
    record: ModelRecord, *, task: ImageTask, candidate: Candidate, checkpoints: Sequence[Path]
) -> tuple[list[nn.Module], TrainedModel]:
    """The networks of some checkpoints, and all that an export of them needs; arguments as for `export_model`.

    Raises:
        ValueError: if a checkpoint is of another network.
    """
    data, dataset = task.data, load_once(task.data)
    blueprint = draw_blueprint(candidate, dataset, task.network_rules)
    try:
        networks = [load_network(blueprint, checkpoint) for checkpoint in checkpoints]
    except ValueError as error:
        raise ValueError(f"{error}, or pick another trial") from None
    weights = combine(networks, overlaps=dataset.regions is not None).state_dict()
    preparation = _describe_preparation(data, dataset.spacing_mm)
    names = dataset.class_names
    return networks, TrainedModel(blueprint, weights, record, names, preparation, len(networks), dataset.regions)


def _describe_preparation(data: DataConfig, spacing_mm: tuple[float, ...]) -> Preparation | None:
    """How files of the data are prepared; None if the data does not lie in files."""
    if not isinstance(data, FilesConfig):
        return None
    return Preparation(data.preprocessing, spacing_mm, data.count_files_per_image())


def _prove(folder: Path, reference: Reference, form: str, *, data: DataConfig, preparation: Preparation | None) -> str:
    with tempfile.TemporaryDirectory(prefix="paretoseg-") as temporary:
        if form == "onnx":
            return prove_onnx(folder, reference, Path(temporary))
        if preparation is not None and isinstance(data, FilesConfig):
            file = data.find_image(reference.case.name)
            return prove_bundle_on_file(folder, reference, Path(temporary), file, preparation)
        return prove_bundle(folder, reference, Path(temporary), load_once(data).spacing_mm)
