"""The measures of a dataset's cases as tables that users open with pandas or DuckDB, one row for each number."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import fields

import pyarrow as pa
from pyarrow import csv, parquet

from paretoseg.trainables.complexity.complexity import ComplexityRow

COMPLEXITY_SCHEMA = pa.schema(
    [
        ("case", pa.string()),
        ("subject", pa.string()),
        ("domain", pa.string()),
        ("split", pa.string()),
        ("shift", pa.string()),
        ("class", pa.string()),
        ("measure", pa.string()),
        ("value", pa.float64()),
    ],
    metadata={"paretoseg_schema": "1"},
)
"""Columns of `complexity.parquet` and `complexity.csv`: a row per case x shift x class x measure."""

_COLUMNS = {item.name: "class" if item.name == "label" else item.name for item in fields(ComplexityRow)}
"""The column of every field of a row."""


def complexity_to_parquet(rows: Sequence[ComplexityRow]) -> bytes:
    """The rows as a Parquet file."""
    buffer = io.BytesIO()
    parquet.write_table(_to_table(rows), buffer)
    return buffer.getvalue()


def complexity_to_csv(rows: Sequence[ComplexityRow]) -> bytes:
    """The rows as CSV, with the columns of the Parquet file."""
    buffer = io.BytesIO()
    csv.write_csv(_to_table(rows), buffer)
    return buffer.getvalue()


def _to_table(rows: Sequence[ComplexityRow]) -> pa.Table:
    flat = [{_COLUMNS[name]: value for name, value in vars(row).items()} for row in rows]
    return pa.Table.from_pylist(flat, schema=COMPLEXITY_SCHEMA)
