"""The size of a network: trainable parameters, and operations of one forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(network: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def count_flops(network: nn.Module, image: Float[Tensor, "c *spatial"], window: Sequence[int]) -> int:
    """Floating-point operations of one forward pass of one window of these extents; a multiply-add counts as two.

    Convolutions, matrix products and attention count, as in PyTorch's FLOP counter; norms, activations and
    interpolation do not. The number is the same on every device.
    """
    example = image.new_zeros(1, len(image), *window)
    has_fast_path = torch.backends.mha.get_fastpath_enabled()
    # The counter may not know fused attention, but it knows all parts of it.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        counter = FlopCounterMode(display=False)
        with in_evaluation(network), torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
            network(example)
    finally:
        torch.backends.mha.set_fastpath_enabled(has_fast_path)
    return int(counter.get_total_flops())


@contextmanager
def in_evaluation(network: nn.Module) -> Iterator[None]:
    """Sets a network to evaluation mode in the block; restores its mode afterwards."""
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)
