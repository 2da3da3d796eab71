"""A trained network, or several that are averaged, with everything that an export needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from paretoseg.trainables.data.model_record import ModelRecord
from paretoseg.trainables.data.raw_images import Preparation
from paretoseg.trainables.data.regions import Regions, find_order
from paretoseg.trainables.export.ensemble import Ensemble
from paretoseg.trainables.networks.blueprint import Blueprint


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """The content of a bundle or an ONNX file."""

    blueprint: Blueprint
    """The network without weights; several networks share it."""

    weights: Mapping[str, Tensor]
    """The weights on the CPU, as `build_network` loads them."""

    record: ModelRecord
    """Its name, summary, model card and scores."""

    class_names: tuple[str, ...]
    """Class names by label, the background first."""

    preparation: Preparation | None = None
    """Preprocessing of the files on which it was trained; None if its data came from no files."""

    num_networks: int = 1
    """How many networks are averaged."""

    regions: Regions | None = None
    """What the classes consist of, if they overlap."""

    @property
    def order(self) -> tuple[int, ...] | None:
        """The classes in the order in which they are painted into a mask, if they overlap."""
        return find_order(self.regions)

    def build_network(self) -> nn.Module:
        """The network with its weights, in evaluation mode; an `Ensemble` if there are several."""
        network = combine([self.blueprint.build() for _ in range(self.num_networks)], overlaps=self.order is not None)
        network.load_state_dict(dict(self.weights))
        return network.eval()


def combine(networks: Sequence[nn.Module], *, overlaps: bool = False) -> nn.Module:
    """The only network as it is, or the `Ensemble` of several."""
    return networks[0] if len(networks) == 1 else Ensemble(networks, overlaps).eval()
