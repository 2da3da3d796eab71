"""Several processes that work together, as the tests of data-parallel training start them."""

from __future__ import annotations

import socket
from collections.abc import Callable

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def join(rank: int, num_workers: int, port: int) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=num_workers)


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def run_together(work: Callable[..., None], num_workers: int, *arguments: object) -> None:
    """Runs `work(rank, num_workers, port, *arguments)` in so many processes."""
    mp.spawn(_work_and_leave, args=(work, num_workers, free_port(), *arguments), nprocs=num_workers)  # type: ignore[no-untyped-call]


def _work_and_leave(rank: int, work: Callable[..., None], *arguments: object) -> None:
    """Works and leaves the group: a process that ends inside of it may abort, as threads of the group still run."""
    try:
        work(rank, *arguments)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
