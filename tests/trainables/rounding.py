"""What holds on every CPU although each one rounds in its own way."""

from __future__ import annotations

from torch import nn


def compute_in_double(network: nn.Module) -> None:
    """Has a network compute in double precision, in place, whatever its images come in.

    Some of a batch is computed with other roundings than the whole, and the CPU decides which. In float32 they now and
    then carry a rectifier's input over its edge, and the gradient jumps by more than any tolerance that shows
    something; in double precision what is left is the mathematics.
    """
    network.double().register_forward_pre_hook(lambda _, inputs: tuple(each.double() for each in inputs))
