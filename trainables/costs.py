"""What a network takes: size and time. Lower is better for all of them."""

from __future__ import annotations

import statistics
import time

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trainables.evaluation import predict

NUM_TIMINGS = 5
"""Timed passes; one more goes before them to warm up."""


def count_parameters(network: nn.Module) -> int:
    """How many numbers training fits."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def measure_latency_ms(network: nn.Module, image: Float[Tensor, "c *spatial"], patch: int) -> float:
    """Median time from a whole image to its logits, sliding window included, in milliseconds.

    Holds for the device that the image and the network are on, a CPU with as many threads as the trial was assigned or
    one GPU. Compare numbers of one machine only.
    """
    was_training = network.training
    network.eval()
    timings = [_time_once(network, image[None], patch) for _ in range(NUM_TIMINGS + 1)][1:]
    network.train(was_training)
    return 1e3 * statistics.median(timings)


def _time_once(network: nn.Module, images: Tensor, patch: int) -> float:
    _wait_for(images.device)
    start = time.perf_counter()
    predict(network, images, patch)
    _wait_for(images.device)
    return time.perf_counter() - start


def _wait_for(device: torch.device) -> None:
    # A GPU answers before it has finished.
    if device.type == "cuda":
        torch.cuda.synchronize(device)
