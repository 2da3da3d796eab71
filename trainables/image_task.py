"""The contract of tasks that segment images: what reports, exports, calibrations and rescorings need of them.

Free of torch. The search asks for no class of ours: any task that fulfils `ImageTask` has pictures, intervals and
exports.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from paretoseg.spaces.network_size import NetworkSize
from paretoseg.spaces.recipe import Recipe
from paretoseg.trainables.data.datasets import DataConfig, Dataset
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.measures import ObjectiveMetric, Scoring
from paretoseg.trainables.scoring.objectives import RobustnessRule
from paretoseg.trainables.trainable import Split, Task


@runtime_checkable
class ImageTask(Task, Protocol):
    """A task whose trials are networks that segment images, with accuracy and robustness as objectives.

    The network of a trial is that of its candidate for the data, in the size that `network_size` names.
    """

    @property
    def data(self) -> DataConfig:
        """Where the images come from."""
        ...

    @property
    def network_size(self) -> NetworkSize:
        """What the widths of networks are chosen for."""
        ...

    @property
    def metric(self) -> ObjectiveMetric:
        """What accuracy and robustness are made of."""
        ...

    @property
    def rule(self) -> RobustnessRule:
        """How rows become robustness: the same for every trial."""
        ...

    def battery(self, shifts: Sequence[str] = (), split: Split = Split.VALIDATION) -> Battery:
        """Everything that a finished trial is measured under.

        Args:
            shifts: Names of the shift sets of the data.
            split: Where the cases are from.
        """
        ...

    def scoring(self, dataset: Dataset) -> Scoring:
        """How masks of a dataset are compared with their references."""
        ...

    def training_settings(self) -> Sequence[int | str]:
        """What decides the weights of a trained network, besides data, candidate, size and seed."""
        ...

    def count_iterations(self, recipe: Recipe, spatial_dims: int) -> int:
        """Optimiser iterations of a whole training."""
        ...

    def without_measuring(self) -> Task:
        """A task that trains the same networks and measures as little as it can after a step."""
        ...
