"""Tables fit terminals of 60 to 200 columns without cutting a number or splitting a word."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
from rich.console import Console
from rich.table import Table

from paretoseg.search.reports.fitting_table import FittingTable
from paretoseg.search.reports.text import front_table
from tests.search.reports.test_text import toy_study

WIDTHS = (60, 80, 120, 200)


def show(table: Table, width: int) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, force_terminal=False, highlight=False).print(table)
    return stream.getvalue()


def list_words(table: Table) -> Iterator[str]:
    for column in table.columns:
        for cell in column.cells:
            yield from re.sub(r"\\\[", "[", str(cell)).split()


def build_wide() -> FittingTable:
    table = FittingTable(
        title="Front of a study with a title that is longer than sixty columns are wide", caption="Same."
    )
    table.add_column("trial", justify="right", no_wrap=True)
    table.add_column("accuracy", no_wrap=True)
    table.add_column("what it is", overflow="fold")
    table.add_column("verdict", overflow="fold")
    table.add_row(
        "7", "0.848 (0.801 to 0.895)", "attention=squeeze_excitation depth=4", "within noise of the candidate"
    )
    table.add_row("12", "0.840 (0.790 to 0.890)", "attention=none depth=3", "better")
    return table


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_too_long_and_every_word_is_whole(width: int) -> None:
    table = build_wide()
    shown = show(table, width)
    assert all(len(line.rstrip()) <= width for line in shown.splitlines())
    assert "…" not in shown
    words = shown.split()
    for word in list_words(table):
        assert word in words
    for number in ("0.848 (0.801 to 0.895)", "0.840 (0.790 to 0.890)"):
        assert any(number in line for line in shown.splitlines())


def test_a_narrow_terminal_gets_a_block_for_each_row() -> None:
    assert [line.rstrip() for line in show(build_wide(), 60).splitlines()] == [
        "Front of a study with a title that is longer than sixty",
        "columns are wide",
        "",
        "trial       7",
        "accuracy    0.848 (0.801 to 0.895)",
        "what it is  attention=squeeze_excitation depth=4",
        "verdict     within noise of the candidate",
        "",
        "trial       12",
        "accuracy    0.840 (0.790 to 0.890)",
        "what it is  attention=none depth=3",
        "verdict     better",
        "",
        "Same.",
    ]


def test_a_wide_terminal_gets_a_row_a_candidate() -> None:
    lines = show(build_wide(), 120).splitlines()
    assert lines[0].rstrip() == "Front of a study with a title that is longer than sixty columns are wide"
    [row] = [line for line in lines if line.strip().startswith("7 ")]
    assert "within noise of the candidate" in row
    assert "attention=squeeze_excitation depth=4" in row


def test_room_goes_to_the_column_that_lacks_most() -> None:
    table = FittingTable(title="t")
    table.add_column("a", overflow="fold")
    table.add_column("b", overflow="fold")
    table.add_row("one two", "one two three four five six seven eight nine ten eleven twelve thirteen fourteen")
    shown = show(table, 70)
    assert max(len(line.rstrip()) for line in shown.splitlines()) > 60
    assert "three four five six seven eight nine ten eleven" in shown


@pytest.mark.parametrize("width", WIDTHS)
def test_the_front_of_a_study_is_whole_at_every_width(width: int) -> None:
    table = front_table(toy_study().record)
    shown = show(table, width)
    assert all(len(line.rstrip()) <= width for line in shown.splitlines())
    words = shown.split()
    assert all(word in words for word in list_words(table))
