"""How sure a front is, in words."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from paretoseg.trainables.scoring.resampling import COVERAGE

if TYPE_CHECKING:  # a caller that has one has paid for the import
    from paretoseg.search.certainty.certainty import Certainty, Evidence
    from paretoseg.search.certainty.comparisons import Verdict
    from paretoseg.search.certainty.estimates import Estimate
    from paretoseg.trainables.scoring.absent_count import AbsentCount

CAPTION = f"Intervals are for {COVERAGE:.0%}, over training seeds and subjects."
"""What the intervals of a front mean."""

_UNKNOWN = "-"


def format_interval(interval: Estimate | None) -> str:
    """An interval for a table, such as '[.671 .697]'; '[-]' for none."""
    return f"[{shorten(interval.low)} {shorten(interval.high)}]" if interval else "[-]"


def format_probability(probability: float | None) -> str:
    """A probability for a table, such as '.93'; never a certainty that draws cannot show; '-' for none."""
    if probability is None:
        return _UNKNOWN
    if probability < 0.005:
        return "<.01"
    return ">.99" if probability > 0.995 else f"{probability:.2f}".removeprefix("0")


def describe_certainty(certainty: Certainty, seconds_per_trial: float | None = None) -> list[str]:
    """All sentences on it: the front as it was confirmed, what is undecided, what is not known, what an interval is.

    Args:
        certainty: Of the study.
        seconds_per_trial: How long a trial takes, to say what further seeds cost; None if that is not known.
    """
    lines = [*describe_front(certainty), *_describe_neighbours(certainty)]
    lines += [
        f"Candidate {number} collapses under {few} of {all_of} seeds; its values are those of the others."
        for number, (few, all_of) in sorted(certainty.collapsed.items())
    ]
    lines += [*_describe_hypervolume(certainty), *_describe_further(certainty, seconds_per_trial)]
    gaps = {**certainty.test.gaps, **certainty.selection.gaps}
    lines += _describe_gaps(gaps)
    lines += describe_absent(certainty.absent.values())
    estimates = _list_estimates(certainty)
    if not estimates:
        return lines
    remark = [certainty.remark] if certainty.remark else []
    return [*lines, *remark, CAPTION + _describe_coverage(estimates)]


def _describe_gaps(gaps: Mapping[str, str]) -> list[str]:
    """A line for every reason: the objectives without an interval, and what else is not known because of it."""
    lines = []
    for reason in dict.fromkeys(gaps.values()):
        names = [name for name in gaps if gaps[name] == reason]
        others = [name for name in names if name.startswith("the ")]
        objectives = [name for name in names if name not in others]
        unknown = [*([f"an interval of {' and of '.join(objectives)}"] if objectives else []), *others]
        lines.append(f"Not known: {', '.join(unknown)}, because {reason}.")
    return lines


def describe_front(certainty: Certainty) -> list[str]:
    """What was confirmed, and whether it is a trade-off."""
    if not certainty.confirmed:
        return [_describe_selection(certainty.selection)] if certainty.selection.probabilities else []
    names = ", ".join(map(str, certainty.confirmed))
    lines = [f"Confirmed with further seeds and on test cases: {names}."]
    ends = certainty.ends
    if ends is None:
        only = certainty.confirmed_front[0]
        return [*lines, f"No trade-off: on test cases, candidate {only} is best of them in every objective."]
    verdicts = certainty.find_verdicts(*ends)
    if not verdicts:
        return [*lines, f"Ends: candidates {ends[0]} and {ends[1]}; too few seeds or subjects to tell them apart."]
    if certainty.is_trade_off:
        conclusion = "a trade-off"
    elif len(verdicts) > 1:
        conclusion = "no trade-off that holds"
    else:
        conclusion = "no verdict on the trade-off, as no other objective has an interval"
    lines.append(f"Ends on test cases: {ends[0]} minus {ends[1]}: {_describe_pair(verdicts)}: {conclusion}.")
    return lines


def describe_absent(counts: Iterable[AbsentCount]) -> list[str]:
    """One line on the classes that the means of clean images leave out, over the networks; else empty."""
    counts = [count for count in counts if count.classes]
    if not counts:
        return []
    classes, cases = (_span(getattr(count, name) for count in counts) for name in ("classes", "cases"))
    return [
        f"Left out of accuracy because they are in neither mask: {classes} of {counts[0].all_classes} classes of "
        f"single cases; {cases} of {counts[0].all_cases} cases have no score at all."
    ]


def shorten(value: float) -> str:
    """Three decimals without a zero before the point; 0 has no sign."""
    text = f"{value:.3f}"
    text = text.removeprefix("-") if float(text) == 0.0 else text
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def _describe_selection(selection: Evidence) -> str:
    """Who is on the front by the cases that chose it."""
    known = selection.probabilities or {}
    named = ", ".join(
        f"{number} ({format_probability(value)})"
        for number, value in sorted(known.items(), key=lambda item: (-item[1], item[0]))
        if value >= 0.1
    )
    return f"Not confirmed yet. Probability of being on the front, by the cases that chose it: {named}."


def _describe_pair(verdicts: Sequence[Verdict]) -> str:
    differences = ", ".join(_describe_differences(verdicts))
    return f"{differences}: {_judge(verdicts)}"


def _describe_differences(verdicts: Sequence[Verdict]) -> Iterator[str]:
    for one in verdicts:
        value = one.estimate.value
        sign = "+" if value >= 0 else ""
        yield f"{one.objective} {sign}{shorten(value)} ({shorten(one.low)} to {shorten(one.high)})"


def _judge(verdicts: Sequence[Verdict]) -> str:
    distinct = [one.objective for one in verdicts if one.is_more_than_noise]
    if not distinct:
        return "within noise"
    is_all = len(distinct) == len(verdicts)
    return "more than noise" if is_all else f"more than noise in {' and '.join(distinct)} alone"


def _describe_neighbours(certainty: Certainty) -> list[str]:
    """The neighbours by verdict; those that differ in every objective come last."""
    front = certainty.confirmed_front
    pairs = list(itertools.pairwise(front))
    if len(pairs) < 2:
        return []
    groups: dict[str, list[str]] = {}
    for first, second in pairs:
        if verdicts := certainty.find_verdicts(first, second):
            groups.setdefault(_judge(verdicts), []).append(f"{first} and {second}")
    if not groups:
        return []
    if len(groups) == 1:
        return [f"Neighbours on the front: all {len(pairs)} pairs {next(iter(groups))}."]
    ordered = sorted(groups.items(), key=lambda item: (item[0] == "more than noise", item[0] != "within noise"))
    parts = "; ".join(f"{verdict}: {', '.join(members)}" for verdict, members in ordered)
    return [f"Neighbours on the front: {parts}."]


def _describe_hypervolume(certainty: Certainty) -> list[str]:
    """The hypervolume as it appears, and without the luck of the members."""
    found = certainty.hypervolume
    if found is None or found.corrected is None or found.low is None or found.high is None:
        return []
    corrected = f"{shorten(found.corrected)} ({shorten(found.low)} to {shorten(found.high)})"
    return [
        f"Hypervolume on validation cases: {shorten(found.apparent)} as it appears, {corrected} "
        "if one half of the subjects chooses the front and the other scores it."
    ]


def _describe_further(certainty: Certainty, seconds_per_trial: float | None) -> list[str]:
    """What would settle who is on the front."""
    known = [one for one in certainty.further if one.number is not None]
    stuck = [str(one.candidate) for one in certainty.further if one.number is None]
    lines = []
    if known:
        total = sum(one.number or 0 for one in known)
        cost = "" if seconds_per_trial is None else f" (about {_describe_hours(total * seconds_per_trial)})"
        needs = ", ".join(f"{one.candidate} (+{one.number})" for one in known)
        lines.append(f"Undecided by the validation cases; further seeds that may settle it: {needs}{cost}.")
    if stuck:
        lines.append(f"Undecided even with many further seeds, so that more subjects are needed: {', '.join(stuck)}.")
    return lines


def _describe_hours(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.2g} h of training" if hours >= 0.1 else f"{seconds / 60:.2g} min of training"


def _list_estimates(certainty: Certainty) -> list[Estimate]:
    evidence = (certainty.selection, certainty.test)
    return [one for known in evidence for of_one in known.estimates.values() for one in of_one.values() if one]


def _describe_coverage(estimates: Sequence[Estimate]) -> str:
    low = [one.coverage for one in estimates if one.coverage is not None]
    return f" With so few seeds or subjects, some hold the truth in {min(low):.0%} of simulations only." if low else ""


def _span(numbers: Iterable[int]) -> str:
    known = sorted({*numbers})
    return f"{known[0]} to {known[-1]}" if len(known) > 1 else str(known[0])
