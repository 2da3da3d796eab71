"""Text from outside and tables as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence


def escape(text: object) -> str:
    """The text on one line, with everything that Markdown or HTML would read as markup escaped."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in str(text)).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+!|~$])", r"\\\1", line)


def make_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; cells from outside must be escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
