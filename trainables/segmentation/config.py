"""The segmentation task as a config names it: its settings, and the task that they build. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from paretoseg.spaces.exposure import find_exposure
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.data.datasets import DataConfig
from paretoseg.trainables.segmentation.settings import SegmentationSettings
from paretoseg.trainables.segmentation.task import SegmentationTask
from paretoseg.trainables.severities.calibration import settle_strengths
from paretoseg.trainables.severities.levels import expand_corruptions
from paretoseg.trainables.severities.shipped import locate_calibration
from paretoseg.trainables.severities.strengths import format_strengths
from paretoseg.trainables.task_config import TaskConfig


@dataclass(unsafe_hash=True)
class SegmentationConfig(SegmentationSettings, TaskConfig):
    """Budget and measurement of a trial, as a config names them."""

    def locate_calibration(self, data: DataConfig) -> Path | None:
        """The file of the calibration that a study on this data begins with, or None."""
        return locate_calibration(self.calibration, root=data.root, shipped=data.shipped_calibration)

    def build(self, data: DataConfig, space: SearchSpace | None = None) -> SegmentationTask:
        """The task on this data; its settings hold corruptions instead of presets, and strengths instead of files."""
        calibration = None if self.strengths else self.locate_calibration(data)
        settings = replace(
            self,
            corruptions=list(expand_corruptions(self.corruptions)),
            strengths=format_strengths(settle_strengths(self.strengths, calibration)),
        )
        return SegmentationTask(settings, data, exposure=tuple(sorted(find_exposure(space))) if space else ())
