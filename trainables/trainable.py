"""The contracts of what is searched for. Free of torch, so that the search can know them.

A `Task` names the objectives and builds a `Trainable` for a candidate. A trainable is driven from outside:
`step` until `steps_done == num_steps`, then `evaluate`. It never calls anybody back, so a plain `for` loop runs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from paretoseg.spaces.objective import Measurement, Objective
from paretoseg.spaces.search_space import Candidate, SearchSpace

CLEAN = "none"
"""Name under which results on the untouched image are kept, with severity 0."""


@dataclass(frozen=True, order=True)
class Condition:
    """One state in which cases are measured: the key of every table of scores and errors."""

    corruption: str
    """Name of the corruption, or 'none' for untouched images."""

    severity: int
    """1 to 5, or 0 for untouched images."""

    shift: str = ""
    """The shift set whose cases are measured, or '' for cases like those in training."""

    @property
    def change(self) -> Condition:
        """What all severities of the same corruption have in common; a shift set is one of its own."""
        return Condition(self.corruption, 0, self.shift)

    def describe(self) -> str:
        """The condition in a word or two, such as 'gaussian_blur 3' or 'shift fluo_520'."""
        if self.shift:
            return f"shift {self.shift}"
        return f"{self.corruption} {self.severity}" if self.severity else "clean"


CLEAN_CONDITION = Condition(CLEAN, 0)


class Split(StrEnum):
    """Which cases a measurement is taken on: validation chooses, test only reports."""

    VALIDATION = "validation"
    TEST = "test"


ESTIMATED_MEMORY, TAKEN_MEMORY = "estimated_memory_gb", "train_memory_gb"
"""Costs of a task that says what its training was estimated to take, and what it took: the search compares the two."""

BYTES_PER_GB = 1e9
"""Memory is given in gigabytes of 10^9 bytes everywhere."""

MEAN = "mean"
"""Stands in place of a class where a score is the mean over all foreground classes."""


@dataclass(frozen=True)
class CaseScore:
    """One number of one case and class: the finest grain that is stored, and what every other number is made of."""

    case: str
    """Name of the case, unique within its dataset."""

    domain: str
    """Where the case comes from: site, scanner, blend level."""

    corruption: str
    """Name of the corruption, or 'none' for the clean image."""

    severity: int
    """1 to 5, or 0 for the clean image."""

    metric: str
    """Name of the metric, such as 'dice'."""

    value: float
    """The metric's value; never NaN."""

    label: str = MEAN
    """Name of the class, or 'mean' for the mean over all foreground classes."""

    empty: str = ""
    """Which mask of the class holds nothing: 'reference', 'prediction' or 'both'; '' for neither, and for the mean."""

    shift: str = ""
    """Name of the shift set that the case is in, or '' for a case like those in training."""

    objective: str = ""
    """Name of the objective that is made of this row, or ''."""

    @property
    def condition(self) -> Condition:
        """What the case was measured under."""
        return Condition(self.corruption, self.severity, self.shift)

    @property
    def is_clean(self) -> bool:
        """True for the untouched image of a case like those in training: what accuracy is made of."""
        return self.corruption == CLEAN and not self.shift


@dataclass(frozen=True)
class Evaluation:
    """Everything that is known of a trained network on one split."""

    objectives: Measurement
    """A value for every objective of the task."""

    costs: Mapping[str, float]
    """What it takes: a value for every name in `Task.cost_names`."""

    cases: Sequence[CaseScore] = ()
    """The rows that the objectives are made of."""

    degenerate: str = ""
    """Why the network counts as broken (constant, empty, all foreground), or '' if it does not.

    A degenerate network looks perfectly robust; the front leaves it out.
    """

    device: str = ""
    """The device that the costs were measured on, by its name, or '' if they depend on none."""


@dataclass(frozen=True)
class SplitRow:
    """Where one case belongs, and what it holds: a study keeps these, and goes on only with the same."""

    case: str
    """Name of the case, unique within its dataset."""

    split: str
    """'train', 'validation' or 'test'; never 'train' in a shift set."""

    subject: str
    """Whom it shows; a subject is in one split only."""

    domain: str
    """Where it comes from, or ''."""

    image_sha256: str
    label_sha256: str

    shift: str = ""
    """Name of the shift set that the case is in, or ''."""


@runtime_checkable
class Trainable(Protocol):
    """A candidate in training."""

    @property
    def num_steps(self) -> int:
        """How often `step` is to be called in all."""
        ...

    @property
    def steps_done(self) -> int:
        """How often `step` was called, counting those before a `load`."""
        ...

    def step(self) -> Measurement:
        """Trains a share of the budget and returns a quick measurement on validation cases, named like objectives.

        Raises:
            ValueError: if training diverged; the message says what is not finite.
        """
        ...

    def evaluate(self, split: Split) -> Evaluation:
        """The complete measurement on the cases of a split."""
        ...

    def save(self, folder: Path) -> None:
        """Writes into the existing folder all that `load` needs to go on exactly."""
        ...

    def load(self, folder: Path) -> None:
        """Goes on from what `save` wrote; what follows is the same as without the interruption."""
        ...


@dataclass(frozen=True)
class Assignment:
    """What a worker is told to build."""

    candidate: Candidate
    seed: int
    """Seed of weights, sampling and augmentation: equal seeds are paired across candidates."""

    num_threads: int = 1
    """CPU threads that the trial may use."""

    device: str = "cpu"
    """Where tensors live, in torch's words: 'cpu' or 'cuda'."""

    memory_factors: Mapping[str, float] = field(default_factory=dict)
    """What trainings took of what was estimated for them, by the name of the device, as in `Evaluation.device`."""


@runtime_checkable
class Task(Protocol):
    """What is searched for: the objectives, and how a candidate is measured."""

    def objectives(self) -> tuple[Objective, ...]:
        """What the search makes as good as it can."""
        ...

    def cost_names(self) -> tuple[str, ...]:
        """The names of the costs that every evaluation reports."""
        ...

    def check(self) -> None:
        """Looks at everything a trial will need, before the search starts.

        Raises:
            ValueError: with all findings in one message, each naming file, field and way out.
        """
        ...

    def split_rows(self) -> Sequence[SplitRow]:
        """Every case that the task knows, with its split; none if it has no cases."""
        ...

    def notes(self, space: SearchSpace) -> Sequence[str]:
        """What the user should know of task, data and space that is no reason to refuse; a line each."""
        ...

    def warm_up(self) -> None:
        """Imports what trials need; a worker calls it once, before its first trial."""
        ...

    def build(self, assignment: Assignment) -> Trainable:
        """A fresh trainable for a candidate."""
        ...
