"""Networks, cases and records that the tests of exports share."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from paretoseg.spaces.architecture import Architecture
from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.data.model_record import ModelRecord
from paretoseg.trainables.data.raw_images import Preparation
from paretoseg.trainables.export.trained_model import TrainedModel
from paretoseg.trainables.networks.blueprint import Blueprint
from paretoseg.trainables.networks.encoder_decoder import initialise_weights
from paretoseg.trainables.networks.geometry import choose_window

CLASS_LABELS = {"0": "background", "1": "left", "2": "right"}

HOSTILE = "$(__import__('os').system('touch pwned'))"


def draw(spatial_dims: int = 2, in_channels: int = 1, window: int = 32, spacing: tuple[float, ...] = ()) -> Blueprint:
    architecture = Architecture(depth=3, width=4, skip="attention_gate", attention="cbam")
    return Blueprint(
        architecture,
        spatial_dims=spatial_dims,
        in_channels=in_channels,
        num_classes=3,
        window=choose_window(architecture, window, spatial_dims, spacing),
        spacing=spacing,
    )


def build_network(blueprint: Blueprint, seed: int = 0) -> nn.Module:
    network = blueprint.build()
    initialise_weights(network, seed)
    return network.eval()


def build_model(blueprint: Blueprint, seed: int = 0, preparation: Preparation | None = None) -> TrainedModel:
    weights = build_network(blueprint, seed).state_dict()
    return TrainedModel(blueprint, weights, build_record(), tuple(CLASS_LABELS.values()), preparation)


def build_case(*extents: int, in_channels: int = 1) -> Case:
    """A random image whose axes all differ, brighter towards the far ends."""
    generator = np.random.default_rng(0)
    image = generator.random((in_channels, *extents)) * 0.3
    for axis, extent in enumerate(extents):
        shape = [1] * (1 + len(extents))
        shape[1 + axis] = extent
        image = image + np.linspace(0.0, 0.2, extent).reshape(shape) ** (axis + 1)
    label = np.zeros(extents, np.uint8)
    return Case("case", "here", "case", "test", image.astype(np.float32).clip(0.0, 1.0), label)


def build_record(text: str = "Trial 6 of a study.") -> ModelRecord:
    return ModelRecord("mine-trial-00006", text, f"# {text}\n", {"accuracy": 0.7}, [{}])


def answer(network: nn.Module, *shape: int) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = network(torch.rand(shape, generator=torch.Generator().manual_seed(0)))
    return logits
