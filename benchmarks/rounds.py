"""Timing works in turns, so that a noisy machine disturbs all alike."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def time_calls(work: Callable[[], object], num_calls: int, device: str) -> float:
    """Seconds of so many calls. On a CPU, of this process alone: what others take from the machine does not count."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    _wait(device)
    start = clock()
    for _ in range(num_calls):
        work()
    _wait(device)
    return clock() - start


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()
