"""Loads the network of a trial with the weights in its checkpoint."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import nn

from paretoseg.trainables.networks.blueprint import Blueprint

WEIGHTS_FILE = "weights.pt"

_UNREADABLE = (AttributeError, EOFError, KeyError, OSError, RuntimeError, TypeError, UnpicklingError, ValueError)
"""The errors that torch raises for a file that is damaged or contains something else."""


def load_network(blueprint: Blueprint, folder: Path) -> nn.Module:
    """The network of a blueprint with the weights in a folder, on the CPU, in evaluation mode.

    Raises:
        ValueError: if the weights are missing or damaged, or belong to another network; in one line.
    """
    network = blueprint.build()
    try:
        network.load_state_dict(torch.load(folder / WEIGHTS_FILE, weights_only=True, map_location="cpu"))
    except FileNotFoundError:
        raise ValueError(f"the checkpoint holds no {WEIGHTS_FILE}; restore it from a backup") from None
    except _UNREADABLE as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":.")
        raise ValueError(
            f"the checkpoint's {WEIGHTS_FILE} does not hold the weights of this trial ({cause}); restore it from a "
            "backup"
        ) from None
    return network.eval()
