"""The costs of a network: size, operations, time and memory. Lower is better for all of them."""

from __future__ import annotations

import platform
import statistics
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from paretoseg.trainables.data.placement import Placement
from paretoseg.trainables.evaluation.measuring import predict
from paretoseg.trainables.evaluation.restoring import restore_mask
from paretoseg.trainables.networks.size import count_flops, count_parameters, in_evaluation
from paretoseg.trainables.trainable import BYTES_PER_GB

NUM_TIMINGS = 5
"""Number of timed passes, after one pass to warm up."""


def measure_costs(
    network: nn.Module, image: Float[Tensor, "c *spatial"], window: Sequence[int], placement: Placement | None = None
) -> dict[str, float]:
    """The costs of inference by name: parameters, flops, latency_ms, memory_gb.

    The network is in evaluation mode while it is measured.

    Args:
        network: On the device on which it is measured.
        image: A whole image on the same device.
        window: Extents of the sliding window, in pixels or voxels.
        placement: Where the image lies on the grid of its file, if masks are brought back to that.
    """
    with in_evaluation(network):
        return {
            "parameters": float(count_parameters(network)),
            "flops": float(count_flops(network, image, window)),
            "latency_ms": measure_latency_ms(network, image, window),
            "memory_gb": measure_memory_gb(network, image, window, placement),
        }


def measure_latency_ms(network: nn.Module, image: Float[Tensor, "c *spatial"], window: Sequence[int]) -> float:
    """Median time from a whole image to its logits, sliding window included, in milliseconds.

    It is valid for the device of the image and the network: one GPU, or a CPU with the trial's number of threads.
    Compare numbers of one machine only.
    """
    with in_evaluation(network):
        timings = [_time_once(network, image[None], window) for _ in range(NUM_TIMINGS + 1)][1:]
    return 1e3 * statistics.median(timings)


def measure_memory_gb(
    network: nn.Module, image: Float[Tensor, "c *spatial"], window: Sequence[int], placement: Placement | None = None
) -> float:
    """Peak memory of weights and tensors during the prediction of a whole image, in gigabytes (10^9 bytes).

    With a placement, the way of the probabilities to the grid of the file is part of it.

    On a GPU this is what PyTorch's allocator counts. On a CPU, live tensors are counted, but not the memory that a
    library uses inside an operation.
    """
    weights = sum(tensor.nbytes for tensor in (*network.parameters(), *network.buffers()))

    def segment() -> None:
        logits = predict(network, image[None], window)[0]
        if placement is not None:
            restore_mask(logits, placement)

    with in_evaluation(network):
        return (weights + _measure_peak(segment, image)) / BYTES_PER_GB


def name_device(device: str, num_threads: int) -> str:
    """The device for which costs are valid, such as 'NVIDIA H100 80GB HBM3' or 'AMD EPYC 7763, 1 thread'."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_read_processor()}, {num_threads} thread{'s' * (num_threads != 1)}"


def _time_once(network: nn.Module, images: Tensor, window: Sequence[int]) -> float:
    _wait_for(images.device)
    start = time.perf_counter()
    predict(network, images, window)
    _wait_for(images.device)
    return time.perf_counter() - start


def _wait_for(device: torch.device) -> None:
    # Calls on a GPU return before the work is finished.
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _measure_peak(work: Callable[[], object], image: Tensor) -> int:
    """Peak bytes in use while `work` runs, including the image, minus those in use before."""
    if image.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(image.device)
        before = torch.cuda.memory_allocated(image.device)
        work()
        return int(torch.cuda.max_memory_allocated(image.device)) - before + image.nbytes
    with _AliveBytes() as alive:
        work()
    return int(alive.peak) + image.nbytes


class _AliveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors that operations create in the block, until they are freed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = self._now = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        taken = {tensor.untyped_storage().data_ptr() for tensor in tree_leaves((args, kwargs)) if _is_tensor(tensor)}
        for tensor in filter(_is_tensor, tree_leaves(result)):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in taken | self._known and storage.nbytes():
                self._add(storage)
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        place, size = storage.data_ptr(), storage.nbytes()
        self._known.add(place)
        self._now += size
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._drop, place, size)

    def _drop(self, place: int, size: int) -> None:
        self._known.discard(place)
        self._now -= size


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)


def _read_processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
