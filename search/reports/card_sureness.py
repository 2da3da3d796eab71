"""Sections of the model card: how sure its numbers are, and what they mean for a reader of scans. Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from paretoseg.search.reports.certainty_text import format_probability
from paretoseg.search.reports.markdown import escape, make_table
from paretoseg.search.study.record import StudyRecord
from paretoseg.trainables.scoring.measures import DICE, HD95, NSD
from paretoseg.trainables.scoring.objectives import select_means
from paretoseg.trainables.scoring.resampling import COVERAGE
from paretoseg.trainables.trainable import CaseScore, Split

if TYPE_CHECKING:
    from paretoseg.search.certainty.certainty import Certainty, Evidence
    from paretoseg.search.certainty.estimates import Estimate


def describe_sureness(record: StudyRecord, number: int, certainty: Certainty | None) -> str:
    """The intervals of a candidate's objectives, and its probability of being on the front.

    Args:
        record: The study.
        number: The candidate.
        certainty: How sure the front is; None if that is not known.
    """
    if certainty is None:
        return "Not known: the scores of single cases are missing, or do not fit the study."
    rows = [
        [
            objective.name,
            *(_format(evidence, number, objective.name) for evidence in (certainty.selection, certainty.test)),
        ]
        for objective in record.objectives
    ]
    table = make_table(["objective", "validation", "test"], rows)
    meaning = f"Mean over training seeds, with {COVERAGE:.0%} intervals over seeds and subjects."
    remark = f" {escape(certainty.remark)}" if certainty.remark else ""
    gaps = {what: why for evidence in (certainty.selection, certainty.test) for what, why in evidence.gaps.items()}
    lines = [f"Not known: {escape(what)}, because {escape(why)}." for what, why in gaps.items()]
    return "\n\n".join((table, f"{meaning}{remark}", *lines, _describe_place(number, certainty)))


def _format(evidence: Evidence, number: int, objective: str) -> str:
    estimate: Estimate | None = evidence.estimates.get(number, {}).get(objective)
    if estimate is None:
        return "not known"
    held = "" if estimate.coverage is None else f", which holds the truth in {estimate.coverage:.0%} of simulations"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f}{held})"


def _describe_place(number: int, certainty: Certainty) -> str:
    probability = certainty.find_probability(number)
    if probability is None:
        return "The probability that no other candidate of the study is better in everything is not known."
    cases = "test" if number in (certainty.test.probabilities or {}) else "validation"
    return (
        f"Probability of being on the front: {format_probability(probability)} by the {cases} cases. With other seeds "
        "and subjects, another candidate would be better in everything in the remaining share."
    )


def describe_for_readers(rows: Sequence[CaseScore], split: Split) -> str:
    """What the scores on clean images mean, in percent and millimetres: the median case and the worst one.

    Args:
        rows: The scores of the network on the cases of a split.
        split: The split.
    """
    lines = [line for line in (_describe_overlap(rows), _describe_distance(rows), _describe_share(rows)) if line]
    if not lines:
        return "Not recorded."
    listed = "\n".join(f"- {line}" for line in lines)
    return f"On the clean {split.value} cases, as means over classes:\n\n{listed}"


def _list_values(rows: Sequence[CaseScore], metric: str) -> list[tuple[float, str]]:
    """The values of a metric on clean images with their cases, lowest first."""
    found = [(row.value, row.case) for row in select_means(rows, metric) if row.is_clean and not row.shift]
    return sorted(found)


def _describe_overlap(rows: Sequence[CaseScore]) -> str:
    values = _list_values(rows, DICE.name)
    if not values:
        return ""
    low, name = values[0]
    return (
        f"**Overlap (Dice):** {_median(values):.0%} in the median case, {low:.0%} in the worst ({escape(name)}). 100% "
        "is the reference itself."
    )


def _describe_distance(rows: Sequence[CaseScore]) -> str:
    values = _list_values(rows, HD95.name)
    if not values:
        return ""
    high, name = values[-1]
    return (
        f"**Distance of borders (HD95):** 95% of both borders lie within {_median(values):.1f} mm of each other in the "
        f"median case, within {high:.1f} mm in the worst ({escape(name)})."
    )


def _describe_share(rows: Sequence[CaseScore]) -> str:
    values = _list_values(rows, NSD.name)
    if not values:
        return ""
    low, name = values[0]
    return (
        f"**Border that needs no correction (NSD):** {_median(values):.0%} in the median case, {low:.0%} in the worst "
        f"({escape(name)}), at the tolerance of the study."
    )


def _median(values: Sequence[tuple[float, str]]) -> float:
    return float(np.median([value for value, _ in values]))
