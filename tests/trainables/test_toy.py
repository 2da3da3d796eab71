from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.objective import reference_point, to_losses
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import DIMENSIONS, Candidate, SearchSpace
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.toy import TRUE_HYPERVOLUME, ToyConfig, closed_form, distance_from_best
from paretoseg.trainables.trainable import Assignment, Split

BEST = Candidate(
    Architecture(skip="concatenation", depth=4, width=16, attention="squeeze_excitation"),
    Recipe(patch=64, augmentation="spatial_intensity", learning_rate=1e-2),
)


def with_ratio(ratio: float) -> Candidate:
    return dataclasses.replace(BEST, recipe=dataclasses.replace(BEST.recipe, foreground_ratio=ratio))


def build(candidate: Candidate = BEST, seed: int = 0, **settings):
    return ToyConfig(**settings).build(TexturesConfig()).build(Assignment(candidate, seed=seed))


def test_the_ends_of_the_front_are_those_of_the_formula() -> None:
    assert closed_form(with_ratio(0.0)) == pytest.approx((0.95, 0.60))
    assert closed_form(with_ratio(1.0)) == pytest.approx((0.70, 0.90))
    assert distance_from_best(BEST) == 0.0


def test_the_true_hypervolume_is_that_of_the_true_front() -> None:
    points = [
        dict(zip(("accuracy", "robustness"), closed_form(with_ratio(r)), strict=True)) for r in np.linspace(0, 1, 20001)
    ]
    losses = to_losses(objectives := ToyConfig().build(TexturesConfig()).objectives(), points)
    reference = reference_point(objectives)
    heights = reference[1] - losses[:, 1]
    widths = np.append(reference[0] - losses[:, 0], 0.0)
    assert float(np.sum(heights * (widths[:-1] - widths[1:]))) == pytest.approx(TRUE_HYPERVOLUME, abs=1e-4)


def test_no_candidate_lies_beyond_the_true_front() -> None:
    space, generator = SearchSpace(), np.random.default_rng(0)
    for _ in range(300):
        candidate = space.sample(generator)
        accuracy, robustness = closed_form(candidate)
        best = closed_form(with_ratio(candidate.recipe.foreground_ratio))
        assert accuracy <= best[0]
        assert robustness <= best[1]


@pytest.mark.parametrize("name", DIMENSIONS)
def test_every_dimension_moves_an_objective(name: str) -> None:
    for neighbour in DIMENSIONS[name].neighbours(BEST.as_dict()[name]):
        assert closed_form(Candidate.from_dict(BEST.as_dict() | {name: neighbour})) != closed_form(BEST)


def test_every_objective_is_the_mean_of_its_cases() -> None:
    evaluation = build().evaluate(Split.VALIDATION)
    for name, corruption in (("accuracy", "none"), ("robustness", "toy")):
        values = [case.value for case in evaluation.cases if case.corruption == corruption]
        assert np.mean(values) == pytest.approx(evaluation.objectives.values[name])


def test_test_cases_differ_from_validation_cases() -> None:
    trial = build()
    validation, test = (trial.evaluate(split).objectives.values["accuracy"] for split in Split)
    assert test == pytest.approx(validation - 0.01)


def test_steps_lead_to_the_final_values_and_a_loaded_trial_goes_on(tmp_path: Path) -> None:
    whole = build(num_steps=3)
    values = [whole.step().values["accuracy"] for _ in range(3)]
    assert values == sorted(values)

    first = build(num_steps=3)
    first.step()
    first.save(tmp_path)
    second = build(num_steps=3)
    second.load(tmp_path)
    assert second.steps_done == 1
    assert [second.step().values["accuracy"] for _ in range(2)] == values[1:]


def test_noise_depends_on_the_seed_alone() -> None:
    def accuracy(candidate: Candidate, seed: int) -> float:
        return build(candidate, seed, noise=0.1).evaluate(Split.VALIDATION).objectives.values["accuracy"]

    assert accuracy(BEST, 1) == accuracy(BEST, 1)
    assert accuracy(BEST, 1) != accuracy(BEST, 2)
    other = with_ratio(0.1)
    assert accuracy(BEST, 1) - closed_form(BEST)[0] == pytest.approx(accuracy(other, 1) - closed_form(other)[0])


def test_the_wobble_of_a_seed_is_another_for_every_candidate() -> None:
    def error(candidate: Candidate, seed: int) -> float:
        found = build(candidate, seed, wobble=0.1).evaluate(Split.VALIDATION).objectives.values["accuracy"]
        return found - closed_form(candidate)[0]

    assert error(BEST, 1) == error(BEST, 1)
    assert error(BEST, 1) != error(BEST, 2)
    assert error(BEST, 1) != pytest.approx(error(with_ratio(0.1), 1))


@pytest.mark.parametrize("settings", [{"num_steps": 0}, {"seconds": -1.0}, {"noise": -0.1}, {"wobble": -0.1}])
def test_settings_out_of_range_are_refused_by_name(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"task.{next(iter(settings))}"):
        ToyConfig(**settings)


def test_the_toy_needs_no_torch() -> None:
    program = "import sys, paretoseg.trainables.toy; assert 'torch' not in sys.modules and 'monai' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
