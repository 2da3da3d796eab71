"""A trained network with everything that an export needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from paretoseg.trainables.data.model_record import ModelRecord
from paretoseg.trainables.data.raw_images import Preparation
from paretoseg.trainables.networks.blueprint import Blueprint


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """The content of a bundle or an ONNX file."""

    blueprint: Blueprint
    """The network without weights."""

    weights: Mapping[str, Tensor]
    """Its weights, on the CPU."""

    record: ModelRecord
    """Its name, summary, model card and scores."""

    class_names: tuple[str, ...]
    """Class names by label, the background first."""

    preparation: Preparation | None = None
    """Preprocessing of the files on which it was trained; None if its data came from no files."""

    def build_network(self) -> nn.Module:
        """The network with its weights, in evaluation mode."""
        network = self.blueprint.build()
        network.load_state_dict(dict(self.weights))
        return network.eval()
