"""One trial on several processes, each with its share of every batch; training and weights equal those of one process.

Every process builds the same network and draws the same batch from the same generators, so no images are sent. Each
computes the logits of its share. The logits of all shares are then gathered, and every process computes the loss of the
whole batch. This is necessary because the Dice of a batch is not the mean of the Dices of its shares.

Why the gradient is that of one process. Let z = (z_1, ..., z_W) be the logits of the W shares, w the weights, L(z) the
loss. The gradient of the whole batch is

    dL/dw = sum_r (dL/dz_r) (dz_r/dw).

Process r has all of z, so it can compute dL/dz_r alone, but only its own z_r depends on its w. In the backward pass the
gather therefore keeps its own part, times W: its gradient is W (dL/dz_r) (dz_r/dw). Torch's DistributedDataParallel
then averages over the processes: (1/W) sum_r W (dL/dz_r) (dz_r/dw) = dL/dw. With the same gradient, its norm, the
optimiser's state and the weights stay the same on all processes. This holds where the output for an image depends on
that image alone, as with instance norm. A batch norm, which uses the whole batch, is replaced by one that does so
over all processes, forward and backward (see `synced_norm.py`).

Without a process group there is one share: the whole batch.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from paretoseg.trainables.training.synced_norm import set_num_own, sync_norms


def count_workers() -> int:
    """Number of processes that train the trial; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def find_rank() -> int:
    """Rank of this process, from 0; 0 without a process group."""
    return dist.get_rank() if count_workers() > 1 else 0


def is_leader() -> bool:
    """True in the one process that evaluates and saves."""
    return find_rank() == 0


def replicate(network: nn.Module) -> nn.Module:
    """The network to train: itself without a process group, else wrapped so that processes average their gradients.

    It shares its weights with the given network, which is the one to evaluate and save. Batch norms are replaced, in
    place, by ones over the whole batch. All processes must call this together.
    """
    if count_workers() == 1:
        return network
    sync_norms(network)
    return DistributedDataParallel(network, gradient_as_bucket_view=True)


def set_batch_size(network: nn.Module, num_items: int) -> None:
    """Sets the size of the batch from which the network's next share comes; synced batch norms need it."""
    num_workers = count_workers()
    if num_workers > 1:
        set_num_own(network, len(range(find_rank(), num_items, num_workers)))


def take_share(batch: Float[Tensor, "b c *spatial"]) -> Float[Tensor, "share c *spatial"]:
    """This process's items of a batch: every W-th, starting with its rank.

    All shares have the same size. If the batch size is not divisible, some shares repeat an item of another share;
    `gather` drops it.
    """
    num_workers = count_workers()
    if num_workers == 1:
        return batch
    num_items = len(batch)
    positions = torch.arange(find_rank(), _round_up(num_items, num_workers), num_workers)
    return batch[(positions % num_items).to(batch.device)]


def gather(share: Float[Tensor, "share c *spatial"], num_items: int) -> Float[Tensor, "b c *spatial"]:
    """The whole batch in its original order, from the shares of all processes; differentiable as described above.

    Args:
        share: What this process computed on its `take_share` of a batch.
        num_items: Number of items of the batch.
    """
    if count_workers() == 1:
        return share
    gathered: Tensor = _Gather.apply(share)  # type: ignore[no-untyped-call]
    return gathered[:num_items]


class _Gather(torch.autograd.Function):
    """Interleaves the shares. Backward, each process keeps its part of the gradient, times the number of processes."""

    @staticmethod
    def forward(ctx: Any, share: Tensor) -> Tensor:
        shares = [torch.empty_like(share, memory_format=torch.contiguous_format) for _ in range(count_workers())]
        dist.all_gather(shares, share.contiguous())
        return torch.stack(shares, dim=1).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        num_workers = count_workers()
        return gradients[0][find_rank() :: num_workers] * num_workers


def _round_up(number: int, step: int) -> int:
    return -(-number // step) * step
