"""An exported network as a MONAI Bundle: metadata, the inference config, weights, and the code of the network.

See the MONAI Bundle Specification (https://docs.monai.io/en/stable/mb_specification.html). The bundle runs where MONAI
is installed, without paretoseg: `scripts/` contains the code of the network, and the config refers to nothing else.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from paretoseg.trainables.data.image_files import FIRST_CHANNEL, PICTURE_SUFFIXES, VOLUME_SUFFIXES
from paretoseg.trainables.data.model_record import to_plain_text
from paretoseg.trainables.data.raw_images import Preparation
from paretoseg.trainables.data.tiff_files import TIFF_SUFFIXES
from paretoseg.trainables.evaluation.measuring import PIXELS_PER_PASS
from paretoseg.trainables.export.network_source import READERS, collect_sources
from paretoseg.trainables.export.trained_model import TrainedModel
from paretoseg.trainables.networks.blueprint import ARCHITECTURE_FILE, Blueprint
from paretoseg.trainables.scoring.windows import WINDOW_OVERLAP

SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
BUNDLE_VERSION = "0.1.0"
_UNSTATED = "Not stated; fill in before the bundle is passed on."

_NETWORK_SOURCE = "paretoseg.trainables.networks.encoder_decoder"
_INFERENCE_SOURCE = "paretoseg.trainables.export.bundle_inference"
_TRANSFORMS_SOURCE = "paretoseg.trainables.export.bundle_transforms"
_ENSEMBLE_SOURCE = "paretoseg.trainables.export.ensemble"
"""Our modules that a bundle contains, with all that they import; in `scripts/` they are in one folder."""

NETWORK_MODULE, NETWORK_BUILDER, INFERENCE_MODULE = "encoder_decoder", "build_network", "bundle_inference"
TRANSFORMS_MODULE, PREPROCESSING_MODULE, ENSEMBLE_MODULE = "bundle_transforms", "preprocessing", "ensemble"
"""Their names in `scripts/`."""


def write_bundle(folder: Path, model: TrainedModel) -> None:
    """Writes a bundle of the model into an existing, empty folder."""
    for name in ("configs", "models", "scripts", "docs"):
        (folder / name).mkdir()
    _write_json(folder / "configs" / "metadata.json", describe(model))
    _write_json(
        folder / "configs" / "inference.json",
        configure(model.blueprint, model.preparation, model.num_networks, model.order),
    )
    buffer = io.BytesIO()
    torch.save(dict(model.weights), buffer)
    # With a full disk, torch.save to a path would raise a RuntimeError without a reason.
    (folder / "models" / "model.pt").write_bytes(buffer.getvalue())
    sources = collect_sources(_NETWORK_SOURCE) | collect_sources(_INFERENCE_SOURCE)
    if model.num_networks > 1:
        sources |= collect_sources(_ENSEMBLE_SOURCE)
    if model.preparation is not None:
        readers = collect_sources(_TRANSFORMS_SOURCE, READERS)
        assert not set(sources) & set(readers), f"modules of one name: {sorted(set(sources) & set(readers))}"
        sources |= readers
    for name, text in sources.items():
        (folder / "scripts" / name).write_text(text)
    (folder / "scripts" / "__init__.py").write_text('"""The network and how it is applied; needs torch and MONAI."""\n')
    write_card(folder / "docs", model)
    (folder / ARCHITECTURE_FILE).write_text(model.blueprint.to_yaml())


def write_card(folder: Path, model: TrainedModel) -> None:
    """Writes the model card and its pictures into an existing folder."""
    (folder / "README.md").write_text(model.record.card)
    for name, content in model.record.pictures.items():
        (folder / name).write_bytes(content)


def configure(
    blueprint: Blueprint,
    preparation: Preparation | None = None,
    num_networks: int = 1,
    order: Sequence[int] | None = None,
) -> dict[str, Any]:
    """The content of `configs/inference.json`: the same inference as in the search, from image files to mask files.

    With a preparation, raw files are prepared like those of the dataset, and masks are on the grid of the raw file.
    Several networks slide over the image one after the other, and their probabilities are averaged. Classes that
    overlap are painted one over the other, in their order.
    """
    files: dict[str, Any] = {"_target_": f"scripts.{INFERENCE_MODULE}.list_images", "place": "$str(@images)"}
    if preparation is not None:
        files["suffixes"] = _list_suffixes(blueprint, preparation)
    return {
        "imports": ["$import importlib", "$import pathlib", "$import numpy", "$import torch"],
        "bundle_root": "$str(pathlib.Path(importlib.import_module('scripts').__file__).parents[1])",
        "images": "images",
        "output_dir": "masks",
        **({"intensity_range": [0.0, 1.0]} if preparation is None else {}),
        "device": "$'cuda' if torch.cuda.is_available() else 'cpu'",
        "network_def": _configure_network(blueprint, num_networks, overlaps=order is not None),
        "weights": "$torch.load(@bundle_root + '/models/model.pt', map_location='cpu', weights_only=True)",
        "load_weights": "$@network_def.load_state_dict(@weights)",
        "preprocessing": {"_target_": "Compose", "transforms": _configure_preprocessing(blueprint, preparation)},
        "inferer": {
            "_target_": "SlidingWindowInferer" if num_networks == 1 else f"scripts.{ENSEMBLE_MODULE}.EnsembleInferer",
            "roi_size": list(blueprint.window),
            "sw_batch_size": windows_per_pass(blueprint),
            "overlap": WINDOW_OVERLAP,
            "mode": "constant",
        },
        "postprocessing": {"_target_": "Compose", "transforms": _configure_postprocessing(preparation, order)},
        "files": files,
        "run": [
            "$@load_weights",
            {
                "_target_": f"scripts.{INFERENCE_MODULE}.segment",
                "files": "@files",
                "network": "@network_def",
                "preprocessing": "@preprocessing",
                "inferer": "@inferer",
                "postprocessing": "@postprocessing",
                "num_channels": blueprint.in_channels,
                "device": "@device",
            },
        ],
    }


def _list_suffixes(blueprint: Blueprint, preparation: Preparation) -> list[str]:
    """The ends of the names of images; only first files, if every channel is in a file of its own."""
    kinds = PICTURE_SUFFIXES if blueprint.spatial_dims == 2 else (*VOLUME_SUFFIXES, *TIFF_SUFFIXES)
    first = FIRST_CHANNEL if preparation.files_per_image > 1 else ""
    return [first + suffix for suffix in kinds]


def _list_packages(blueprint: Blueprint, preparation: Preparation | None) -> tuple[str, ...]:
    """The packages that the bundle needs besides torch, MONAI and numpy."""
    packages: tuple[str, ...] = ("fire", "nibabel", "pillow")
    if preparation is not None:
        readers = ("pillow", "tifffile") if blueprint.spatial_dims == 2 else ("simpleitk", "tifffile")
        packages = ("fire", "nibabel", "scipy", *readers)
    return (*packages, "einops") if blueprint.architecture.family == "swin_unetr" else packages


def _configure_network(blueprint: Blueprint, num_networks: int, *, overlaps: bool) -> dict[str, Any]:
    shape = dataclasses.asdict(blueprint.architecture)
    network = {
        "_target_": f"scripts.{NETWORK_MODULE}.{NETWORK_BUILDER}",
        "architecture": {"_target_": "scripts.architecture.Architecture", **shape},
        "spatial_dims": blueprint.spatial_dims,
        "in_channels": blueprint.in_channels,
        "num_classes": blueprint.num_classes,
        "spacing": list(blueprint.spacing),
        **({"levels": _configure_levels(blueprint)} if blueprint.levels else {}),
    }
    if num_networks == 1:
        return network
    ensemble = {"_target_": f"scripts.{ENSEMBLE_MODULE}.Ensemble", "members": [network] * num_networks}
    return {**ensemble, "overlaps": True} if overlaps else ensemble


def _configure_levels(blueprint: Blueprint) -> list[dict[str, Any]]:
    return [
        {"_target_": "scripts.geometry.Level", "strides": list(level.strides), "reach": list(level.reach)}
        for level in blueprint.levels
    ]


def _configure_preprocessing(blueprint: Blueprint, preparation: Preparation | None) -> list[dict[str, Any]]:
    if preparation is not None:
        settings = dataclasses.asdict(preparation.settings)
        return [
            {
                "_target_": f"scripts.{TRANSFORMS_MODULE}.PrepareImage",
                "settings": {"_target_": f"scripts.{PREPROCESSING_MODULE}.Preprocessing", **settings},
                "spacing_mm": list(preparation.spacing_mm),
                "num_channels": blueprint.in_channels,
                **({"files_per_image": preparation.files_per_image} if preparation.files_per_image > 1 else {}),
            }
        ]
    channel_dim = "no_channel" if blueprint.in_channels == 1 else -1
    return [
        {"_target_": "LoadImaged", "keys": "image", "reader": _readers(), "dtype": "$numpy.float32"},
        {"_target_": "EnsureChannelFirstd", "keys": "image", "channel_dim": channel_dim},
        {
            "_target_": "ScaleIntensityRanged",
            "keys": "image",
            "a_min": "$float(@intensity_range[0])",
            "a_max": "$float(@intensity_range[1])",
            "b_min": 0.0,
            "b_max": 1.0,
        },
    ]


def _configure_postprocessing(preparation: Preparation | None, order: Sequence[int] | None) -> list[dict[str, Any]]:
    classify: dict[str, Any] = {"_target_": "AsDiscreted", "keys": "pred", "argmax": True}
    if preparation is not None:
        painting = {} if order is None else {"order": list(order)}
        classify = {"_target_": f"scripts.{TRANSFORMS_MODULE}.RestoreMask", **painting}
    assert order is None or preparation is not None, "only data in files has classes that overlap"
    return [
        classify,
        {
            "_target_": "SaveImaged",
            "keys": "pred",
            "output_dir": "@output_dir",
            "output_postfix": "mask",
            "output_ext": ".nii.gz",
            "output_dtype": "$numpy.uint8",
            "resample": False,
            "separate_folder": False,
        },
    ]


def _readers() -> list[dict[str, Any]]:
    """Readers by file ending. Pictures are read as (height, width): by default, MONAI would swap the axes."""
    return [
        {"_target_": "PILReader", "reverse_indexing": False},
        {"_target_": "NumpyReader"},
        {"_target_": "NibabelReader"},
    ]


def windows_per_pass(blueprint: Blueprint) -> int:
    """Number of windows per forward pass, as in the evaluation."""
    return max(PIXELS_PER_PASS // math.prod(blueprint.window), 1)


def describe(model: TrainedModel) -> dict[str, Any]:
    """The content of `configs/metadata.json`, after MONAI's schema of 2024-07-25.

    MONAI evaluates strings of a config that start with '$', so this character is removed from all text of the user's.
    """
    blueprint, record = model.blueprint, model.record
    names = {str(label): to_plain_text(name) for label, name in enumerate(model.class_names)}
    classes = ", ".join(f"{label} is {name}" for label, name in names.items())
    foreground = ", ".join(name for label, name in names.items() if label != "0")
    return {
        "schema": SCHEMA,
        "version": BUNDLE_VERSION,
        "changelog": {BUNDLE_VERSION: to_plain_text(record.summary)},
        "monai_version": version("monai"),
        "pytorch_version": version("torch").partition("+")[0],
        "numpy_version": version("numpy"),
        "required_packages_version": {name: version(name) for name in _list_packages(blueprint, model.preparation)},
        "name": record.name,
        "task": f"Segmentation of {foreground} in {blueprint.spatial_dims}D images",
        "description": to_plain_text(record.summary),
        "authors": _UNSTATED,
        "copyright": _UNSTATED,
        "data_source": _UNSTATED,
        "data_type": "nibabel",
        "image_classes": f"{blueprint.in_channels} channel(s), intensities in [0, 1]",
        "label_classes": classes,
        "pred_classes": classes,
        "eval_metrics": dict(record.metrics),
        "intended_use": "Research only; not for diagnosis or treatment.",
        **({} if model.regions is None else {"regions": [list(values) for values in model.regions.values]}),
        "network_data_format": _describe_tensors(model, names, classes),
    }


def _describe_tensors(model: TrainedModel, names: Mapping[str, str], classes: str) -> dict[str, Any]:
    blueprint = model.blueprint
    shared = {
        "type": "image",
        "spatial_shape": list(blueprint.window),
        "dtype": "float32",
        "is_patch_data": True,
    }
    image = {
        **shared,
        "format": "magnitude",
        "modality": "n/a",
        "num_channels": blueprint.in_channels,
        "value_range": [0, 1],
        "channel_def": {str(channel): "intensity" for channel in range(blueprint.in_channels)},
    }
    logits = {
        **shared,
        "format": "labels",
        "num_channels": blueprint.num_classes,
        "value_range": [],
        "channel_def": dict(names) if model.order is None else _without_background(names),
    }
    mask = {
        **shared,
        "format": "segmentation",
        "dtype": "uint8",
        "is_patch_data": False,
        "num_channels": 1,
        "value_range": [0, len(names) - 1],
        "channel_def": {"0": classes},
    }
    return {"inputs": {"image": image}, "outputs": {"pred": logits}, "post_processed_outputs": {"mask": mask}}


def _without_background(names: Mapping[str, str]) -> dict[str, str]:
    """The channels of overlapping classes, of which the background is none."""
    return {str(channel): name for channel, name in enumerate([*names.values()][1:])}


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")
