"""The study in the data of the report's page, as plain JSON values: trials, dimensions, objectives, costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from paretoseg.search.certainty.certainty import Certainty
from paretoseg.search.reports.robustness_data import describe_drop
from paretoseg.search.reports.stopping_text import describe_receipt
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.domain import Choice, Domain, Float
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.spaces.search_space import DIMENSIONS
from paretoseg.trainables.scoring.measures import MEASURES, measure_of_unit
from paretoseg.trainables.scoring.objectives import select_means
from paretoseg.trainables.trainable import BOTH, CLEAN, MEAN, CaseScore

_OPERATIONS = {"flops": "operations per window", "train_flops": "operations of training"}
_BETTER = {
    "budget_used": "1 is equal to the budget",
    **dict.fromkeys(("accuracy", "worst_group", "nsd"), "higher is better"),
    "robustness": "reported beside the objectives",
}
_UNITS = {"_ms": "ms", "_seconds": "s", "_min": "min", "_gb": "GB", "_mm": "mm"}
_ARCHITECTURE = {field.name for field in fields(Architecture)}


def describe_study(record: StudyRecord, certainty: Certainty | None = None) -> dict[str, Any]:
    """Names, units, directions and every trial; the ids of the front's members best first.

    If the front's certainty is known, its members have `intervals`: by objective, [low, high]. The trial with the
    number of a candidate of several seeds stands for it: it has the candidate's means, and `seeds`.
    """
    several = {result.number: result for result in record.results if len(result.trials) > 1}
    shown = [several[one.trial_id].as_trial if one.trial_id in several else one for one in record.trials]
    members = {trial.trial_id for trial in record.front.trials}
    return {
        "study": record.created.study,
        "objectives": [
            {
                "name": item.name,
                "unit": item.unit,
                "isMaximised": item.sign < 0,
                "isLog": item.ideal is not None,
                "description": item.description,
            }
            for item in record.objectives
        ],
        "costs": [describe_cost(name) for name in record.created.cost_names],
        "dimensions": [_describe_dimension(name, domain) for name, domain in DIMENSIONS.items()],
        "front": [trial.trial_id for trial in record.front.trials],
        "trials": [
            _describe_trial(trial, trial.trial_id in members)
            | describe_drop(trial, record.objectives)
            | {"intervals": _describe_intervals(trial, certainty)}
            | _describe_membership(trial, certainty)
            | ({"seeds": list(several[trial.trial_id].seeds)} if trial.trial_id in several else {})
            | _describe_bounds(trial, record)
            | _name_baseline(trial, record)
            for trial in shown
        ],
    }


def find_metric(objectives: Sequence[Objective], rows: Iterable[CaseScore]) -> str:
    """The metric that the objectives are computed from: that of their unit, else the first among the rows, or ''."""
    measure = next((found for item in objectives if (found := measure_of_unit(item.unit))), None)
    return measure.name if measure else next((row.metric for row in rows), "")


def mean_by_severity(rows: Sequence[CaseScore], metric: str) -> dict[str, dict[int, float]]:
    """The mean over cases and classes of a metric, by corruption and severity; clean images are 'none' at 0.

    Cases of shift sets are left out.
    """
    values: dict[str, dict[int, list[float]]] = {}
    for row in select_means(rows, metric):
        if not row.shift:
            values.setdefault(row.corruption, {}).setdefault(row.severity, []).append(row.value)
    return {
        corruption: {severity: _mean(scores) for severity, scores in sorted(by_severity.items())}
        for corruption, by_severity in values.items()
    }


def mean_by_shift(rows: Sequence[CaseScore], metric: str) -> dict[str, dict[str, float]]:
    """The mean over cases and classes of a metric on clean images, and the number of cases, by shift set.

    Cases like those in training come first, under ''.
    """
    values: dict[str, list[float]] = {"": []}
    for row in select_means(rows, metric):
        if row.corruption == CLEAN:
            values.setdefault(row.shift, []).append(row.value)
    return {name: {"mean": _mean(scores), "cases": len(scores)} for name, scores in values.items() if scores}


def mean_by_class(rows: Sequence[CaseScore]) -> dict[str, dict[str, float]]:
    """The mean over the clean images of every metric, by class ('mean' is the last); in the order of the rows.

    Cases of shift sets are left out. So are classes that are in neither mask of a case, if means leave them out: a
    class without any score has no metric.
    """
    is_skipping = skips_absent_classes(rows)
    values: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if row.is_clean:
            of_class = values.setdefault(row.label, {})
            if not (is_skipping and row.empty == BOTH):
                of_class.setdefault(row.metric, []).append(row.value)
    return {
        label: {metric: _mean(scores) for metric, scores in by_metric.items()}
        for label, by_metric in sorted(values.items(), key=lambda item: item[0] == MEAN)
    }


def skips_absent_classes(rows: Iterable[CaseScore]) -> bool:
    """True if some mean leaves out a class that is in neither mask of its case."""
    return any(row.label == MEAN and row.empty for row in rows)


def count_empty(rows: Sequence[CaseScore]) -> dict[str, dict[str, int]]:
    """By class, on how many clean images the 'reference', the 'prediction' or 'both' hold nothing of it.

    Cases of shift sets are left out.
    """
    clean = [row for row in rows if row.is_clean and row.label != MEAN]
    first = clean[0].metric if clean else ""
    counts: dict[str, dict[str, int]] = {}
    for row in clean:
        if row.metric == first:  # every metric has the same rows
            of_class = counts.setdefault(row.label, {"reference": 0, "prediction": 0, "both": 0})
            if row.empty:
                of_class[row.empty] += 1
    return counts


def find_corrupted(rows: Iterable[CaseScore]) -> list[str]:
    """The metrics that were measured under corruptions, in the order of the rows."""
    return list(dict.fromkeys(row.metric for row in rows if row.corruption != CLEAN))


def describe_metrics(rows: Iterable[CaseScore]) -> list[dict[str, Any]]:
    """Name, unit and direction of every metric among the rows."""
    known = {row.metric: MEASURES.get(row.metric) for row in rows}
    return [
        {
            "name": name,
            "label": measure.title,
            "unit": measure.unit if measure.unit != measure.title else "",
            "isMaximised": measure.direction is Direction.MAXIMISE,
        }
        for name, measure in known.items()
        if measure
    ]


def explain(trial: Trial) -> str:
    """Why a trial is not among those that the front is read from, or ''."""
    match trial.state:
        case State.FAILED:
            assert trial.failure is not None
            return f"failed ({trial.failure.kind}): {trial.failure.reason}"
        case State.STOPPED:
            if trial.receipt is not None:
                return f"stopped early: {describe_receipt(trial.receipt)}"
            return f"stopped early after step {max(trial.reports, default=0)}: others were clearly better"
        case State.RUNNING:
            return "running, or interrupted"
        case State.FINISHED:
            return f"degenerate: {trial.degenerate}" if trial.degenerate else ""


def describe_cost(name: str) -> dict[str, str]:
    """Name, label and unit of a cost, and which values are better; the unit is the end of the name."""
    better = _BETTER.get(name, "lower is better")
    if name in _OPERATIONS:
        return {"name": name, "label": _OPERATIONS[name], "unit": "FLOP", "better": better}
    suffix = next((suffix for suffix in _UNITS if name.endswith(suffix)), "")
    label = name.removesuffix(suffix).replace("_", " ")
    return {"name": name, "label": label, "unit": _UNITS.get(suffix, ""), "better": better}


def _describe_dimension(name: str, domain: Domain) -> dict[str, Any]:
    return {
        "name": name,
        "part": "architecture" if name in _ARCHITECTURE else "recipe",
        "options": list(domain.options) if isinstance(domain, Choice) else None,
        "isLog": isinstance(domain, Float) and domain.log,
    }


def _describe_trial(trial: Trial, is_on_front: bool) -> dict[str, Any]:
    return {
        "id": trial.trial_id,
        "candidate": trial.candidate.short_hash,
        "seed": trial.seed,
        "state": trial.state.value,
        "origin": trial.origin,
        "parents": list(trial.parents),
        "isOnFront": is_on_front,
        "reason": explain(trial),
        "values": trial.candidate.as_dict(),
        "objectives": _finite(trial.objectives),
        "costs": _finite(trial.costs),
        "device": trial.device,
        "test": _finite(trial.test),
        "seconds": trial.total_seconds,
    }


def _describe_membership(trial: Trial, certainty: Certainty | None) -> dict[str, Any]:
    """The probability of the candidate that the trial stands for; empty if it is not known."""
    probability = certainty.find_probability(trial.trial_id) if certainty else None
    if certainty is None or probability is None:
        return {}
    return {"probability": probability, "isConfirmed": trial.trial_id in certainty.confirmed}


def _describe_bounds(trial: Trial, record: StudyRecord) -> dict[str, Any]:
    """The constraints that the candidate breaks; empty if it breaks none."""
    result = record.ledger.find(trial.candidate) if record.constraints else None
    return {"broken": list(result.broken)} if result and result.broken else {}


def _name_baseline(trial: Trial, record: StudyRecord) -> dict[str, str]:
    """What the baseline is called; empty for other candidates."""
    name = record.created.name_baseline(trial.candidate)
    return {"baseline": name} if name else {}


def _describe_intervals(trial: Trial, certainty: Certainty | None) -> dict[str, list[float]]:
    known = certainty.selection.estimates.get(trial.trial_id, {}) if certainty else {}
    return {name: [one.low, one.high] for name, one in known.items() if one}


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
