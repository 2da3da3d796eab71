"""Consoles on which commands print when Python calls them."""

from __future__ import annotations

import io
import sys

from rich.console import Console

_WIDTH = 120


def make_silent() -> tuple[Console, io.StringIO]:
    """A console that prints into a text, without colours and as wide as most screens; and the text."""
    text = io.StringIO()
    return Console(file=text, width=_WIDTH, highlight=False, force_jupyter=False, force_terminal=False), text


def make_loud() -> Console:
    """A console that prints on the standard output, in a notebook below its cell.

    A cell moves no cursor, so a live panel would print itself again and again there. Kernels ask for colours by
    FORCE_COLOR, which Rich takes for a terminal.
    """
    if sys.stdout is sys.__stdout__:
        return Console(highlight=False, force_jupyter=False)
    return Console(highlight=False, force_jupyter=False, force_terminal=False, width=_WIDTH)
