"""How much memory a training needs, how much is available, and how much it used.

The need is found by running the network and its loss on torch's `meta` device, where tensors have shapes but no values,
and adding up what autograd keeps for the backward pass. This works for every network, because no formula is involved.
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
from paretoseg.trainables.training.memory_limit import find_memory_left

HALF_SIZE = 0.5
"""Size of activations in bfloat16, relative to float32. Norms keep more, so this is an underestimate."""

WAY_BACK = 2.0
"""Gradients and scratch space of the backward pass, in multiples of the largest activation."""


_MALLOC_SETTINGS = ((-3, 32 * 2**20), (-1, 2**31 - 1))
"""M_MMAP_THRESHOLD, at its largest, and M_TRIM_THRESHOLD, in bytes: see mallopt(3). Setting one fixes both."""


@dataclass(frozen=True)
class MemoryNeed:
    """The memory that a training needs, in bytes."""

    fixed: float
    """Weights, gradients and optimiser state: independent of the batch."""

    activations: float
    """Activations that one batch keeps for the backward pass, and the backward pass itself."""

    def total(self, num_parts: int = 1) -> float:
        """Bytes in total if the batch is processed in this many parts."""
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
    """The memory that training this network needs; computes no values and does not change the network.

    Args:
        network: On any device.
        learn: Computes the loss from all outputs of the network.
        images: Shape of a batch, (b, c, ...spatial).
        state_per_weight: Numbers that the optimiser keeps per weight.
        is_bfloat16: Whether activations are in bfloat16.
        options: Keyword arguments of the network's call.
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
    """A network's logits, then its auxiliary logits if it returns any."""
    if isinstance(outputs, Tensor):
        return [outputs]
    logits, auxiliary = outputs
    return [logits, *auxiliary]


def available_bytes(device: str) -> float:
    """Bytes of memory that this process can still allocate: on the GPU, or on the machine or in its container."""
    place = torch.device(device)
    if place.type == "cuda":
        free, _ = torch.cuda.mem_get_info(place)
        return float(free + torch.cuda.memory_reserved(place) - torch.cuda.memory_allocated(place))
    limits = [_read_status("/proc/meminfo", "MemAvailable"), find_memory_left()]
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def is_out_of_memory(error: BaseException) -> bool:
    """True if the error says that torch or Python could not allocate memory."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


class PeakMeter:
    """Measures the peak memory of a training, relative to the moment the meter is created.

    On a GPU it counts tensors; on a CPU, the growth of the process.
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
        """Resets the peak, but not the baseline."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            return
        with contextlib.suppress(OSError):
            # 5 resets the peak resident size to the current one: see proc(5).
            Path("/proc/self/clear_refs").write_text("5")

    def read_gb(self) -> float:
        """The peak since the last restart minus the baseline, in gigabytes (10^9 bytes)."""
        if self._device.type == "cuda":
            highest = float(torch.cuda.max_memory_allocated(self._device))
        else:
            highest = _read_status("/proc/self/status", "VmHWM") or 0.0
        return max(highest - self._before, 0.0) / BYTES_PER_GB


def _read_status(path: str, name: str) -> float | None:
    """A number of kilobytes from a status file of the kernel, in bytes; None if it has no such line."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return 1024.0 * float(found[0]) if found else None


@cache
def keep_freed_memory() -> None:
    """Makes this process keep freed memory for its next tensors; creating a `PeakMeter` gives it back.

    Otherwise the C library returns the end of its heap to the system whenever an iteration frees its activations, and
    the kernel must clear the same pages in the next iteration: thousands of page faults per iteration, or none, by
    chance.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        for setting, value in _MALLOC_SETTINGS:
            library.mallopt(setting, value)


def _give_back() -> None:
    """Returns freed memory to the system, so that a trial's growth does not depend on the trial before it."""
    # With a C library other than GNU's, growth is underestimated.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
