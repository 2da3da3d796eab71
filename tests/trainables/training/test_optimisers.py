"""Optimisers and schedules: every entry of the tables, by hand where that is possible."""

from __future__ import annotations

import copy

import pytest
import torch

from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import DIMENSIONS
from paretoseg.trainables.training.optimisers import OPTIMISERS, SCHEDULES, STATE_PER_WEIGHT, learning_rate_factor


def test_the_tables_hold_the_options_of_the_search_space() -> None:
    assert ", ".join(OPTIMISERS) == DIMENSIONS["optimiser"].describe()
    assert ", ".join(SCHEDULES) == DIMENSIONS["schedule"].describe()
    assert OPTIMISERS.keys() == STATE_PER_WEIGHT.keys()


def one_step(name: str, **changes: float) -> float:
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimiser = OPTIMISERS[name]([weight], Recipe(**{"learning_rate": 0.1, "weight_decay": 1e-6} | changes))
    (3.0 * weight).sum().backward()
    optimiser.step()
    return weight.item()


def test_the_first_step_by_hand() -> None:
    assert one_step("adamw") == pytest.approx(2.0 - 0.1, abs=1e-5)
    assert one_step("adam") == pytest.approx(2.0 - 0.1, abs=1e-5)
    # Nesterov looks ahead: gradient + momentum * gradient.
    assert one_step("sgd") == pytest.approx(2.0 - 0.1 * 3.0 * 1.9, abs=1e-5)


def test_weight_decay_by_hand() -> None:
    assert one_step("adamw", weight_decay=0.1) == pytest.approx(2.0 - 0.1 - 0.1 * 0.1 * 2.0, abs=1e-5)
    assert one_step("adam", weight_decay=0.1) == pytest.approx(2.0 - 0.1, abs=1e-5)
    assert one_step("sgd", weight_decay=0.1) == pytest.approx(2.0 - 0.1 * (3.0 + 0.1 * 2.0) * 1.9, abs=1e-5)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_an_optimiser_finds_a_minimum(name: str) -> None:
    weight = torch.nn.Parameter(torch.tensor([2.0, -1.0]))
    optimiser = OPTIMISERS[name]([weight], Recipe(learning_rate=0.02, weight_decay=1e-6))
    for _ in range(400):
        optimiser.zero_grad()
        ((weight - torch.tensor([0.5, 0.25])) ** 2).sum().backward()
        optimiser.step()
    assert weight.tolist() == pytest.approx([0.5, 0.25], abs=0.02)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_its_state_has_as_many_numbers_as_the_estimate_of_memory_counts(name: str) -> None:
    weight = torch.nn.Parameter(torch.ones(1000))
    optimiser = OPTIMISERS[name]([weight], Recipe())
    weight.sum().backward()
    optimiser.step()
    kept = sum(value.numel() for value in optimiser.state[weight].values() if value is not None)
    assert kept // 1000 == STATE_PER_WEIGHT[name]


@pytest.mark.parametrize("name", OPTIMISERS)
def test_an_optimiser_goes_on_from_its_state(name: str) -> None:
    weights = [torch.nn.Parameter(torch.tensor([2.0])) for _ in range(2)]
    first, second = (OPTIMISERS[name]([weight], Recipe()) for weight in weights)

    def step(weight: torch.nn.Parameter, optimiser: torch.optim.Optimizer) -> float:
        optimiser.zero_grad()
        (weight**2).sum().backward()
        optimiser.step()
        return weight.item()

    step(weights[0], first)
    weights[1].data.copy_(weights[0].data)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert step(weights[0], first) == step(weights[1], second)


def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero() -> None:
    factors = [learning_rate_factor(iteration, 100) for iteration in range(100)]
    assert factors[:10] == pytest.approx([0.1 * step for step in range(1, 11)])
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[-1] < 0.001
    assert learning_rate_factor(0, 1) == 1.0


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_starts_at_the_peak_and_never_rises(schedule: str) -> None:
    factors = [learning_rate_factor(iteration, 40, schedule) for iteration in range(4, 40)]
    assert factors[0] == 1.0
    assert factors == sorted(factors, reverse=True)
    assert factors[-1] >= 0.0


def test_the_schedules_by_hand() -> None:
    halfway = {name: schedule(0.5) for name, schedule in SCHEDULES.items()}
    assert halfway == pytest.approx({"cosine": 0.5, "polynomial": 0.5**0.9, "constant": 1.0})
