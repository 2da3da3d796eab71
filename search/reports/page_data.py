"""What the report's page is told of a study, as plain JSON values: trials, dimensions, objectives, costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from search.record import StudyRecord
from search.trial import State, Trial
from spaces.architecture import Architecture
from spaces.domain import Choice, Domain, Float
from spaces.search_space import DIMENSIONS
from trainables.trainable import CaseScore

_UNITS = {"_ms": "ms", "_seconds": "s", "_min": "min", "_gb": "GB", "_mm": "mm"}
_ARCHITECTURE = {field.name for field in fields(Architecture)}


def describe_study(record: StudyRecord) -> dict[str, Any]:
    """Names, units, directions and every trial; the ids of the front's members best first."""
    members = {trial.trial_id for trial in record.front.trials}
    return {
        "study": record.created.study,
        "objectives": [
            {
                "name": item.name,
                "unit": item.unit,
                "isMaximised": item.to_loss(1.0) < 0,
                "description": item.description,
            }
            for item in record.objectives
        ],
        "costs": [_describe_cost(name) for name in record.created.cost_names],
        "dimensions": [_describe_dimension(name, domain) for name, domain in DIMENSIONS.items()],
        "front": [trial.trial_id for trial in record.front.trials],
        "trials": [_describe_trial(trial, trial.trial_id in members) for trial in record.trials],
    }


def mean_by_severity(rows: Sequence[CaseScore], metric: str) -> dict[str, dict[int, float]]:
    """The mean over cases of a metric, by corruption and severity; clean images are 'none' at 0."""
    values: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        if row.metric == metric:
            values.setdefault(row.corruption, {}).setdefault(row.severity, []).append(row.value)
    return {
        corruption: {severity: _mean(scores) for severity, scores in sorted(by_severity.items())}
        for corruption, by_severity in values.items()
    }


def explain(trial: Trial) -> str:
    """Why a trial is not among those that the front is read from, or ''."""
    match trial.state:
        case State.FAILED:
            assert trial.failure is not None
            return f"failed ({trial.failure.kind}): {trial.failure.reason}"
        case State.STOPPED:
            return f"stopped early after step {max(trial.reports, default=0)}: others were clearly better"
        case State.RUNNING:
            return "running, or interrupted"
        case State.FINISHED:
            return f"degenerate: {trial.degenerate}" if trial.degenerate else ""


def _describe_cost(name: str) -> dict[str, str]:
    for suffix, unit in _UNITS.items():
        if name.endswith(suffix):
            return {"name": name, "label": name.removesuffix(suffix).replace("_", " "), "unit": unit}
    return {"name": name, "label": name.replace("_", " "), "unit": ""}


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
        "test": _finite(trial.test),
        "seconds": trial.seconds,
    }


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
