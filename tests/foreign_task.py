"""A third-party task: it fulfils `ImageTask` and derives from none of our classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paretoseg.spaces.network_rules import NetworkRules
from paretoseg.spaces.objective import Objective
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.data.datasets import DataConfig, Dataset
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.measures import MEASURES, ObjectiveMetric, Scoring, SurfaceMetrics
from paretoseg.trainables.scoring.objectives import RobustnessRule, define_objectives
from paretoseg.trainables.trainable import Assignment, Split, SplitRow, Trainable


@dataclass(frozen=True)
class ForeignTask:
    """Dice on images under one corruption; nothing is trained."""

    data: DataConfig
    corruptions: tuple[str, ...] = ("gaussian_blur",)
    severities: tuple[int, ...] = (2, 4)
    network_rules = NetworkRules()
    metric = ObjectiveMetric.dice
    rule = RobustnessRule()

    def battery(self, shifts: Sequence[str] = (), split: Split = Split.VALIDATION) -> Battery:
        return Battery.of(self.corruptions, self.severities, 0, shifts=shifts)

    def scoring(self, dataset: Dataset) -> Scoring:
        return Scoring(dataset.class_names, dataset.spacing_mm, surface_metrics=SurfaceMetrics.none)

    def training_settings(self) -> Sequence[int | str]:
        return ["one shot"]

    def count_iterations(self, candidate: Candidate, dataset: Dataset) -> int:
        return 1

    def describe_left_out(self) -> Sequence[str]:
        return ()

    def objectives(self) -> tuple[Objective, ...]:
        return define_objectives(MEASURES[self.metric], self.rule)

    def cost_names(self) -> tuple[str, ...]:
        return ()

    def check(self) -> None:
        self.data.check()

    def split_rows(self) -> Sequence[SplitRow]:
        return self.data.split_rows()

    def notes(self, space: SearchSpace) -> Sequence[str]:
        return ()

    def warm_up(self) -> None:
        pass

    def build(self, assignment: Assignment) -> Trainable:
        raise AssertionError("no test trains this task")
