"""A closed-form trainable: no torch, no data, the same protocol, and a front that is known exactly.

It makes it possible to try and test the whole orchestration in seconds. Over the candidate's dimensions

    accuracy(f)   = 0.95 - 0.25 f^2 - penalty
    robustness(f) = 0.60 + 0.30 f (2 - f) - penalty

where f is `foreground_ratio` and `penalty` >= 0 measures how far the other dimensions are from their best values. The
true front is penalty = 0 with f in [0, 1]; its hypervolume to the reference (0, 0) is `TRUE_HYPERVOLUME`.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

import numpy as np

from paretoseg.spaces.cost_objectives import COST_OBJECTIVES
from paretoseg.spaces.objective import Direction, Measurement, Objective
from paretoseg.spaces.objective_choice import ObjectiveChoice
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.data.datasets import DataConfig
from paretoseg.trainables.task_config import TaskConfig
from paretoseg.trainables.trainable import Assignment, CaseScore, Evaluation, Split, SplitRow, TrialSeconds

TRUE_HYPERVOLUME = 0.8425
"""Area dominated by the true front: 0.6 * 0.95 + integral of accuracy(f) d robustness(f) over [0, 1]."""

_PENALTY = {
    "skip": {"none": 0.06, "concatenation": 0.0, "addition": 0.02, "attention_gate": 0.03, "dense": 0.04},
    "attention": {"none": 0.02, "squeeze_excitation": 0.0, "cbam": 0.01, "self_attention": 0.03},
    "augmentation": {"none": 0.06, "spatial": 0.02, "intensity": 0.03, "spatial_intensity": 0.0},
}
_OTHER_AUGMENTATION = 0.04
_NAMED = (*_PENALTY, "depth", "width", "patch", "foreground_ratio", "learning_rate")
"""The dimensions with a term of their own; every other one adds a penalty if it is not at its default."""
SCORES = (
    Objective("accuracy", "1", Direction.MAXIMISE, 0.0, "closed form that falls with the foreground ratio"),
    Objective("robustness", "1", Direction.MAXIMISE, 0.0, "closed form that rises with the foreground ratio"),
)
"""The objectives of a search that chooses none."""

_CASES = ("toy-0", "toy-1", "toy-2", "toy-3")
_CASE_OFFSETS = (-0.02, -0.01, 0.01, 0.02)
_TEST_SHIFT = -0.01


class FailureMode(StrEnum):
    """What a failing trial does; lower-case names, as in the config."""

    nothing = "nothing"
    error = "error"
    diverge = "diverge"
    memory = "memory"
    exit = "exit"
    hang = "hang"


@dataclass(unsafe_hash=True)
class ToyConfig(TaskConfig):
    """Settings of the toy task; with the defaults, a trial finishes at once."""

    uses_gpus: ClassVar[bool] = False

    seconds: float = 0.0
    """How long each trial keeps its slot busy, in seconds."""

    num_steps: int = 3
    """Measurements per trial before the final one."""

    noise: float = 0.0
    """Standard deviation of the noise that the trial's seed adds to both objectives, the same for all candidates."""

    wobble: float = 0.0
    """Standard deviation of the noise that the trial's seed adds to each candidate on its own."""

    failure: FailureMode = FailureMode.nothing
    """What the failing trials do, to test failures: nothing, error, diverge, memory, exit, hang."""

    fails_below: float = 0.0
    """Trials whose foreground_ratio lies below this fail."""

    def __post_init__(self) -> None:
        if self.num_steps < 1:
            raise ValueError(f"task.num_steps must be at least 1, got {self.num_steps}")
        if not 0 <= self.wobble < math.inf:
            raise ValueError(f"task.wobble must be finite and not negative, got {self.wobble}")
        if not (0 <= self.seconds < math.inf and 0 <= self.noise < math.inf):
            raise ValueError(
                f"task.seconds and task.noise must be finite and not negative, got {self.seconds} and {self.noise}"
            )

    def build(self, data: DataConfig, space: SearchSpace | None = None, baselines: Sequence[Candidate] = ()) -> ToyTask:
        """The toy task; it needs no data."""
        return ToyTask(self)


@dataclass(frozen=True)
class ToyTask:
    """The toy problem as a `Task`."""

    settings: ToyConfig = field(default_factory=ToyConfig)
    choice: ObjectiveChoice = field(default_factory=lambda: ObjectiveChoice(SCORES))

    def objectives(self) -> tuple[Objective, ...]:
        """Accuracy and robustness, both closed forms in [0, 1], higher is better, or what was chosen."""
        return self.choice.objectives

    def cost_names(self) -> tuple[str, ...]:
        """The costs of an evaluation."""
        return self.choice.name_costs(("parameters",))

    def measurable(self) -> tuple[Objective, ...]:
        """Both scores, and the number of weights."""
        return (*SCORES, COST_OBJECTIVES["parameters"])

    def choose(self, choice: ObjectiveChoice) -> ToyTask:
        """The same task with these objectives."""
        return replace(self, choice=choice)

    def predictable(self) -> tuple[str, ...]:
        """The number of weights."""
        return ("parameters",)

    def predict(self, candidate: Candidate, names: Collection[str]) -> dict[str, float]:
        """The number of weights."""
        return {name: float(count_parameters(candidate)) for name in names}

    def check(self) -> None:
        """Does nothing: the toy needs nothing."""

    def split_rows(self) -> tuple[SplitRow, ...]:
        """None: the toy has no cases."""
        return ()

    def notes(self, space: SearchSpace) -> tuple[str, ...]:
        """None."""
        return ()

    def warm_up(self) -> None:
        """Does nothing: there is nothing to import."""

    def build(self, assignment: Assignment) -> ToyTrainable:
        """The candidate, ready to be stepped."""
        return ToyTrainable(self.settings, assignment, self.choice)


class ToyTrainable:
    """A candidate with known objectives; steps and time are simulated."""

    def __init__(self, settings: ToyConfig, assignment: Assignment, choice: ObjectiveChoice | None = None) -> None:
        self._settings = settings
        self._choice = choice or ObjectiveChoice(SCORES)
        self._assignment = assignment
        self._steps_done = 0
        own_seed = [assignment.seed, int(assignment.candidate.short_hash, 16)]
        draws = np.random.default_rng(assignment.seed).normal(size=2) * settings.noise
        draws += np.random.default_rng(own_seed).normal(size=2) * settings.wobble
        accuracy, robustness = closed_form(assignment.candidate)
        self._final = {"accuracy": accuracy + draws[0], "robustness": robustness + draws[1]}

    @property
    def num_steps(self) -> int:
        """How often `step` must be called in total."""
        return self._settings.num_steps

    @property
    def steps_done(self) -> int:
        """How often `step` was called, counting those before a `load`."""
        return self._steps_done

    def step(self) -> Measurement:
        """The final values, scaled by the progress of training."""
        self._fail_if_chosen()
        _keep_busy(self._settings.seconds / self.num_steps)
        self._steps_done += 1
        progress = 1 - 0.5**self._steps_done
        return self._choice.select({name: value * progress for name, value in self._final.items()} | self._costs)

    def sample_seconds(self) -> TrialSeconds:
        """As long as the settings say."""
        return TrialSeconds(self._settings.seconds, measuring=0.0, testing=0.0)

    def evaluate(self, split: Split) -> Evaluation:
        """The closed form; on the test split 0.01 lower."""
        shift = _TEST_SHIFT if split is Split.TEST else 0.0
        values = {name: value + shift for name, value in self._final.items()}
        corruptions = {"accuracy": ("none", 0), "robustness": ("toy", 1)}
        cases = [
            CaseScore(case, "toy", *corruptions[name], metric="dice", value=value + offset, objective=name)
            for name, value in values.items()
            for case, offset in zip(_CASES, _CASE_OFFSETS, strict=True)
        ]
        costs = self._costs | {name: values[name] for name in self._choice.beside}
        return Evaluation(self._choice.select(values | costs), costs, cases)

    @property
    def _costs(self) -> dict[str, float]:
        return {"parameters": float(count_parameters(self._assignment.candidate))}

    def save(self, folder: Path) -> None:
        """Writes the number of steps."""
        (folder / "toy.json").write_text(json.dumps({"steps_done": self._steps_done}))

    def load(self, folder: Path) -> None:
        """Reads the number of steps."""
        self._steps_done = int(json.loads((folder / "toy.json").read_text())["steps_done"])

    def _fail_if_chosen(self) -> None:
        if self._assignment.candidate.recipe.foreground_ratio >= self._settings.fails_below:
            return
        match self._settings.failure:
            case FailureMode.error:
                raise RuntimeError("the toy fails as configured")
            case FailureMode.diverge:
                Measurement({"accuracy": math.nan})
            case FailureMode.memory:
                raise MemoryError("the toy runs out of memory as configured")
            case FailureMode.exit:
                os._exit(1)
            case FailureMode.hang:
                while True:
                    time.sleep(0.1)


def closed_form(candidate: Candidate) -> tuple[float, float]:
    """Accuracy and robustness of a candidate, both in [0, 1], higher is better."""
    penalty = distance_from_best(candidate)
    ratio = candidate.recipe.foreground_ratio
    return 0.95 - 0.25 * ratio**2 - penalty, 0.60 + 0.30 * ratio * (2 - ratio) - penalty


def distance_from_best(candidate: Candidate) -> float:
    """The penalty >= 0 of all dimensions but the foreground ratio; 0 at their best values."""
    architecture, recipe, defaults = candidate.architecture, candidate.recipe, Candidate().as_dict()
    return (
        _PENALTY["skip"][architecture.skip]
        + _PENALTY["attention"][architecture.attention]
        + _PENALTY["augmentation"].get(recipe.augmentation, _OTHER_AUGMENTATION)
        + 0.02 * abs(architecture.depth - 4)
        + 0.02 * abs(math.log2(architecture.width / 16))
        + 0.03 * abs(recipe.patch - 64) / 64
        + 0.03 * (math.log10(recipe.learning_rate) + 2) ** 2
        + 0.01 * sum(value != defaults[name] for name, value in candidate.as_dict().items() if name not in _NAMED)
    )


def count_parameters(candidate: Candidate) -> int:
    """Approximate weights of a plain U-Net of this depth and width: the sum of 4 * 9 * width^2 * 4^level."""
    return sum(36 * candidate.architecture.width**2 * 4**level for level in range(candidate.architecture.depth))


def _keep_busy(seconds: float) -> None:
    """Computes for a time in seconds: a slot that sleeps would hide what orchestration takes from training."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        math.sqrt(2.0)
