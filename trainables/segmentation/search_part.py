"""The part of the battery that the trials of a search are measured on, so that most time goes into training.

Chosen once, before the first trial, by the forecast of the network's operations, and kept by name: all trials meet the
same images. Test cases and rescorings always meet the whole battery. Free of torch.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from paretoseg.trainables.data.datasets import Case, Dataset
from paretoseg.trainables.data.ignored import IGNORED, has_foreground
from paretoseg.trainables.scoring.battery_share import predict_share
from paretoseg.trainables.scoring.measures import AbsentClasses, SurfaceMetrics
from paretoseg.trainables.seeds import derive_seed
from paretoseg.trainables.segmentation.settings import SegmentationSettings
from paretoseg.trainables.trainable import Split

ENOUGH_CASES = 8
"""As long as a search can afford so many cases under corruptions, it keeps all severities and all clean cases."""

LEAST_CASES = 4
"""So many cases are measured, whatever their share of the time."""

COST_PREDICTIONS = 8
"""Predictions of a case that the costs of a network take: latency, memory and the count of operations."""

SURFACE_FACTOR = 1.5
"""How much longer a clean image takes if its surfaces are compared: 1.4 to 1.7 times on textures of 80 pixels."""


@dataclass(frozen=True)
class SearchPart:
    """How much a search measures."""

    num_clean: int
    """Validation cases that are measured on clean images."""

    num_changed: int
    """Those of them that are corrupted, and as many of every shift set."""

    severities: tuple[int, ...]
    """Of every corruption."""

    share: float
    """The time of measuring a trial relative to its training, by the forecast."""


@dataclass(frozen=True)
class NamedPart:
    """What a search measures, as settings keep it."""

    clean: list[str]
    """Validation cases that are measured on clean images; empty for all."""

    changed: list[str]
    """Those of them that are corrupted, and the cases of shift sets."""

    severities: list[int]
    """Of every corruption."""


@dataclass(frozen=True)
class MeasuringCosts:
    """What measuring takes, as shares of the time of a training."""

    clean: Sequence[float]
    """Of every validation case under one condition, in the order in which cases are chosen."""

    shifts: Sequence[Sequence[float]]
    """The same for every shift set."""

    num_corruptions: int
    clean_factor: float
    """How much longer a clean image takes than a corrupted one."""

    fixed: float
    """Of what is measured whatever is chosen: costs of the network, quick measurements."""

    def predict(self, num_clean: int, num_changed: int, num_severities: int) -> float:
        """The share of a choice."""
        corrupted = self.num_corruptions * num_severities * sum(self.clean[:num_changed])
        whole = itertools.chain(self.clean[:num_clean], *(costs[:num_changed] for costs in self.shifts))
        return self.fixed + corrupted + self.clean_factor * sum(whole)


def fit_part(
    settings: SegmentationSettings,
    dataset: Dataset,
    trained: Mapping[int, int],
    num_quick_images: int = 0,
) -> NamedPart:
    """What a search measures, so that it takes `measure_share` of the time of training.

    Args:
        settings: Of the task, without presets among its corruptions.
        dataset: The cases.
        trained: Pixels or voxels that a training sees, by edge of the patch; the mean over these patches counts.
        num_quick_images: Of all quick measurements of a training.
    """
    ordered = _order_all(settings, dataset)
    costs = find_costs(settings, ordered, trained, num_quick_images)
    whole, sets = ordered[""], ordered.values()
    most = settings.num_battery_cases or max(map(len, sets))
    part = choose_part(costs, settings.severities, most, settings.measure_share)
    return NamedPart(
        [case.name for case in whole[: part.num_clean]] if part.num_clean < len(whole) else [],
        [case.name for cases in sets for case in cases[: part.num_changed]],
        list(part.severities),
    )


def _order_all(settings: SegmentationSettings, dataset: Dataset) -> dict[str, list[Case]]:
    """The validation cases by shift set, '' for those like in training, in the order in which they are chosen."""
    sets = {"": dataset.cases(Split.VALIDATION), **dataset.shift_cases(Split.VALIDATION)}
    ordered = {name: order_cases(cases, settings.battery_seed) for name, cases in sets.items()}
    if settings.absent_classes is not AbsentClasses.skip:
        return ordered
    # Cases without any class have no score.
    return {name: sorted(cases, key=lambda case: not has_foreground(case.label)) for name, cases in ordered.items()}


def find_costs(
    settings: SegmentationSettings,
    ordered: Mapping[str, Sequence[Case]],
    trained: Mapping[int, int],
    num_quick_images: int = 0,
) -> MeasuringCosts:
    """What measuring takes, given the cases by shift set in the order in which they are chosen."""
    shapes = {case.label.shape for cases in ordered.values() for case in cases}
    shares = {
        shape: sum(predict_share({shape: 1}, *pair) for pair in trained.items()) / len(trained) for shape in shapes
    }
    clean, *sets = ([shares[case.label.shape] for case in cases] for cases in ordered.values())
    return MeasuringCosts(
        clean,
        sets,
        num_corruptions=len(settings.corruptions),
        clean_factor=1.0 if settings.surface_metrics is SurfaceMetrics.none else SURFACE_FACTOR,
        fixed=COST_PREDICTIONS * clean[0] + num_quick_images * sum(clean) / len(clean),
    )


def choose_part(costs: MeasuringCosts, severities: Sequence[int], most: int, limit: float) -> SearchPart:
    """The largest part that takes at most `limit` of the time of a training.

    First fewer cases are corrupted, down to `ENOUGH_CASES`; then the mildest severities go, until one is left; then
    clean cases; and last, cases of all kinds, down to `LEAST_CASES`.

    Args:
        costs: Of the cases.
        severities: Of every corruption.
        most: Cases that are corrupted at most.
        limit: The share of the time of a training; a choice of `LEAST_CASES` may exceed it.
    """
    found = None
    for num_clean, num_changed, kept in _list_choices(len(costs.clean), most, sorted(severities)):
        share = costs.predict(num_clean, num_changed, len(kept))
        found = SearchPart(num_clean, num_changed, kept, share)
        if share <= limit:
            break
    assert found is not None
    return found


def _list_choices(num_cases: int, most: int, severities: Sequence[int]) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Numbers of clean and of changed cases, and severities, from the most to the least that is measured."""
    most = min(most, num_cases)
    enough, least = min(ENOUGH_CASES, most), min(LEAST_CASES, most)
    for start in range(len(severities)):
        for number in range(most, enough - 1, -1):
            yield num_cases, number, tuple(severities[start:])
    last = tuple(severities[-1:])
    for number in range(num_cases - 1, enough - 1, -1):
        yield number, enough, last
    for number in range(enough - 1, least - 1, -1):
        yield number, number, last


def order_cases(cases: Sequence[Case], seed: int) -> list[Case]:
    """The cases in an order whose every beginning is balanced: over domains, then subjects, then classes.

    Equal ones are in an order that depends on names and seed alone.
    """
    drawn = sorted(cases, key=lambda case: derive_seed("search case", case.name, seed))
    classes = {case.name: _find_classes(case) for case in cases}
    domains, subjects, seen = Counter[str](), Counter[str](), Counter[int]()
    ordered: list[Case] = []

    def count(case: Case) -> tuple[int, int, int]:
        return domains[case.domain], subjects[case.subject], _count_rarest(classes[case.name], seen)

    while drawn:
        best = min(drawn, key=count)
        drawn.remove(best)
        ordered.append(best)
        domains[best.domain] += 1
        subjects[best.subject] += 1
        seen.update(classes[best.name])
    return ordered


def _find_classes(case: Case) -> list[int]:
    """The known classes in a label, without the background."""
    present = np.flatnonzero(np.bincount(case.label.ravel(), minlength=IGNORED + 1)).tolist()
    return [label for label in present if label not in (0, IGNORED)]


def _count_rarest(classes: Collection[int], seen: Counter[int]) -> int:
    """How many chosen cases have the class that fewest of them have; a case without any comes last."""
    return min((seen[one] for one in classes), default=seen.total())


def describe_part(settings: SegmentationSettings, dataset: Dataset, trained: Mapping[int, int]) -> list[str]:
    """One line on what the trials of a search are measured on, if that is less than the whole battery; else empty.

    Args:
        settings: Of the task.
        dataset: The cases.
        trained: As for `fit_part`.
    """
    chosen, severities = {*settings.search_changed}, settings.search_severities
    sets = {"": dataset.cases(Split.VALIDATION), **dataset.shift_cases(Split.VALIDATION)}
    ordered = {name: sorted(cases, key=lambda case: case.name not in chosen) for name, cases in sets.items()}
    names = {case.name for case in ordered[""]}
    num_clean, num_changed = len(settings.search_clean) or len(names), len(names & chosen)
    asked = min(settings.num_battery_cases or len(names), len(names))
    if not num_changed or (num_clean, num_changed, severities) == (len(names), asked, sorted(settings.severities)):
        return []
    share = find_costs(settings, ordered, trained).predict(num_clean, num_changed, len(severities))
    least = (
        "" if share <= settings.measure_share else f", which is more, as fewer than {LEAST_CASES} cases say too little"
    )
    return [
        f"trials of the search are measured on {num_clean} of {len(names)} clean validation cases, and on "
        f"{num_changed} under corruptions of severity {', '.join(map(str, severities))}, so that measuring takes at "
        f"most task.measure_share={settings.measure_share:g} of the time of training; by the forecast it takes "
        f"{share:.0%}{least}. Test cases are measured under the whole battery"
    ]
