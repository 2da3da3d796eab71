"""The segmentation task: checked before a search, and built for each candidate. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.data.datasets import (
    Dataset,
    describe_shift_sets,
    describe_small_cases,
    load_once,
)
from paretoseg.trainables.data.shift_sets import name_set
from paretoseg.trainables.scoring.battery_share import count_measured, describe_predicted_shares, predict_share
from paretoseg.trainables.scoring.counted_corruptions import (
    check_something_counts,
    describe_simulated_sets,
    describe_uncounted,
)
from paretoseg.trainables.scoring.reference_errors import check_errors
from paretoseg.trainables.segmentation.settings import SegmentationSettings
from paretoseg.trainables.severities.levels import (
    check_corruption,
    check_severity,
    describe_leaks,
)
from paretoseg.trainables.trainable import Assignment, SplitRow

if TYPE_CHECKING:
    from paretoseg.trainables.segmentation.trial import SegmentationTrainable


class SegmentationTask(SegmentationSettings):
    """Accuracy versus robustness of segmentation networks on one dataset, as a search asks for it."""

    def _predict_shares(self, dataset: Dataset, patches: Sequence[int]) -> list[float]:
        """For every patch, the time of a complete measurement by the time of training, about."""
        measured = count_measured(dataset, self.battery(tuple(dataset.shift)))
        iterations, dims = self.num_steps * self.iterations_per_step, dataset.spatial_dims
        trained = [iterations * self.nominal_batch_size(patch, dims) * patch**dims for patch in patches]
        return [predict_share(measured, patch, pixels) for patch, pixels in zip(patches, trained, strict=True)]

    def check(self) -> None:
        """Looks at settings and data.

        Raises:
            ValueError: with all findings in one message, one a line.
        """
        findings = [*self._setting_findings(), *self._battery_findings(), *self.data.findings()]
        if findings:
            raise ValueError("\n".join(findings))

    def split_rows(self) -> list[SplitRow]:
        """Every case of the data with its split and its hashes."""
        return self.data.split_rows()

    def notes(self, space: SearchSpace) -> list[str]:
        """What a user should know before the search begins, a line each.

        The shift sets, small images next to the largest patch, what of the battery training may give away, and whether
        measuring takes longer than training.
        """
        dataset = load_once(self.data)
        patches = sorted({int(space.domains["patch"].from_unit(unit / 16)) for unit in range(17)})
        small = describe_small_cases(dataset, patches[-1])
        uncounted = describe_uncounted(self.corruptions, self.exposure, self.trained_corruptions)
        leaking = describe_leaks(self.corruptions)
        simulated = describe_simulated_sets(
            dataset.simulated_families, self.exposure, self.robustness_over, sets=tuple(dataset.shift)
        )
        costly = describe_predicted_shares(self._predict_shares(dataset, patches), self.iterations_per_step)
        return [*describe_shift_sets(dataset), *small, *uncounted, *leaking, *simulated, *costly]

    def warm_up(self) -> None:
        """Imports torch, MONAI and the training loop, for a process that does nothing but trials."""
        from paretoseg.trainables.segmentation.lean_monai import import_monai  # late, see `build`

        import_monai()
        import paretoseg.trainables.segmentation.trial  # noqa: F401

    def build(self, assignment: Assignment) -> SegmentationTrainable:
        """The network of a candidate, ready to train."""
        # Imported late: the driver composes, checks and pickles tasks without paying for torch.
        from paretoseg.trainables.segmentation.trial import SegmentationTrainable

        return SegmentationTrainable(self, assignment)

    def _setting_findings(self) -> list[str]:
        findings = []
        for name in ("num_steps", "iterations_per_step", "pixels_per_batch", "num_quick_cases"):
            if getattr(self, name) < 1:
                findings.append(f"task.{name} must be at least 1, got {getattr(self, name)}")
        for name in ("memory_gb", "num_battery_cases", "nsd_tolerance_mm", "match_parameters", "match_flops"):
            if not 0 <= getattr(self, name) < math.inf:
                findings.append(f"task.{name} must be at least 0 and finite, got {getattr(self, name)}")
        if self.match_parameters and self.match_flops:
            findings.append(
                "one width cannot match two numbers, got "
                f"task.match_parameters={self.match_parameters} and task.match_flops={self.match_flops}; set one to 0"
            )
        return findings

    def _battery_findings(self) -> list[str]:
        findings = []
        for name, least in (("corruptions", 0), ("severities", 1)):
            values = getattr(self, name)
            if len(values) < least or len(set(values)) != len(values):
                findings.append(f"task.{name} must be distinct and at least one, got {list(values)}")
        for corruption in self.corruptions:
            try:
                check_corruption(corruption)
            except ValueError as error:
                findings.append(f"task.corruptions: {error}")
        for severity in self.severities:
            try:
                check_severity(severity)
            except ValueError as error:
                findings.append(f"task.severities: {error}")
        over, shifts = self.robustness_over, [name_set(name) for name in self.data.shift]
        findings += check_something_counts(self.uncounted, self.corruptions, over, has_shift=bool(shifts))
        counted = [condition for condition in self.battery(shifts).conditions if self.rule.counts(condition)]
        return findings or check_errors(self.robustness, dict(self.reference_errors), counted)
