"""An exported network as a MONAI Bundle: metadata, the inference config, weights, and the code of the network.

See the MONAI Bundle Specification (https://docs.monai.io/en/stable/mb_specification.html). The bundle runs where MONAI
is installed, without paretoseg: `scripts/` contains the code of the network, and the config refers to nothing else.
"""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from paretoseg.trainables.data.image_files import PICTURE_SUFFIXES, VOLUME_SUFFIXES
from paretoseg.trainables.data.model_record import to_plain_text
from paretoseg.trainables.data.raw_images import Preparation
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
"""Our modules that a bundle contains, with all that they import; in `scripts/` they are in one folder."""

NETWORK_MODULE, NETWORK_BUILDER, INFERENCE_MODULE = "encoder_decoder", "build_network", "bundle_inference"
TRANSFORMS_MODULE, PREPROCESSING_MODULE = "bundle_transforms", "preprocessing"
"""Their names in `scripts/`."""


def write_bundle(folder: Path, model: TrainedModel) -> None:
    """Writes a bundle of the model into an existing, empty folder."""
    for name in ("configs", "models", "scripts", "docs"):
        (folder / name).mkdir()
    _write_json(folder / "configs" / "metadata.json", describe(model))
    _write_json(folder / "configs" / "inference.json", configure(model.blueprint, model.preparation))
    buffer = io.BytesIO()
    torch.save(dict(model.weights), buffer)
    # With a full disk, torch.save to a path would raise a RuntimeError without a reason.
    (folder / "models" / "model.pt").write_bytes(buffer.getvalue())
    sources = collect_sources(_NETWORK_SOURCE) | collect_sources(_INFERENCE_SOURCE)
    if model.preparation is not None:
        readers = collect_sources(_TRANSFORMS_SOURCE, READERS)
        assert not set(sources) & set(readers), f"modules of one name: {sorted(set(sources) & set(readers))}"
        sources |= readers
    for name, text in sources.items():
        (folder / "scripts" / name).write_text(text)
    (folder / "scripts" / "__init__.py").write_text('"""The network and how it is applied; needs torch and MONAI."""\n')
    (folder / "docs" / "README.md").write_text(model.record.card)
    (folder / ARCHITECTURE_FILE).write_text(model.blueprint.to_yaml())


def configure(blueprint: Blueprint, preparation: Preparation | None = None) -> dict[str, Any]:
    """The content of `configs/inference.json`: the same inference as in the search, from image files to mask files.

    With a preparation, raw files are prepared like those of the dataset, and masks are on the grid of the raw file.
    """
    files: dict[str, Any] = {"_target_": f"scripts.{INFERENCE_MODULE}.list_images", "place": "$str(@images)"}
    if preparation is not None:
        files["suffixes"] = list(PICTURE_SUFFIXES if blueprint.spatial_dims == 2 else VOLUME_SUFFIXES)
    return {
        "imports": ["$import importlib", "$import pathlib", "$import numpy", "$import torch"],
        "bundle_root": "$str(pathlib.Path(importlib.import_module('scripts').__file__).parents[1])",
        "images": "images",
        "output_dir": "masks",
        **({"intensity_range": [0.0, 1.0]} if preparation is None else {}),
        "device": "$'cuda' if torch.cuda.is_available() else 'cpu'",
        "network_def": _configure_network(blueprint),
        "weights": "$torch.load(@bundle_root + '/models/model.pt', map_location='cpu', weights_only=True)",
        "load_weights": "$@network_def.load_state_dict(@weights)",
        "preprocessing": {"_target_": "Compose", "transforms": _configure_preprocessing(blueprint, preparation)},
        "inferer": {
            "_target_": "SlidingWindowInferer",
            "roi_size": [blueprint.window] * blueprint.spatial_dims,
            "sw_batch_size": windows_per_pass(blueprint),
            "overlap": WINDOW_OVERLAP,
            "mode": "constant",
        },
        "postprocessing": {"_target_": "Compose", "transforms": _configure_postprocessing(preparation)},
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


def _list_packages(blueprint: Blueprint, preparation: Preparation | None) -> tuple[str, ...]:
    """The packages that the bundle needs besides torch, MONAI and numpy."""
    packages: tuple[str, ...] = ("fire", "nibabel", "pillow")
    if preparation is not None:
        readers = ("pillow", "tifffile") if blueprint.spatial_dims == 2 else ()
        packages = ("fire", "nibabel", "scipy", *readers)
    return (*packages, "einops") if blueprint.architecture.family == "swin_unetr" else packages


def _configure_network(blueprint: Blueprint) -> dict[str, Any]:
    shape = dataclasses.asdict(blueprint.architecture)
    return {
        "_target_": f"scripts.{NETWORK_MODULE}.{NETWORK_BUILDER}",
        "architecture": {"_target_": "scripts.architecture.Architecture", **shape},
        "spatial_dims": blueprint.spatial_dims,
        "in_channels": blueprint.in_channels,
        "num_classes": blueprint.num_classes,
    }


def _configure_preprocessing(blueprint: Blueprint, preparation: Preparation | None) -> list[dict[str, Any]]:
    if preparation is not None:
        settings = dataclasses.asdict(preparation.settings)
        return [
            {
                "_target_": f"scripts.{TRANSFORMS_MODULE}.PrepareImage",
                "settings": {"_target_": f"scripts.{PREPROCESSING_MODULE}.Preprocessing", **settings},
                "spacing_mm": list(preparation.spacing_mm),
                "num_channels": blueprint.in_channels,
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


def _configure_postprocessing(preparation: Preparation | None) -> list[dict[str, Any]]:
    classify: dict[str, Any] = {"_target_": "AsDiscreted", "keys": "pred", "argmax": True}
    if preparation is not None:
        classify = {"_target_": f"scripts.{TRANSFORMS_MODULE}.RestoreMask"}
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
    pixels: int = blueprint.window**blueprint.spatial_dims
    return max(PIXELS_PER_PASS // pixels, 1)


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
        "network_data_format": _describe_tensors(blueprint, names, classes),
    }


def _describe_tensors(blueprint: Blueprint, names: Mapping[str, str], classes: str) -> dict[str, Any]:
    shared = {
        "type": "image",
        "spatial_shape": [blueprint.window] * blueprint.spatial_dims,
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
        "channel_def": dict(names),
    }
    mask = {
        **shared,
        "format": "segmentation",
        "dtype": "uint8",
        "is_patch_data": False,
        "num_channels": 1,
        "value_range": [0, blueprint.num_classes - 1],
        "channel_def": {"0": classes},
    }
    return {"inputs": {"image": image}, "outputs": {"pred": logits}, "post_processed_outputs": {"mask": mask}}


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")
