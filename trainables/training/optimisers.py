"""Optimisers and learning rate schedules by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import nn

from paretoseg.spaces.recipe import Recipe

MOMENTUM = 0.9
"""Nesterov momentum of `sgd`. nnU-Net's 0.99 averages over more iterations than a short trial has."""

NNUNET_MOMENTUM = 0.99
"""Nesterov momentum of nnU-Net's recipe, whatever the length of the training."""

WARM_UP = 0.1
"""Share of the iterations over which the learning rate rises."""

POLYNOMIAL_POWER = 0.9
"""Exponent of the polynomial schedule, as in nnU-Net (Isensee et al., 2021)."""

Weights = Iterable[nn.Parameter]

# Fused: one pass over all weights, on CPUs and GPUs.
OPTIMISERS: Mapping[str, Callable[[Weights, Recipe], torch.optim.Optimizer]] = {
    "adamw": lambda weights, recipe: torch.optim.AdamW(
        weights, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    ),
    "adam": lambda weights, recipe: torch.optim.Adam(
        weights, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    ),
    "sgd": lambda weights, recipe: _build_sgd(weights, recipe, MOMENTUM),
}
"""Every option of `Recipe.optimiser` with its builder."""

STATE_PER_WEIGHT: Mapping[str, int] = {"adamw": 2, "adam": 2, "sgd": 1}
"""How many numbers each optimiser keeps per weight."""


def build_optimiser(weights: Weights, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimiser of a recipe."""
    if recipe.training == "nnunet":
        return _build_sgd(weights, recipe, NNUNET_MOMENTUM)
    return OPTIMISERS[recipe.optimiser](weights, recipe)


def count_state(recipe: Recipe) -> int:
    """How many numbers the optimiser of a recipe keeps per weight."""
    return STATE_PER_WEIGHT["sgd" if recipe.training == "nnunet" else recipe.optimiser]


SCHEDULES: Mapping[str, Callable[[float], float]] = {
    "cosine": lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)),
    "polynomial": lambda progress: float((1.0 - progress) ** POLYNOMIAL_POWER),
    "constant": lambda progress: 1.0,
}
"""Every option of `Recipe.schedule`: maps the progress after the warm-up, 0 to 1, to the share of the peak."""


def _build_sgd(weights: Weights, recipe: Recipe, momentum: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        weights,
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        momentum=momentum,
        nesterov=True,
        fused=True,
    )


def learning_rate_factor(iteration: int, num_iterations: int, schedule: str = "cosine") -> float:
    """Share of the peak learning rate, in [0, 1]: rises linearly over the warm-up, then follows the schedule.

    Args:
        iteration: 0 to num_iterations - 1.
        num_iterations: Iterations of the whole training, not of a step.
        schedule: An option of `Recipe.schedule`.
    """
    num_warm_up = max(1, round(WARM_UP * num_iterations))
    if iteration < num_warm_up:
        return (iteration + 1) / num_warm_up
    return SCHEDULES[schedule]((iteration - num_warm_up) / max(num_iterations - num_warm_up, 1))


def find_learning_rate(recipe: Recipe, iteration: int, num_iterations: int) -> float:
    """The learning rate of an iteration, 0 to num_iterations - 1; that of nnU-Net's recipe falls from the first on."""
    if recipe.training == "nnunet":
        return recipe.learning_rate * SCHEDULES["polynomial"](iteration / num_iterations)
    return recipe.learning_rate * learning_rate_factor(iteration, num_iterations, recipe.schedule)
