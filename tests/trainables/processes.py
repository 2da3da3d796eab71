"""Several processes that work together, as the tests of data-parallel training start them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def join(rank: int, num_workers: int, meeting: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=num_workers)


def run_together(work: Callable[..., None], num_workers: int, *arguments: object) -> None:
    """Runs `work(rank, num_workers, meeting, *arguments)` in so many processes, which meet by a file.

    A free port could be taken by another test before they listen on it.
    """
    with tempfile.TemporaryDirectory() as folder:
        words = (work, num_workers, str(Path(folder) / "meeting"), *arguments)
        mp.spawn(_work_and_leave, args=words, nprocs=num_workers)  # type: ignore[no-untyped-call]


def _work_and_leave(rank: int, work: Callable[..., None], *arguments: object) -> None:
    """Works and leaves the group: a process that ends inside of it may abort, as threads of the group still run."""
    try:
        work(rank, *arguments)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
