"""The segmentation task as a config names it: its settings, and the task that they build. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from paretoseg.spaces.exposure import find_exposure
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.data.datasets import DataConfig
from paretoseg.trainables.scoring.objectives import to_errors
from paretoseg.trainables.scoring.reference_errors import ReferenceErrors
from paretoseg.trainables.segmentation.settings import SegmentationSettings
from paretoseg.trainables.segmentation.task import SegmentationTask
from paretoseg.trainables.severities.calibration import describe_fit, settle_strengths
from paretoseg.trainables.severities.levels import LEVELS, SeverityTable, default_strengths, expand_corruptions
from paretoseg.trainables.severities.shipped import NONE, locate_calibration
from paretoseg.trainables.task_config import TaskConfig
from paretoseg.trainables.trainable import CaseScore, SplitRow


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
            strengths=_to_lists(settle_strengths(self.strengths, calibration)),
        )
        return SegmentationTask(settings, data, exposure=tuple(sorted(find_exposure(space))) if space else ())

    @property
    def matched_by(self) -> str:
        """The key whose number the widths of networks follow from, or '' if the width is searched."""
        size = self.match_parameters, self.match_flops
        return "task.match_parameters" if size[0] > 0 else "task.match_flops" if size[1] > 0 else ""

    def settle(self, data: DataConfig) -> SegmentationConfig:
        """With the strengths in it that a new study keeps: those asked for or calibrated, then defaults of its battery.

        Raises:
            ValueError: if the calibration cannot be read, or strengths do not fit.
        """
        asked, defaults = settle_strengths(self.strengths, self.locate_calibration(data)), default_strengths()
        measured = {name: defaults[name] for name in expand_corruptions(self.corruptions) if name in LEVELS}
        return replace(self, strengths=_to_lists({**measured, **asked}))

    def settle_reference(self, read_rows: Callable[[Path], Sequence[CaseScore]]) -> SegmentationConfig:
        """With the errors of the reference network in it, if one is named and they are not there yet.

        Raises:
            ValueError: if the file is missing or holds no such rows.
        """
        if not self.reference or self.reference_errors.table:
            return self
        what = "task.reference must be a file of rows, such as STUDY/cases/trial-00000-validation.parquet"
        try:
            rows = read_rows(Path(self.reference).expanduser())
        except OSError:
            raise ValueError(f"{what}, but '{self.reference}' is none") from None
        except ValueError as error:
            raise ValueError(f"{what}; '{self.reference}': {error}") from None
        errors = to_errors(rows, self.metric)
        if not errors:
            raise ValueError(
                f"task.reference '{self.reference}' holds no {self.metric} on corrupted images or shift sets; name the "
                "rows of a network that was measured on them"
            )
        return replace(self, reference_errors=ReferenceErrors.of(errors))

    def without_files(self) -> SegmentationConfig:
        """With the default strengths: a calibration lies where the search will run."""
        return replace(self, calibration=NONE)

    def notes(self, data: DataConfig, rows: Sequence[SplitRow]) -> list[str]:
        """What a user should know of the calibration that a new study begins with, a line each."""
        path = self.locate_calibration(data)
        return describe_fit(path, expand_corruptions(self.corruptions), rows) if path else []


def _to_lists(table: SeverityTable) -> dict[str, list[float]]:
    return {name: list(strengths) for name, strengths in table.items()}
