"""A network without weights, and the file `architecture.yaml`: all that it takes to build an exported one again.

network = rebuild_network(Path("exports/mine-trial-00006-bundle/architecture.yaml"))
network.load_state_dict(torch.load(".../models/model.pt", weights_only=True))
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from torch import nn

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.presets import CORE
from paretoseg.spaces.search_space import DIMENSIONS
from paretoseg.trainables.networks.encoder_decoder import build_network

ARCHITECTURE_FILE = "architecture.yaml"

_EXPLANATION = """\
# The network, as paretoseg builds it, comes back without weights from rebuild_network(path), which is in
# paretoseg.trainables.networks.blueprint.
# window: edge of the sliding window, in pixels or voxels, the training patch.
"""


@dataclass(frozen=True)
class Blueprint:
    """A network without weights."""

    architecture: Architecture
    """Its shape."""

    spatial_dims: int
    """2 for pictures, 3 for volumes."""

    in_channels: int
    """Channels of an image."""

    num_classes: int
    """Channels of the logits, background included."""

    window: int
    """Edge of the sliding window, in pixels or voxels: as much context as the network saw in training."""

    def build(self) -> nn.Module:
        """The network, with torch's default weights."""
        return build_network(
            self.architecture,
            spatial_dims=self.spatial_dims,
            in_channels=self.in_channels,
            num_classes=self.num_classes,
        )

    def to_yaml(self) -> str:
        """The text of `architecture.yaml`."""
        return _EXPLANATION + yaml.safe_dump(dataclasses.asdict(self), sort_keys=False)


def rebuild_network(path: Path) -> nn.Module:
    """The network that an `architecture.yaml` describes, without its weights.

    Raises:
        ValueError: if the file does not describe one; the message names the entry.
    """
    return read_blueprint(path).build()


def read_blueprint(path: Path) -> Blueprint:
    """What an `architecture.yaml` says.

    Raises:
        ValueError: if it cannot be read, lacks an entry or holds one that cannot be built.
    """
    try:
        entries = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"'{path}' cannot be read as YAML: {str(error).splitlines()[0]}; export again") from None
    _check_names(entries, Blueprint, str(path))
    # A file of before a dimension was there means its default.
    _check_names(entries["architecture"], Architecture, f"{path}: architecture", required=frozenset(CORE))
    for name, value in entries["architecture"].items():
        # A network that was matched to a number of parameters may have any width.
        if name != "width" and not DIMENSIONS[name].contains(value):
            raise ValueError(f"'{path}': {name} must be {DIMENSIONS[name].describe()}, got {value!r}")
    counts = {name: value for name, value in entries.items() if name != "architecture"}
    for name, value in (counts | {"width": entries["architecture"]["width"]}).items():
        if not (isinstance(value, int) and value >= 1):
            raise ValueError(f"'{path}': {name} must be a whole number of at least 1, got {value!r}")
    return Blueprint(**entries | {"architecture": Architecture(**entries["architecture"])})


def _check_names(entries: Any, kind: type, place: str, required: frozenset[str] | None = None) -> None:
    """Refuses other names than those of the fields, and fewer than are required; without that, all are."""
    names = {item.name for item in dataclasses.fields(kind)}
    found = set(entries) if isinstance(entries, dict) else set()
    missing = names - found if required is None else names & required - found
    if missing or found - names:
        raise ValueError(f"'{place}' must hold exactly {', '.join(sorted(names))}; got {', '.join(map(str, found))}")
