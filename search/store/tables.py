"""The tables that users open with pandas or DuckDB: their columns, and their conversion to Parquet and CSV."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from paretoseg.search.candidates.result import Result
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Event
from paretoseg.search.trials.profile_columns import list_profile_columns, profile_columns
from paretoseg.search.trials.robustness_drop import measure_drop
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.domain import Choice, Domain, Float, Int
from paretoseg.spaces.recipe import augmentation_families
from paretoseg.spaces.search_space import DIMENSIONS
from paretoseg.trainables.scoring.averages import name_family
from paretoseg.trainables.trainable import MEAN, CaseScore, Split

TABLE_SCHEMA = 4
"""Version of the tables' columns; in every Parquet file's metadata as `paretoseg_schema`."""

METADATA = {"paretoseg_schema": str(TABLE_SCHEMA)}

CASE_SCHEMA = pa.schema(
    [
        ("trial_id", pa.int64()),
        ("seed", pa.int64()),
        ("split", pa.string()),
        ("case", pa.string()),
        ("domain", pa.string()),
        ("shift", pa.string()),
        ("corruption", pa.string()),
        ("severity", pa.int64()),
        ("family", pa.string()),
        ("metric", pa.string()),
        ("class", pa.string()),
        ("empty", pa.string()),
        ("value", pa.float64()),
        ("objective", pa.string()),
    ],
    metadata=METADATA,
)
"""Columns of `cases/`: a row per trial x seed x case x domain x shift x corruption x severity x metric x class."""

REPORTED: Mapping[str, pa.DataType] = {
    **{name: pa.string() if kind is str else pa.float64() for name, kind in list_profile_columns().items()},
    "drop": pa.float64(),
    "retention": pa.float64(),
    "trained_on": pa.string(),
}
"""Columns of a trial that are reported and never optimised."""

FEASIBILITY: Mapping[str, pa.DataType] = {"feasible": pa.bool_(), "broken": pa.string()}
"""Columns of studies with constraints: whether the mean over seeds meets them, and those that it breaks."""

_BATCH = 256
"""How many rows are built again if one of them has changed."""

_CASE_COLUMNS = {item.name: "class" if item.name == "label" else item.name for item in fields(CaseScore)}
"""The column of every field of a score."""


class TrialTable:
    """All trials of a growing study, one row each, ordered by id; rows that have not changed are not built again."""

    def __init__(self) -> None:
        self._record: StudyRecord | None = None
        self._num_changes = 0
        self._batches: list[pa.Table] = []

    def to_parquet(self, record: StudyRecord) -> bytes:
        """The table as a Parquet file."""
        return to_parquet(self.to_table(record))

    def to_table(self, record: StudyRecord) -> pa.Table:
        """The table in memory."""
        if record is not self._record:
            self._record, self._num_changes, self._batches = record, 0, []
        schema = _trial_schema(record)
        for number in sorted({trial.trial_id // _BATCH for trial in record.changed_since(self._num_changes)}):
            trials = record.trials[number * _BATCH : (number + 1) * _BATCH]
            rows = [_trial_row(trial, record, is_on_front=False) for trial in trials]
            self._batches[number : number + 1] = [pa.Table.from_pylist(rows, schema=schema)]
        self._num_changes = record.num_changes
        table = pa.concat_tables([schema.empty_table(), *self._batches])
        front = {trial.trial_id for trial in record.front.all_trials}
        is_on_front = pa.array([trial.trial_id in front for trial in record.trials], pa.bool_())
        place = schema.get_field_index("is_on_front")
        table = table.set_column(place, schema.field(place), is_on_front)
        return _with_feasibility(table, record) if record.constraints else table


def describe_feasibility(result: Result | None) -> dict[str, Any]:
    """Whether a candidate meets the constraints of its study, and which it breaks; None where nothing counts."""
    if result is None:
        return dict.fromkeys(FEASIBILITY)
    return {"feasible": result.is_feasible, "broken": ", ".join(result.broken)}


def _with_feasibility(table: pa.Table, record: StudyRecord) -> pa.Table:
    """The table with what is known now of every trial's candidate: a further seed of it changes all of its rows."""
    rows = [describe_feasibility(record.ledger.find(trial.candidate)) for trial in record.trials]
    for name, kind in FEASIBILITY.items():
        table = table.append_column(pa.field(name, kind), pa.array([row[name] for row in rows], kind))
    return table


def cases_to_parquet(trial_id: int, seed: int, split: Split, scores: Sequence[CaseScore]) -> bytes:
    """The scores of one trial on one split as a Parquet file."""
    return to_parquet(_tabulate_cases(trial_id, seed, split, scores))


def case_table_from_parquet(content: bytes, trial_id: int, seed: int, split: Split) -> pa.Table:
    """The rows in a Parquet file that `cases_to_parquet` made, with the columns of `CASE_SCHEMA`.

    A file of an earlier version gets the columns that it lacks, as `cases_from_parquet` says.

    Raises:
        ValueError: if it is damaged or lacks a column.
    """
    try:
        table = parquet.read_table(io.BytesIO(content))
    except (pa.ArrowException, OSError) as error:
        raise ValueError((str(error).splitlines() or [type(error).__name__])[0]) from None
    if table.column_names == CASE_SCHEMA.names:
        return table
    return _tabulate_cases(trial_id, seed, split, cases_from_parquet(content))


def _tabulate_cases(trial_id: int, seed: int, split: Split, scores: Sequence[CaseScore]) -> pa.Table:
    shared = {"trial_id": trial_id, "seed": seed, "split": split.value}
    rows = [
        shared
        | {_CASE_COLUMNS[name]: value for name, value in vars(score).items()}
        | {"family": name_family(score.condition)}
        for score in scores
    ]
    return pa.Table.from_pylist(rows, schema=CASE_SCHEMA)


def cases_from_parquet(content: bytes, metric: str = "") -> list[CaseScore]:
    """The scores in a Parquet file that `cases_to_parquet` made, in this version or an earlier one.

    With a metric, only its scores that are means over all foreground classes are read.

    The column `family` follows from the others and is not read. Files of schema 2 and earlier lack `shift` and
    `objective`: none of their cases is in a shift set, and the objective of a row is unknown. Files of schema 1 also
    lack `class` and `empty`: their scores are means over the foreground classes.

    Raises:
        ValueError: if it is damaged or lacks a column.
    """
    try:
        file = parquet.ParquetFile(io.BytesIO(content))
        known = {name: column for name, column in _CASE_COLUMNS.items() if column in file.schema_arrow.names}
        rows = _select_means(file.read(columns=list(known.values())), metric).to_pylist()
        return [CaseScore(**{name: row[column] for name, column in known.items()}) for row in rows]
    except (pa.ArrowException, OSError, TypeError) as error:
        raise ValueError((str(error).splitlines() or [type(error).__name__])[0]) from None


def _select_means(table: pa.Table, metric: str) -> pa.Table:
    if not metric:
        return table
    from pyarrow import compute  # late: most commands do without it

    is_kept = compute.equal(table["metric"], metric)
    if "class" in table.column_names:
        is_kept = compute.and_(is_kept, compute.equal(table["class"], MEAN))
    return table.filter(is_kept)


def check_columns(events: Sequence[Event]) -> None:
    """Checks that every objective and cost of a study has a column of its own in these tables.

    Raises:
        ValueError: if one has none; the message names it.
    """
    names = _trial_schema(StudyRecord(events[:1])).names
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"record 0 ('created') is not valid: the tables have a column {twice[0]} already")


def count_rows(content: bytes) -> int:
    """How many rows a Parquet file has; 0 if it is damaged."""
    try:
        return int(parquet.ParquetFile(io.BytesIO(content)).metadata.num_rows)
    except (pa.ArrowException, OSError):
        return 0


def to_parquet(table: pa.Table) -> bytes:
    """The table as a Parquet file."""
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()


def _names(record: StudyRecord) -> list[str]:
    objectives = [objective.name for objective in record.objectives]
    return [*objectives, *record.created.cost_names, *(f"test_{name}" for name in objectives)]


def _trial_schema(record: StudyRecord) -> pa.Schema:
    fields: list[tuple[str, pa.DataType]] = [
        ("trial_id", pa.int64()),
        ("candidate", pa.string()),
        ("seed", pa.int64()),
        ("state", pa.string()),
        ("origin", pa.string()),
        ("baseline", pa.string()),
        ("parents", pa.list_(pa.int64())),
        *((name, column_type(domain)) for name, domain in DIMENSIONS.items()),
        *((name, pa.int64() if name == "parameters" else pa.float64()) for name in _names(record)),
        *REPORTED.items(),
        ("is_on_front", pa.bool_()),
        ("degenerate", pa.string()),
        ("note", pa.string()),
        ("failure", pa.string()),
        ("reason", pa.string()),
        ("num_attempts", pa.int64()),
        ("num_steps", pa.int64()),
        ("asked_at", pa.timestamp("ms", tz="UTC")),
        ("began_at", pa.timestamp("ms", tz="UTC")),
        ("ended_at", pa.timestamp("ms", tz="UTC")),
        ("seconds", pa.float64()),
        ("total_seconds", pa.float64()),
        ("host", pa.string()),
        ("device", pa.string()),
    ]
    return pa.schema(fields, metadata=METADATA)


def column_type(domain: Domain) -> pa.DataType:
    """The type of a dimension's column."""
    match domain:
        case Float():
            return pa.float64()
        case Int():
            return pa.int64()
        case Choice():
            return pa.string()
    raise AssertionError(f"no column type for {domain}")


def _trial_row(trial: Trial, record: StudyRecord, is_on_front: bool) -> dict[str, Any]:
    tested = {f"test_{name}": value for name, value in trial.test.items()}
    measured: Mapping[str, float] = {**trial.costs, **trial.objectives, **tested}
    row: dict[str, Any] = {
        "trial_id": trial.trial_id,
        "candidate": trial.candidate.short_hash,
        "seed": trial.seed,
        "state": trial.state.value,
        "origin": trial.origin,
        "baseline": record.created.name_baseline(trial.candidate),
        "parents": list(trial.parents),
        **trial.candidate.as_dict(),
        **{name: measured.get(name) for name in _names(record)},
        **report(trial, record),
        "is_on_front": is_on_front,
        "degenerate": trial.degenerate,
        "note": trial.note,
        "failure": trial.failure.kind.value if trial.failure else "",
        "reason": trial.failure.reason if trial.failure else "",
        "num_attempts": trial.num_attempts,
        "num_steps": len(trial.reports),
        "asked_at": _milliseconds(trial.asked_at),
        "began_at": _milliseconds(trial.began_at),
        "ended_at": _milliseconds(trial.ended_at),
        "seconds": trial.seconds,
        "total_seconds": trial.total_seconds,
        "host": trial.host,
        "device": trial.device,
    }
    if row.get("parameters") is not None:
        row["parameters"] = round(row["parameters"])
    return row


def report(trial: Trial, record: StudyRecord) -> dict[str, Any]:
    """The values of a trial that are reported and never optimised."""
    found = measure_drop(trial, record.objectives)
    return {
        **profile_columns(trial),
        "drop": found.drop if found else None,
        "retention": found.retention if found else None,
        "trained_on": " ".join(sorted(augmentation_families(trial.candidate.recipe))),
    }


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
