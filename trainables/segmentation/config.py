"""The config of the segmentation task: its settings, and the task that they build. Free of torch."""

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
    """Budget and measurement of a trial, as keys of the config."""

    def locate_calibration(self, data: DataConfig) -> Path | None:
        """The file of the calibration that a new study on this data uses, or None."""
        return locate_calibration(self.calibration, root=data.root, shipped=data.shipped_calibration)

    def build(self, data: DataConfig, space: SearchSpace | None = None) -> SegmentationTask:
        """The task on this data; in its settings, presets are replaced by corruptions, and files by strengths."""
        calibration = None if self.strengths else self.locate_calibration(data)
        settings = replace(
            self,
            corruptions=list(expand_corruptions(self.corruptions)),
            strengths=_to_lists(settle_strengths(self.strengths, calibration)),
        )
        return SegmentationTask(settings, data, exposure=tuple(sorted(find_exposure(space))) if space else ())

    @property
    def matched_by(self) -> str:
        """The key that determines the widths of networks, or '' if the width is searched."""
        size = self.match_parameters, self.match_flops
        return "task.match_parameters" if size[0] > 0 else "task.match_flops" if size[1] > 0 else ""

    def settle(self, data: DataConfig) -> SegmentationConfig:
        """The config with all strengths that a new study keeps: those set or calibrated, then defaults of its battery.

        Raises:
            ValueError: if the calibration cannot be read, or strengths do not fit.
        """
        asked, defaults = settle_strengths(self.strengths, self.locate_calibration(data)), default_strengths()
        measured = {name: defaults[name] for name in expand_corruptions(self.corruptions) if name in LEVELS}
        return replace(self, strengths=_to_lists({**measured, **asked}))

    def settle_reference(self, read_rows: Callable[[Path], Sequence[CaseScore]]) -> SegmentationConfig:
        """The config with the errors of the reference network, if one is named and its errors are not set yet.

        Raises:
            ValueError: if the file is missing or has no such rows.
        """
        if not self.reference or self.reference_errors.table:
            return self
        what = "task.reference must be a file of rows, such as STUDY/cases/trial-00000-validation.parquet"
        try:
            rows = read_rows(Path(self.reference).expanduser())
        except OSError:
            raise ValueError(f"{what}, but '{self.reference}' is not one") from None
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
        """The config with the default strengths: a calibration is on the machine where the search will run."""
        return replace(self, calibration=NONE)

    def notes(self, data: DataConfig, rows: Sequence[SplitRow]) -> list[str]:
        """Notes for the user on the calibration that a new study uses, one line each."""
        path = self.locate_calibration(data)
        return describe_fit(path, expand_corruptions(self.corruptions), rows) if path else []


def _to_lists(table: SeverityTable) -> dict[str, list[float]]:
    return {name: list(strengths) for name, strengths in table.items()}
