"""Batch norm over a batch that several processes share, each with some of its items: the statistics are the batch's.

Torch's own SyncBatchNorm does the same on GPUs only, and would count an item twice that two processes were given where
a batch does not divide (see `parallel.take_share`). Parameters, buffers and their names are those of the layer that is
replaced, and in evaluation nothing differs.

With n numbers of a channel in the whole batch, x^ = (x - mean) / std and y = g x^ + b, the way back is

    dL/dx = g / std (dL/dy - (1/n) sum dL/dy - x^ (1/n) sum x^ dL/dy),

with sums over the whole batch, so over all processes; dL/dg and dL/db are sums over this process's items, as are
those of every other weight (Ioffe and Szegedy, 'Batch normalization', ICML 2015, section 3).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from paretoseg.trainables.training.losses import at_least_float32


def sync_norms(network: nn.Module) -> None:
    """Replaces every batch norm, in place, by one over the whole batch; weights and buffers are kept."""
    for parent in list(network.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, _BatchNorm) and not isinstance(layer, SyncedBatchNorm):
                setattr(parent, name, SyncedBatchNorm(layer))


def tell_own(network: nn.Module, num_own: int) -> None:
    """Says how many of this process's items count, the first ones; the others are known to another process too."""
    for layer in network.modules():
        if isinstance(layer, SyncedBatchNorm):
            layer.num_own = num_own


class SyncedBatchNorm(_BatchNorm):
    """A batch norm whose statistics in training are those of the whole batch."""

    def __init__(self, layer: _BatchNorm) -> None:
        super().__init__(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
        assert layer.affine, "without scale and offset there is nothing to share the gradient of"
        assert layer.track_running_stats, "evaluation needs statistics"
        assert layer.momentum is not None, "a running mean needs its momentum"
        self.weight, self.bias = layer.weight, layer.bias
        self.running_mean, self.running_var = layer.running_mean, layer.running_var
        self.num_batches_tracked = layer.num_batches_tracked
        self.train(layer.training)
        self.num_own = 0
        """How many items of this process's share count."""

    def forward(self, input: Tensor) -> Tensor:
        """The normalised features (b, c, ...spatial)."""
        # On `meta` nothing is computed: an estimate of the memory asks for shapes alone.
        if not self.training or input.device.type == "meta":
            return super().forward(input)
        output, mean, variance = _Normalise.apply(  # type: ignore[no-untyped-call]
            input, self.weight, self.bias, self.num_own, self.eps
        )
        assert self.momentum is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance, self.momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        normalised: Tensor = output
        return normalised

    def _check_input_dim(self, input: Tensor) -> None:
        """Two dimensions or three, it does not matter."""


class _Normalise(torch.autograd.Function):
    """The features normalised, and the mean and the unbiased variance of every channel."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, scale: Tensor, offset: Tensor, num_own: int, eps: float) -> Any:
        axes = (0, *range(2, features.ndim))
        own = at_least_float32(features[:num_own])
        count = own.new_tensor([own.numel() / own.shape[1]])
        sums = torch.cat((own.sum(axes), count))
        dist.all_reduce(sums)
        mean, total = sums[:-1] / sums[-1], sums[-1]
        # From the mean in a second round: a difference of squares would lose digits.
        squares = (own - _spread(mean, features)).square().sum(axes)
        dist.all_reduce(squares)
        inverse = (squares / total + eps).rsqrt()
        ctx.save_for_backward(features, scale, mean, inverse, total)
        ctx.num_own = num_own
        normalised = (at_least_float32(features) - _spread(mean, features)) * _spread(inverse * scale, features)
        unbiased = squares / (total - 1.0)
        ctx.mark_non_differentiable(mean, unbiased)
        return (normalised + _spread(offset, features)).to(features.dtype), mean, unbiased

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        features, scale, mean, inverse, total = ctx.saved_tensors
        axes = (0, *range(2, features.ndim))
        gradient = at_least_float32(gradients[0])
        hat = (at_least_float32(features) - _spread(mean, features)) * _spread(inverse, features)
        own_offset, own_scale = gradient.sum(axes), (gradient * hat).sum(axes)
        sums = torch.stack((own_offset, own_scale))
        dist.all_reduce(sums)
        average, along = (sums / total).unbind()
        back = gradient - _spread(average, features) - hat * _spread(along, features)
        # What another process counts is no part of the statistics.
        back[ctx.num_own :] = gradient[ctx.num_own :]
        back = back * _spread(inverse * scale, features)
        return back.to(features.dtype), own_scale, own_offset, None, None


def _spread(values: Tensor, features: Tensor) -> Tensor:
    """A number a channel in the shape of the features."""
    return values.view(1, -1, *[1] * (features.ndim - 2))
