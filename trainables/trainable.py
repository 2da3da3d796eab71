"""The interfaces of tasks and trainables. Free of torch, so that the search can import them.

A `Task` names the objectives and builds a `Trainable` for a candidate. The caller drives a trainable: `step` until
`steps_done == num_steps`, then `evaluate`. There are no callbacks, so a plain `for` loop runs it.
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
"""In place of a corruption, marks results on the uncorrupted image, with severity 0."""


@dataclass(frozen=True, order=True)
class Condition:
    """One condition under which cases are measured: the key of all tables of scores and errors."""

    corruption: str
    """Name of the corruption, or 'none' for uncorrupted images."""

    severity: int
    """1 to 5, or 0 for uncorrupted images."""

    shift: str = ""
    """The shift set whose cases are measured, or '' for cases like those in training."""

    @property
    def change(self) -> Condition:
        """The same for all severities of a corruption; a shift set is a change of its own."""
        return Condition(self.corruption, 0, self.shift)

    def describe(self) -> str:
        """The condition in a word or two, such as 'gaussian_blur 3' or 'shift fluo_520'."""
        if self.shift:
            return f"shift {self.shift}"
        return f"{self.corruption} {self.severity}" if self.severity else "clean"


CLEAN_CONDITION = Condition(CLEAN, 0)


class Split(StrEnum):
    """The cases of a measurement: validation cases guide the search, test cases are only reported."""

    VALIDATION = "validation"
    TEST = "test"


ESTIMATED_MEMORY, TAKEN_MEMORY = "estimated_memory_gb", "train_memory_gb"
"""Costs for the memory that a training was estimated to take, and took; the search compares them if a task has both."""

BYTES_PER_GB = 1e9
"""Memory is always given in gigabytes of 10^9 bytes."""

MEAN = "mean"
"""In place of a class, marks a score that is the mean over all foreground classes."""


BOTH, SOME = "both", "some"
"""In `CaseScore.empty` of a class: both masks of the class are empty; of a mean: both masks of all classes are, or of
some, and these were left out.
"""


@dataclass(frozen=True)
class CaseScore:
    """One score of one case and class: the finest grain that is stored, from which all results are computed."""

    case: str
    """Name of the case, unique within its dataset."""

    domain: str
    """Origin of the case: site, scanner, blend level."""

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
    """Which mask of the class is empty: 'reference', 'prediction' or 'both'; '' for neither.

    A mean is '' if all classes count in it. If those that are in neither mask are left out, it is 'some' if they are
    some of the classes, and 'both' if they are all; then the mean counts nowhere.
    """

    shift: str = ""
    """Name of the shift set that the case is in, or '' for a case like those in training."""

    objective: str = ""
    """Name of the objective that uses this row, or ''."""

    @property
    def condition(self) -> Condition:
        """The condition under which the case was measured."""
        return Condition(self.corruption, self.severity, self.shift)

    @property
    def is_left_out(self) -> bool:
        """True for the mean of a case that has no class to score; its value counts in no result."""
        return self.label == MEAN and self.empty == BOTH

    @property
    def is_clean(self) -> bool:
        """True for the uncorrupted image of a case like those in training; accuracy is computed from these."""
        return self.corruption == CLEAN and not self.shift


@dataclass(frozen=True)
class RobustnessProfile:
    """What is reported beside the robustness of a network, and never optimised."""

    families: Mapping[str, float] = field(default_factory=dict)
    """Mean score of every family of changes that was measured, counted or not; a shift set is 'shift NAME'."""

    clean: float = 0.0
    """Mean clean score of the cases that were corrupted, or of all cases if none was."""

    corrupted: float | None = None
    """Mean score of the same cases over the corruptions that count, weighted like robustness; None if none counts."""

    held_out: float | None = None
    """Robustness over the held-out corruptions alone; None if there are none, or they are not known."""

    worst_of: int = 0
    """The number of cases of which robustness is the score of the worst one; 0 if it is no single case."""

    @property
    def worst_family(self) -> str:
        """The family with the lowest mean score, the first of equal ones; '' if none was measured."""
        return min(self.families, key=lambda name: self.families[name], default="")

    @property
    def collapses(self) -> tuple[str, ...]:
        """The families under which the network keeps less than half of its clean score, worst first."""
        found = [name for name, mean in self.families.items() if mean < self.clean / 2]
        return tuple(sorted(found, key=lambda name: self.families[name]))


@dataclass(frozen=True)
class Evaluation:
    """The complete measurement of a trained network on one split."""

    objectives: Measurement
    """A value for every objective of the task."""

    costs: Mapping[str, float]
    """A value for every name in `Task.cost_names`."""

    cases: Sequence[CaseScore] = ()
    """The rows from which the objectives are computed."""

    degenerate: str = ""
    """Why the network counts as broken (constant, empty, all foreground), or '' if it does not.

    A degenerate network looks perfectly robust, so it is left out of the front.
    """

    device: str = ""
    """The device that the costs were measured on, by its name, or '' if they depend on none."""

    profile: RobustnessProfile | None = None
    """What is reported beside the robustness; None if the task does not measure it."""

    note: str = ""
    """What is suspicious about the network, but too few cases show it to call it broken, or ''."""


@dataclass(frozen=True)
class SplitRow:
    """The split and the hashes of one case: a study stores these, and resumes only with the same."""

    case: str
    """Name of the case, unique within its dataset."""

    split: str
    """'train', 'validation' or 'test'; never 'train' in a shift set."""

    subject: str
    """Its subject; a subject is in one split only."""

    domain: str
    """Its origin, or ''."""

    image_sha256: str
    label_sha256: str

    shift: str = ""
    """Name of the shift set that the case is in, or ''."""


@runtime_checkable
class Trainable(Protocol):
    """A candidate in training."""

    @property
    def num_steps(self) -> int:
        """How often `step` must be called in total."""
        ...

    @property
    def steps_done(self) -> int:
        """How often `step` was called, counting those before a `load`."""
        ...

    def step(self) -> Measurement:
        """Trains a share of the budget; returns a quick measurement of the objectives on validation cases.

        It is empty after a step that is not among `Assignment.quick_steps`.

        Raises:
            ValueError: if training diverged; the message names the value that is not finite.
        """
        ...

    def evaluate(self, split: Split) -> Evaluation:
        """The complete measurement on the cases of a split."""
        ...

    def save(self, folder: Path) -> None:
        """Writes everything that `load` needs to resume exactly into the existing folder."""
        ...

    def load(self, folder: Path) -> None:
        """Resumes from what `save` wrote, with the same results as without the interruption."""
        ...


@dataclass(frozen=True)
class TrialSeconds:
    """About how long the parts of a trial take, in seconds."""

    training: float
    """All steps, without measurements."""

    measuring: float
    """Quick measurements, the complete one on validation cases, and the costs."""

    testing: float
    """The measurement on test cases, if it comes to that."""

    building: float = 0.0
    """Until the first step, in a process that has built a trial before."""

    @property
    def total(self) -> float:
        """Of the trial, without test cases."""
        return self.building + self.training + self.measuring


@runtime_checkable
class SampledTrainable(Protocol):
    """A trainable that can say how long it will take."""

    def sample_seconds(self) -> TrialSeconds:
        """What its parts will take, measured on a moment of each; it is of no other use afterwards.

        Raises:
            ValueError: as `step` does.
        """
        ...


@dataclass(frozen=True)
class Assignment:
    """What a worker needs to build a trainable."""

    candidate: Candidate
    seed: int
    """Seed of weights, sampling and augmentation: equal seeds are paired across candidates."""

    num_threads: int = 1
    """CPU threads that the trial may use."""

    device: str = "cpu"
    """Device of the tensors, as torch names it: 'cpu' or 'cuda'."""

    memory_factors: Mapping[str, float] = field(default_factory=dict)
    """Ratio of the memory that trainings took to the estimate, by the name of the device, as in `Evaluation.device`."""

    quick_steps: tuple[int, ...] | None = None
    """The steps, from 1, after which somebody needs a quick measurement; None for all of them."""

    def needs_quick(self, step: int) -> bool:
        """Whether somebody needs a quick measurement after a step."""
        return self.quick_steps is None or step in self.quick_steps


@runtime_checkable
class Task(Protocol):
    """The task of a search: the objectives, and how a candidate is measured."""

    def objectives(self) -> tuple[Objective, ...]:
        """The objectives that the search optimises."""
        ...

    def cost_names(self) -> tuple[str, ...]:
        """The names of the costs that every evaluation reports."""
        ...

    def check(self) -> None:
        """Checks everything a trial will need, before the search starts.

        Raises:
            ValueError: with all findings in one message, each naming file, field and way out.
        """
        ...

    def split_rows(self) -> Sequence[SplitRow]:
        """Every case of the task, with its split; empty if it has no cases."""
        ...

    def notes(self, space: SearchSpace) -> Sequence[str]:
        """Notes for the user on task, data and space that are no reason to refuse them; one line each."""
        ...

    def warm_up(self) -> None:
        """Imports what trials need; a worker calls it once, before its first trial."""
        ...

    def build(self, assignment: Assignment) -> Trainable:
        """A fresh trainable for a candidate."""
        ...
