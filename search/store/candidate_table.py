"""The table `candidates.parquet`: a row per candidate, beside the row per trial of `trials.parquet`."""

from __future__ import annotations

import io
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import csv

from paretoseg.search.candidates.result import Result
from paretoseg.search.store.tables import (
    FEASIBILITY,
    METADATA,
    REPORTED,
    column_type,
    describe_feasibility,
    report,
    to_parquet,
)
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.search_space import DIMENSIONS

if TYPE_CHECKING:  # a caller that has one has paid for the import
    from paretoseg.search.certainty.certainty import Certainty

_LISTS = ("trials", "seeds")
"""Columns that are lists in Parquet, and a text in flat tables."""


def candidates_to_parquet(record: StudyRecord, certainty: Certainty | None = None) -> bytes:
    """All candidates with at least one sound network, ordered by number, as a Parquet file."""
    return to_parquet(tabulate_candidates(record, record.results, certainty))


def tabulate_candidates(record: StudyRecord, results: Sequence[Result], certainty: Certainty | None = None) -> pa.Table:
    """These candidates in their order, a row each, with the columns of `candidate_schema`."""
    return pa.Table.from_pylist(candidate_rows(record, results, certainty), schema=candidate_schema(record))


def front_to_csv(record: StudyRecord, certainty: Certainty | None = None) -> bytes:
    """The front as CSV, best first in the first objective, with the columns of `front_rows`."""
    schema = candidate_schema(record)
    for name in _LISTS:
        schema = schema.set(schema.get_field_index(name), pa.field(name, pa.string()))
    buffer = io.BytesIO()
    csv.write_csv(pa.Table.from_pylist(front_rows(record, certainty), schema=schema), buffer)
    return buffer.getvalue()


def front_rows(record: StudyRecord, certainty: Certainty | None = None) -> list[dict[str, Any]]:
    """The candidates of the front as flat rows, best first in the first objective; numbers of lists are in a text."""
    rows = candidate_rows(record, record.front.results, certainty)
    return [row | {name: " ".join(map(str, row[name])) for name in _LISTS} for row in rows]


def candidate_rows(
    record: StudyRecord, results: Sequence[Result], certainty: Certainty | None = None
) -> list[dict[str, Any]]:
    """A row for each of these candidates, with the columns of `candidate_schema`."""
    members = {result.number for result in record.front.results}
    names = candidate_schema(record).names
    rows = [
        _describe(result, record)
        | describe_feasibility(result)
        | {"is_on_front": result.number in members}
        | _describe_certainty(result, certainty)
        for result in results
    ]
    return [{name: row.get(name) for name in names} for row in rows]


def candidate_schema(record: StudyRecord) -> pa.Schema:
    """The columns, whose objectives and costs are those of the study."""
    names = [objective.name for objective in record.objectives]
    measured = [column for name in names for column in (name, f"{name}_sd")]
    tested = [column for name in names for column in (f"test_{name}", f"test_{name}_sd")]
    fields = [
        ("trial_id", pa.int64()),
        ("candidate", pa.string()),
        ("baseline", pa.string()),
        ("trials", pa.list_(pa.int64())),
        ("seeds", pa.list_(pa.int64())),
        ("num_seeds", pa.int64()),
        ("collapsed_share", pa.float64()),
        *((name, column_type(domain)) for name, domain in DIMENSIONS.items()),
        *((name, pa.float64()) for name in measured),
        *((name, pa.int64() if name == "parameters" else pa.float64()) for name in record.created.cost_names),
        *((name, pa.float64()) for name in tested),
        ("num_tested", pa.int64()),
        *REPORTED.items(),
        ("is_on_front", pa.bool_()),
        ("probability", pa.float64()),
        ("state", pa.string()),
        ("is_confirmed", pa.bool_()),
        ("selection_probability", pa.float64()),
        *((column, pa.float64()) for name in names for column in (f"{name}_low", f"{name}_high")),
        *((column, pa.float64()) for name in names for column in (f"test_{name}_low", f"test_{name}_high")),
        ("were_test_cases_seen", pa.bool_()),
        ("device", pa.string()),
        *(FEASIBILITY.items() if record.constraints else ()),
    ]
    return pa.schema(fields, metadata=METADATA)


def _describe(result: Result, record: StudyRecord) -> dict[str, Any]:
    """What was measured of a candidate."""
    trial, tested = result.as_trial, result.tested
    row: dict[str, Any] = {
        "trial_id": result.number,
        "candidate": result.candidate.short_hash,
        "baseline": record.created.name_baseline(result.candidate),
        "trials": [one.trial_id for one in result.trials],
        "seeds": list(result.seeds),
        "num_seeds": len(result.seeds),
        "collapsed_share": result.collapsed_share,
        **result.candidate.as_dict(),
        **trial.objectives,
        **{f"{name}_sd": value for name, value in result.spread.items()},
        **{name: trial.costs.get(name) for name in record.created.cost_names},
        **{f"test_{name}": value for name, value in trial.test.items()},
        **_spread_of_test(tested),
        "num_tested": len(tested),
        **report(trial, record),
        "were_test_cases_seen": record.were_test_cases_seen,
        "device": trial.device,
    }
    if row.get("parameters") is not None:
        row["parameters"] = round(row["parameters"])
    return row


def _describe_certainty(result: Result, certainty: Certainty | None) -> dict[str, Any]:
    """How sure it is; empty if that is not known."""
    if certainty is None:
        return {}
    number = result.number
    state = certainty.find_state(number)
    is_confirmed = number in certainty.confirmed
    bounds = {
        f"{prefix}{name}_{end}": getattr(estimate, end)
        for prefix, evidence in (("", certainty.selection), ("test_", certainty.test))
        for name, estimate in evidence.estimates.get(number, {}).items()
        if estimate
        for end in ("low", "high")
    }
    return {
        "probability": certainty.find_probability(number),
        "state": state.value if state else None,
        "is_confirmed": is_confirmed,
        "selection_probability": (certainty.selection.probabilities or {}).get(number),
        **bounds,
    }


def _spread_of_test(trials: Sequence[Trial]) -> Mapping[str, float]:
    if len(trials) < 2:
        return {}
    return {f"test_{name}_sd": statistics.stdev(trial.test[name] for trial in trials) for name in trials[0].test}
