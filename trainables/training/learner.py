"""One iteration of training: forward, loss, backward, a step of the optimiser.

A batch that does not fit into memory is processed in parts, with the same result (the gradient cache of Gao et al.,
2021). First all parts go forward without keeping activations. Then the loss of the whole batch and its gradient with
respect to the logits, which are small, are computed. Then each part goes forward again, and backward from its part of
that gradient. The loss itself cannot be split: the Dice of a batch is not the mean of the Dices of its parts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from paretoseg.spaces.recipe import Recipe
from paretoseg.trainables.seeds import derive_seed
from paretoseg.trainables.training.losses import PLAIN, LabelKind, OfKnownPixels, choose_loss, deep_supervision_loss
from paretoseg.trainables.training.memory import MemoryNeed, estimate_need, flatten_outputs, is_out_of_memory
from paretoseg.trainables.training.optimisers import build_optimiser, count_state, find_learning_rate
from paretoseg.trainables.training.parallel import count_workers, gather, replicate, set_batch_size, take_share

MAX_GRADIENT_NORM = 12.0
"""Largest norm of the gradient; longer gradients are clipped, so that one unusual batch cannot derail a short training.
"""

LOGGER = logging.getLogger(__name__)


class Learner:
    """Fits a network's weights.

    Args:
        network: On its device; its weights are changed in place.
        recipe: Loss, optimiser, learning rate and schedule.
        num_iterations: Iterations of the whole training.
        seed: Of dropout.
        has_auxiliary: Whether to train auxiliary outputs too (deep supervision).
        is_bfloat16: Whether the network computes in bfloat16, in the operations for which torch's autocast allows it.
        labels: Whether there are pixels about which nothing is known, and whether classes overlap.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        *,
        num_iterations: int,
        seed: int,
        has_auxiliary: bool = False,
        is_bfloat16: bool = False,
        labels: LabelKind = PLAIN,
    ) -> None:
        self._network, self._recipe, self._num_iterations, self._seed = network, recipe, num_iterations, seed
        self._device = next(network.parameters()).device
        self._options = {"auxiliary": True} if has_auxiliary else {}
        self._is_bfloat16 = is_bfloat16
        self._is_random = any(_is_random(module) for module in network.modules())
        self._replica: nn.Module | None = None
        self._whole_loss = choose_loss(recipe, labels.regions)
        self._loss = OfKnownPixels(self._whole_loss) if labels.has_ignored else self._whole_loss
        self._optimiser = build_optimiser(network.parameters(), recipe)
        self.num_parts = 1
        """Number of parts in which a batch goes through the network."""

    def learn(
        self, images: Float[Tensor, "b c *spatial"], labels: Int64[Tensor, "b *spatial"], iteration: int
    ) -> Float[Tensor, ""]:
        """Trains one iteration and returns its loss before the step, a scalar on the device.

        If memory runs out, repeats the iteration with the batch in two parts, and uses two parts from then on.

        Raises:
            MemoryError: if half a batch does not fit either, or the batch is a single patch or distributed over
                processes.
        """
        for group in self._optimiser.param_groups:
            group["lr"] = find_learning_rate(self._recipe, iteration, self._num_iterations)
        if self._replica is None:
            # Not in the constructor: a trial that is only evaluated does not train, and then no other process takes
            # part.
            self._replica = replicate(self._network)
        loss = self._find_gradient(images, labels, iteration)
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), MAX_GRADIENT_NORM)
        self._optimiser.step()
        return loss

    def estimate_need(self, images: tuple[int, ...]) -> MemoryNeed:
        """The memory that training with batches of this shape, (b, c, ...spatial), needs."""
        labels = torch.empty(images[0], *images[2:], dtype=torch.int64, device="meta")
        return estimate_need(
            self._network,
            lambda outputs: self._find_loss(self._whole_loss, outputs, labels),
            images,
            state_per_weight=count_state(self._recipe),
            is_bfloat16=self._is_bfloat16,
            options=self._options,
        )

    def state_dict(self) -> dict[str, Any]:
        """The state, apart from the weights, that resuming needs."""
        return {"optimiser": self._optimiser.state_dict(), "num_parts": self.num_parts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores the state from `state_dict`."""
        self._optimiser.load_state_dict(state["optimiser"])
        # Fused steps read memory in its order, so the state needs the memory format of its weight: a training that
        # started with another format would otherwise resume with wrong numbers.
        for weight, kept in self._optimiser.state.items():
            for name, value in kept.items():
                if isinstance(value, Tensor) and value.shape == weight.shape:
                    kept[name] = torch.empty_like(weight).copy_(value)
        self.num_parts = state["num_parts"]

    def _find_gradient(self, images: Tensor, labels: Tensor, iteration: int) -> Tensor:
        try:
            return self._try(images, labels, iteration)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if count_workers() > 1 or self.num_parts > 1 or len(images) == 1:
                raise MemoryError(
                    f"out of memory, with {-(-len(images) // self.num_parts)} patches of edge {images.shape[-1]} at a "
                    f"time: {str(error).splitlines()[0]}"
                ) from error
        # Outside the handler, because the error keeps all tensors of the failed attempt alive.
        LOGGER.warning("out of memory: from iteration %d on, batches are processed in two parts", iteration)
        self.num_parts = 2
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        return self._find_gradient(images, labels, iteration)

    def _try(self, images: Tensor, labels: Tensor, iteration: int) -> Tensor:
        self._optimiser.zero_grad(set_to_none=True)
        if self.num_parts > 1:
            return self._go_in_parts(images, labels, iteration)
        set_batch_size(self._network, len(images))
        outputs = [gather(output, len(images)) for output in self._forward(take_share(images), iteration, 0)]
        loss = self._find_loss(self._loss, outputs, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _go_in_parts(self, images: Tensor, labels: Tensor, iteration: int) -> Tensor:
        parts = list(enumerate(images.chunk(self.num_parts)))
        with torch.no_grad():
            outputs = [self._forward(part, iteration, number) for number, part in parts]
        whole = [torch.cat(level).requires_grad_() for level in zip(*outputs, strict=True)]
        loss = self._find_loss(self._loss, whole, labels)
        gradients = torch.autograd.grad(loss, whole)
        shares = [gradient.chunk(self.num_parts) for gradient in gradients]
        for number, part in parts:
            torch.autograd.backward(self._forward(part, iteration, number), [share[number] for share in shares])
        return loss.detach()

    def _find_loss(self, loss: nn.Module, outputs: Sequence[Tensor], labels: Tensor) -> Tensor:
        return deep_supervision_loss(loss, outputs, labels, leaves_last=self._recipe.training == "nnunet")

    def _forward(self, images: Tensor, iteration: int, part: int) -> list[Tensor]:
        assert self._replica is not None
        with self._draws(iteration, part), torch.autocast(self._device.type, torch.bfloat16, enabled=self._is_bfloat16):
            return flatten_outputs(self._replica(images, **self._options))

    @contextmanager
    def _draws(self, iteration: int, part: int) -> Iterator[None]:
        """Seeds the global generator, the only one that dropout uses, in the block; restores its state afterwards."""
        if not self._is_random:
            yield
            return
        with torch.random.fork_rng([self._device] if self._device.type == "cuda" else []):
            torch.manual_seed(derive_seed("dropout", self._seed, iteration, part))
            yield


def _is_random(module: nn.Module) -> bool:
    """True for every kind of dropout with a probability above 0, including stochastic depth."""
    rate = getattr(module, "p", getattr(module, "drop_prob", 1.0))
    return "drop" in type(module).__name__.lower() and rate > 0.0


def uses_bfloat16(precision: str, device: str) -> bool:
    """True if training uses bfloat16: with 'auto', if the device is faster with it."""
    if precision == "auto":
        return torch.device(device).type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return precision == "bfloat16"


def use_channels_last(network: nn.Module, spatial_dims: int) -> nn.Module:
    """The network in channels-last memory format, in which a GPU's bfloat16 convolutions are faster."""
    formats: Sequence[torch.memory_format] = (torch.channels_last, torch.channels_last_3d)
    return network.to(memory_format=formats[spatial_dims - 2])  # type: ignore[call-overload,no-any-return]
