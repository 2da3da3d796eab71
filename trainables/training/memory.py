"""How much memory a training needs, how much there is, and how much it took.

The need is found by running the network and its loss on torch's `meta` device, where tensors have shapes and no
numbers, and adding up what autograd keeps for the way back: no estimate by formula, so it holds for every network.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from paretoseg.trainables.trainable import BYTES_PER_GB

HALF_SIZE = 0.5
"""Size of activations in bfloat16, relative to float32. Norms keep more, so that this errs on the hopeful side."""

WAY_BACK = 2.0
"""Gradients and scratch space of the backward pass, in sizes of the largest activation."""


_MALLOC_SETTINGS = ((-3, 32 * 2**20), (-1, 2**31 - 1))
"""M_MMAP_THRESHOLD, at its largest, and M_TRIM_THRESHOLD, in bytes: see mallopt(3). Setting one fixes both."""


@dataclass(frozen=True)
class MemoryNeed:
    """What a training needs, in bytes."""

    fixed: float
    """Weights, their gradient, and what the optimiser keeps: whatever the batch."""

    activations: float
    """What one batch keeps for its way back, and the way back itself."""

    def total(self, num_parts: int = 1) -> float:
        """All of it, if the batch goes through in so many parts."""
        return self.fixed + self.activations / num_parts


def estimate_need(
    network: nn.Module,
    learn: Callable[[Sequence[Tensor]], Tensor],
    images: tuple[int, ...],
    *,
    state_per_weight: int,
    is_bfloat16: bool = False,
    options: Mapping[str, bool] | None = None,
) -> MemoryNeed:
    """What a training of this network needs; nothing is computed, and the network is left as it is.

    Args:
        network: On any device.
        learn: The loss, from all outputs of the network.
        images: Shape of a batch, (b, c, ...spatial).
        state_per_weight: Numbers that the optimiser keeps for every weight.
        is_bfloat16: Whether activations are in bfloat16.
        options: Passed on to the network.
    """
    weights = {name: value.to("meta") for name, value in network.named_parameters()}
    weights = {name: value.detach().requires_grad_() for name, value in weights.items()}
    buffers = {name: value.to("meta") for name, value in network.named_buffers()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        batch = torch.empty(images, device="meta")
        outputs = torch.func.functional_call(network, weights | buffers, (batch,), dict(options or {}))
        loss = learn(flatten_outputs(outputs))
    own = {value.untyped_storage()._cdata for value in weights.values()}
    sizes = [tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in own]
    del loss
    fixed = float((2 + state_per_weight) * sum(value.nbytes for value in weights.values()))
    activations = sum(sizes) + WAY_BACK * max(sizes, default=0)
    return MemoryNeed(fixed, activations * (HALF_SIZE if is_bfloat16 else 1.0))


def flatten_outputs(outputs: Tensor | tuple[Tensor, Sequence[Tensor]]) -> list[Tensor]:
    """A network's logits, then its auxiliary logits if it gives any."""
    if isinstance(outputs, Tensor):
        return [outputs]
    logits, auxiliary = outputs
    return [logits, *auxiliary]


def available_bytes(device: str) -> float:
    """Memory that this process may still take: of the GPU, or of the machine or its container."""
    place = torch.device(device)
    if place.type == "cuda":
        free, _ = torch.cuda.mem_get_info(place)
        return float(free + torch.cuda.memory_reserved(place) - torch.cuda.memory_allocated(place))
    limits = [_read_status("/proc/meminfo", "MemAvailable"), _left_in_container()]
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def is_out_of_memory(error: BaseException) -> bool:
    """True if torch, or Python, did not get the memory it asked for."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


class PeakMeter:
    """What a training takes at most, counted from the moment the meter is made.

    On a GPU, what tensors take; on a CPU, how much the process grows.
    """

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        if self._device.type == "cuda":
            self._before = float(torch.cuda.memory_allocated(self._device))
        else:
            _give_back()
            self._before = _read_status("/proc/self/status", "VmRSS") or 0.0
        self.restart()

    def restart(self) -> None:
        """Forgets the highest point so far, not what there was at the beginning."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            return
        with contextlib.suppress(OSError):
            # 5 sets the highest resident size to the present one: see proc(5).
            Path("/proc/self/clear_refs").write_text("5")

    def read_gb(self) -> float:
        """The highest point since the last restart above what there was at the beginning, in gigabytes (10^9 bytes)."""
        if self._device.type == "cuda":
            highest = float(torch.cuda.max_memory_allocated(self._device))
        else:
            highest = _read_status("/proc/self/status", "VmHWM") or 0.0
        return max(highest - self._before, 0.0) / BYTES_PER_GB


def _read_status(path: str, name: str) -> float | None:
    """A number of kilobytes that the kernel tells, in bytes; None if it does not."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return 1024.0 * float(found[0]) if found else None


def _left_in_container() -> float | None:
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = ((folder / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return None
    return None if limit == "max" else float(limit) - float(used)


@cache
def keep_freed_memory() -> None:
    """Has this process keep, for its next tensors, what tensors freed; a `PeakMeter` gives it back when it is made.

    Otherwise the C library hands the end of its heap back whenever an iteration frees its activations, and the kernel
    must find and clear the same pages in the next one: thousands of page faults an iteration, or none, by chance.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        for setting, value in _MALLOC_SETTINGS:
            library.mallopt(setting, value)


def _give_back() -> None:
    """Hands what freed tensors held back to the system, so that a trial's growth does not depend on the one before."""
    # With another C library than GNU's, growth is underestimated.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
