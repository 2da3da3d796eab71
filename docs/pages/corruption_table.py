"""The table of all corruptions as it stands in the docs, read off the code.

`python -m docs.pages.corruption_table docs/corruptions.md` writes it again.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from docs.pages.generated_part import replace_part
from paretoseg.trainables.corruptions import blur, geometry, intensity, kspace, noise
from paretoseg.trainables.severities.levels import LEVELS, PRESETS, Levels

_ROOMS = (noise, blur, kspace, intensity, geometry)


def write_tables() -> str:
    """All corruptions with strength, severities, family and what they are like; then the presets; Markdown."""
    rows = ["| corruption | is | strength | severity 1 to 5 | family |", "| --- | --- | --- | --- | --- |"]
    for name, levels in LEVELS.own.items():
        values = ", ".join(f"{value:g}" for value in levels.values)
        cells = [f"`{name}`", read_meaning(name) + _mark(levels), levels.parameter, values, levels.family]
        rows.append(f"| {' | '.join(cells)} |")
    rows += ["", "| preset | stands for |", "| --- | --- |"]
    rows += [f"| `{preset}` | {', '.join(f'`{name}`' for name in names)} |" for preset, names in PRESETS.items()]
    return "\n".join(rows)


def read_meaning(name: str) -> str:
    """The first sentence of the docstring of a corruption, without its full stop."""
    [function] = [getattr(room, name) for room in _ROOMS if hasattr(room, name)]
    text = inspect.getdoc(function)
    assert text, f"{name} needs a docstring"
    return " ".join(text.split("\n\n")[0].split()).removesuffix(".")


def renew(page: str) -> str:
    """The page with its tables as they are today."""
    return replace_part(page, "corruptions", write_tables())


def _mark(levels: Levels) -> str:
    marks = [text for is_so, text in ((levels.moves_labels, "labels move"), (levels.leaks_label, "leaks")) if is_so]
    return f" (**{', '.join(marks)}**)" if marks else ""


def main() -> None:
    """Writes the tables into the page that is named on the command line."""
    page = Path(sys.argv[1])
    page.write_text(renew(page.read_text()))


if __name__ == "__main__":
    main()
