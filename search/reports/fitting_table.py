"""A table that becomes one block a row where the terminal is too narrow for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

_GAP = 2
"""Columns between the names and the values of a block."""


class FittingTable(Table):
    """A table in which no number is cut and no word is split.

    If the longest words of all columns do not fit beside each other, every row is a block: a line for each column, with
    its name and its value. Title and caption are as wide as the console.

    Args:
        title: Printed above; '[' must be escaped.
        settings: As for a table of `rich`.
    """

    def __init__(self, *, title: str, **settings: Any) -> None:
        super().__init__(title=title, box=SIMPLE_HEAD, pad_edge=False, **settings)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, or blocks; called by `rich`."""
        title, caption = self.title, self.caption
        if title:
            yield _to_text(title, console, "table.title")
        if self._fit(console, options.max_width):
            self.title = self.caption = None
            try:
                yield from super().__rich_console__(console, options)
            finally:
                self.title, self.caption = title, caption
        else:
            yield from self._render_blocks(console, options.max_width)
        if caption:
            yield _to_text(caption, console, "table.caption")

    def _fit(self, console: Console, width: int) -> bool:
        """Gives every column its width; False if some word would not fit."""
        cells = [list(self._list_cells(index, console)) for index in range(len(self.columns))]
        least = [_longest(self._split(cell, index) for cell in column) for index, column in enumerate(cells)]
        wanted = [_longest(cell.plain.splitlines() for cell in column) for column in cells]
        gaps = sum(self.padding[side] for side in (1, 3)) * len(cells) + self._extra_width
        gaps -= 0 if self.pad_edge else self.padding[1] + self.padding[3]
        slack = width - gaps - sum(least)
        if slack < 0:
            return False
        for column, share in zip(self.columns, _share_out(least, wanted, slack), strict=True):
            column.width = share
        return True

    def _split(self, cell: Text, index: int) -> list[str]:
        """What must stay on one line: the lines of a column that does not wrap, else words."""
        return cell.plain.splitlines() if self.columns[index].no_wrap else cell.plain.split()

    def _list_cells(self, index: int, console: Console) -> Iterator[Text]:
        column = self.columns[index]
        for content in (column.header, *column.cells):
            yield _to_text(content, console)

    def _render_blocks(self, console: Console, width: int) -> Iterator[Text]:
        names = [" ".join(_to_text(column.header, console).plain.split()) for column in self.columns]
        indent = max(map(cell_len, names), default=0) + _GAP
        rows = zip(*(column.cells for column in self.columns), strict=True)
        for row in rows:
            yield Text("")
            for name, content in zip(names, row, strict=True):
                value = _to_text(content, console)
                if value.plain:
                    yield from _hang(name, value, console, indent, width)
        yield Text("")


def _to_text(content: Any, console: Console, style: str = "") -> Text:
    return content if isinstance(content, Text) else console.render_str(str(content), style=style, highlight=False)


def _longest(groups: Iterator[list[str]]) -> int:
    return max((cell_len(word) for group in groups for word in group), default=0)


def _share_out(least: Sequence[int], wanted: Sequence[int], slack: int) -> list[int]:
    """Widths of columns: each has its least, and the slack goes where most is missing, one by one."""
    widths = list(least)
    for _ in range(slack):
        missing = [want - width for want, width in zip(wanted, widths, strict=True)]
        if not missing or max(missing) <= 0:
            break
        widths[missing.index(max(missing))] += 1
    return widths


def _hang(name: str, value: Text, console: Console, indent: int, width: int) -> Iterator[Text]:
    """A value beside its name; further lines of it start below its first."""
    for number, line in enumerate(value.wrap(console, max(width - indent, 1))):
        line.rstrip()
        yield Text((name if number == 0 else "").ljust(indent)) + line
