"""A trained network with all that those who export it must know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from paretoseg.trainables.data.model_record import ModelRecord
from paretoseg.trainables.data.raw_images import Preparation
from paretoseg.trainables.networks.blueprint import Blueprint


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """What a bundle or an ONNX file is written from."""

    blueprint: Blueprint
    """The network without weights."""

    weights: Mapping[str, Tensor]
    """Its weights, on the CPU."""

    record: ModelRecord
    """What is told of it."""

    class_names: tuple[str, ...]
    """By label, the background first."""

    preparation: Preparation | None = None
    """What was done to the files that it was trained on; None if it was trained on no files."""

    def build_network(self) -> nn.Module:
        """The network with its weights, in evaluation mode."""
        network = self.blueprint.build()
        network.load_state_dict(dict(self.weights))
        return network.eval()
