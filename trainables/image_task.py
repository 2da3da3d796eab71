"""The interface of tasks that segment images, as reports, exports, calibrations and rescorings need it.

Free of torch. Pictures, intervals and exports work with any task that fulfils `ImageTask`, not only with ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from paretoseg.spaces.network_rules import NetworkRules
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.datasets import DataConfig, Dataset
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.measures import ObjectiveMetric, Scoring
from paretoseg.trainables.scoring.objectives import RobustnessRule
from paretoseg.trainables.trainable import Split, Task


@runtime_checkable
class ImageTask(Task, Protocol):
    """A task whose trials are networks that segment images, with accuracy and robustness as objectives.

    The network of a trial is built from its candidate for the data, by `network_rules`.
    """

    @property
    def data(self) -> DataConfig:
        """The data source of the images."""
        ...

    @property
    def network_rules(self) -> NetworkRules:
        """How candidates become networks."""
        ...

    @property
    def metric(self) -> ObjectiveMetric:
        """The metric of accuracy and robustness."""
        ...

    @property
    def rule(self) -> RobustnessRule:
        """The rule that computes robustness from rows: the same for every trial."""
        ...

    def battery(self, shifts: Sequence[str] = (), split: Split = Split.VALIDATION) -> Battery:
        """Everything that a finished trial is measured under.

        Args:
            shifts: Names of the shift sets of the data.
            split: The split of the cases.
        """
        ...

    def scoring(self, dataset: Dataset) -> Scoring:
        """How masks of a dataset are scored against their references."""
        ...

    def training_settings(self) -> Sequence[int | str]:
        """The settings that decide the weights of a trained network, besides data, candidate, size and seed."""
        ...

    def count_iterations(self, candidate: Candidate, dataset: Dataset) -> int:
        """Optimiser iterations of a whole training."""
        ...

    def describe_left_out(self) -> Sequence[str]:
        """Notes for the user on cases that are measured under some conditions for no network; one line each."""
        ...


@runtime_checkable
class BaselineTask(Protocol):
    """A task that trains the networks of nnU-Net's plans, so that they can be baselines."""

    def count_work(self, candidate: Candidate) -> float:
        """Operations of the whole training of a candidate, known without it."""
        ...

    def describe_training(self, candidate: Candidate) -> str:
        """What its training is, in words: patch, batch and iterations."""
        ...
