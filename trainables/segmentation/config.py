"""The config of the segmentation task: its settings, and the task that they build. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from paretoseg.spaces.baselines import build_baseline
from paretoseg.spaces.exposure import find_exposure
from paretoseg.spaces.plugins import Plugin
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.data.datasets import DataConfig, load_once
from paretoseg.trainables.planning.fitting import fit_space
from paretoseg.trainables.scoring.counted_corruptions import find_uncounted
from paretoseg.trainables.scoring.expected_loss import describe_harmless, describe_unknown, predict_loss
from paretoseg.trainables.scoring.objectives import RobustnessOver, to_errors
from paretoseg.trainables.scoring.reference_errors import ReferenceErrors
from paretoseg.trainables.segmentation.budget import count_trained
from paretoseg.trainables.segmentation.left_out import check_enough_left
from paretoseg.trainables.segmentation.length import Length, choose_length
from paretoseg.trainables.segmentation.options import BudgetBy
from paretoseg.trainables.segmentation.quick_part import choose_quick_part, fit_quick_images
from paretoseg.trainables.segmentation.search_part import fit_part
from paretoseg.trainables.segmentation.settings import MEASURING, SegmentationSettings
from paretoseg.trainables.segmentation.task import SegmentationTask
from paretoseg.trainables.severities.calibration import describe_fit, hash_splits, read_calibration, settle_strengths
from paretoseg.trainables.severities.levels import LEVELS, SeverityTable, expand_corruptions
from paretoseg.trainables.severities.shipped import locate_calibration
from paretoseg.trainables.shipped_files import NONE
from paretoseg.trainables.task_config import TaskConfig
from paretoseg.trainables.trainable import CaseScore, SplitRow
from paretoseg.trainables.transfer.fit import describe_matrix_fit, settle_bounds
from paretoseg.trainables.transfer.shipped import SHIPPED_MATRICES

USUAL_BASELINE = "nnunet"
"""The baseline of a new study that names none."""


@dataclass(unsafe_hash=True)
class SegmentationConfig(SegmentationSettings, TaskConfig):
    """Budget and measurement of a trial, as keys of the config."""

    def locate_calibration(self, data: DataConfig) -> Path | None:
        """The file of the calibration that a new study on this data uses, or None."""
        return locate_calibration(self.calibration, root=data.root, shipped=data.shipped_calibration)

    def locate_transfer(self, data: DataConfig) -> Path | None:
        """The file of the transfer matrix that a new study on this data uses, or None."""
        return SHIPPED_MATRICES.locate(self.transfer, root=data.root, shipped=data.shipped_transfer)

    def build(
        self, data: DataConfig, space: SearchSpace | None = None, baselines: Sequence[Candidate] = ()
    ) -> SegmentationTask:
        """The task on this data; in its settings, presets are replaced by corruptions, and files by strengths."""
        calibration = None if self.strengths else self.locate_calibration(data)
        settings = replace(
            self,
            corruptions=list(expand_corruptions(self.corruptions)),
            strengths=_to_lists(settle_strengths(self.strengths, calibration)),
        )
        return SegmentationTask(
            settings, data, exposure=tuple(sorted(find_exposure(space, baselines))) if space else ()
        )

    def choose_baselines(self, space: SearchSpace) -> tuple[Sequence[str], str]:
        """nnU-Net, unless all networks are of one size, or what it sees in training would change what counts."""
        if self.matched_by:
            return (), f"no baseline is trained, because {self.matched_by} gives all networks one size"
        own, all_seen = find_exposure(space), find_exposure(space, [build_baseline(USUAL_BASELINE)])
        corruptions = expand_corruptions(self.corruptions)
        before, after = (find_uncounted(corruptions, seen, self.trained_corruptions) for seen in (own, all_seen))
        if len(after) > len(before):
            return (), (
                f"no baseline is trained, because {', '.join(sorted(after.keys() - before.keys()))} would count no "
                f"more: nnU-Net sees such changes in training; baselines=[{USUAL_BASELINE}] trains it all the same"
            )
        return (USUAL_BASELINE,), ""

    @property
    def matched_by(self) -> str:
        """The key that determines the widths of networks, or '' if the width is searched."""
        size = self.match_parameters, self.match_flops
        return "task.match_parameters" if size[0] > 0 else "task.match_flops" if size[1] > 0 else ""

    def find_plugins(self) -> list[Plugin]:
        """Those of its corruptions."""
        found = (LEVELS.find_plugin(name) for name in expand_corruptions(self.corruptions))
        return [plugin for plugin in found if plugin]

    def settle_length(self, gpus: float) -> SegmentationConfig:
        """The config with `auto` replaced by a length, unless the iterations of a step are set."""
        if self.length is not Length.auto or self.iterations_per_step:
            return self
        return replace(self, length=choose_length(gpus))

    def fit_space(self, data: DataConfig) -> Mapping[str, object]:
        """Bounds of patch, depth and width (unless it follows from a size), and the first patch and depth."""
        if self.number_findings() or data.findings():
            return {}
        dataset = load_once(data)
        is_fixed = self.budget_by is BudgetBy.iterations
        fitting = fit_space(dataset, math.inf if is_fixed else float(self.count_voxels(dataset.spatial_dims)))
        found: dict[str, object] = {
            "patch": list(fitting.patch),
            "depth": list(fitting.depth),
            "start_patch": fitting.start_patch,
            "start_depth": fitting.start_depth,
        }
        return found if self.matched_by else {**found, "width": list(fitting.width)}

    def settle(self, data: DataConfig) -> SegmentationConfig:
        """The config with all that a new study keeps: the bounds of its transfer matrix, and all strengths.

        The strengths are those set or calibrated, then defaults of its battery.

        Raises:
            ValueError: if the calibration or the matrix cannot be read, or strengths or bounds do not fit.
        """
        asked = settle_strengths(self.strengths, self.locate_calibration(data))
        measured = {name: LEVELS[name].values for name in expand_corruptions(self.corruptions) if name in LEVELS}
        return replace(self.settle_transfer(data), strengths=_to_lists({**measured, **asked}))

    def list_quick_steps(self, list_judged: Callable[[int], tuple[int, ...]]) -> tuple[int, ...] | None:
        """Those after which the pruner decides, or all if there is no limit to what they take."""
        return list_judged(self.num_steps) if self.quick_share else None

    def settle_measuring(
        self, data: DataConfig, space: SearchSpace, list_judged: Callable[[int], tuple[int, ...]]
    ) -> SegmentationConfig:
        """The config with the images of quick measurements, and the cases and severities of the search.

        What is set stays, and what has no limit too.
        """
        task, found = self.build(data, space), self
        if self.number_findings() or data.findings() or task.settings.battery_findings():
            return self
        dataset, steps = load_once(data), self.list_quick_steps(list_judged)
        trained = count_trained(self, space, dataset.spatial_dims)
        num_quick = self.num_steps if steps is None else len(steps)
        if self.quick_share and not self.quick_images and num_quick:
            found = replace(found, quick_images=fit_quick_images(self, dataset, trained, num_quick))
        if not self.measure_share or self.search_changed:
            return found
        settings = replace(task.settings, quick_images=found.quick_images)
        images = num_quick and num_quick * choose_quick_part(settings, task.rule, dataset).num_images
        part = fit_part(settings, dataset, trained, images)
        return replace(found, search_clean=part.clean, search_changed=part.changed, search_severities=part.severities)

    def measure_all(self, *, keeps_number: bool) -> SegmentationConfig:
        """The config with the whole battery on all cases, if the study has chosen a part of it for its search."""
        if not self.search_changed:
            return self
        number = self.num_battery_cases if keeps_number else 0
        return replace(self, search_clean=[], search_changed=[], search_severities=[], num_battery_cases=number)

    def settle_transfer(self, data: DataConfig) -> SegmentationConfig:
        """The config with the bounds of its transfer matrix, unless they are set.

        Raises:
            ValueError: if the matrix cannot be read, or bounds do not fit.
        """
        bounds = settle_bounds(self.transfer_bounds, self.locate_transfer(data))
        return replace(self, transfer_bounds=bounds)

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
        """The config without calibration and transfer matrix: they are on the machine where the search will run."""
        return replace(self, calibration=NONE, transfer=NONE)

    def check_new(self, data: DataConfig, space: SearchSpace, rows: Sequence[SplitRow], *, calibrate: str) -> list[str]:
        """Checks that the battery does enough harm, and that label moves leave enough cases; returns notes on both.

        How much harm it does is known if the calibration in use was made with this data.

        Raises:
            ValueError: if the reference network loses less than `least_loss`, or a corruption moves a class out of most
                cases.
        """
        task, path = self.build(data, space), self.locate_calibration(data)
        findings = check_enough_left(task.settings, data)
        notes = describe_fit(path, task.settings.corruptions, rows) if path else []
        notes += self._describe_transfer(data, rows)
        if self.least_loss > 0 and task.rule.over is not RobustnessOver.shifts:
            loss = self._predict_loss(task, path, rows)
            if loss is None:
                notes.append(describe_unknown(calibrate))
            elif loss < self.least_loss:
                findings.append(describe_harmless(loss, self.least_loss, calibrate))
        if findings:
            raise ValueError("\n".join(findings))
        return notes

    def _predict_loss(self, task: SegmentationTask, path: Path | None, rows: Sequence[SplitRow]) -> float | None:
        """Dice points that the reference network loses under what counts; None if that is not known."""
        calibration = read_calibration(path) if path else None
        if calibration is None or calibration.data_sha256 != hash_splits(rows):
            return None
        battery = task.battery()
        return predict_loss(calibration, battery.conditions, battery.strengths, task.rule)

    def _describe_transfer(self, data: DataConfig, rows: Sequence[SplitRow]) -> list[str]:
        path = self.locate_transfer(data)
        if path is None:
            return []
        table, battery = self.severity_table, expand_corruptions(self.corruptions)
        strengths = {name: table[name] for name in battery if name in table}
        return describe_matrix_fit(path, rows, strengths, {name: getattr(self, name) for name in MEASURING})


def _to_lists(table: SeverityTable) -> dict[str, list[float]]:
    return {name: list(strengths) for name, strengths in table.items()}
