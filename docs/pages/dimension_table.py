"""The table of all dimensions as it stands in the docs, read off the code.

`python -m docs.pages.dimension_table docs/search_space.md` writes it again.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from docs.pages.generated_part import replace_part
from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.canonical import FAMILY_DIMENSIONS, SKIP_LEVELS
from paretoseg.spaces.domain import Choice, Domain, Float
from paretoseg.spaces.presets import PRESETS
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import DIMENSIONS, Candidate


def write_tables() -> str:
    """All dimensions with range, default, smallest preset and meaning, then what each family uses; Markdown."""
    rows = ["| key | range | default | searched by | is |", "| --- | --- | --- | --- | --- |"]
    meanings = {name: text for part in (Architecture, Recipe) for name, text in read_meanings(part)}
    for name, domain in DIMENSIONS.items():
        default = Candidate().as_dict()[name]
        cells = [f"`space.{name}`", _range(domain), f"`{default}`", _list_presets(name), meanings[name]]
        rows.append(f"| {' | '.join(cells)} |")
    rows += ["", "| family | uses |", "| --- | --- |"]
    for family, names in FAMILY_DIMENSIONS.items():
        shown = [name for name in names if name not in SKIP_LEVELS]
        levels = [f"{SKIP_LEVELS[0]}..{len(SKIP_LEVELS)}"] if len(shown) < len(names) else []
        rows.append(f"| `{family}` | {', '.join([*shown, *levels])} |")
    return "\n".join(rows)


def read_meanings(part: type) -> Iterator[tuple[str, str]]:
    """Every field of a class with the docstring that stands under it, in the order of declaration."""
    body = ast.parse(inspect.getsource(part)).body[0]
    assert isinstance(body, ast.ClassDef)
    for field, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            yield ast.unparse(field.target), str(text.value.value)


def renew(page: str) -> str:
    """The page with its table as it is today."""
    return replace_part(page, "dimensions", write_tables())


def _range(domain: Domain) -> str:
    if isinstance(domain, Choice):
        return ", ".join(f"`{option}`" for option in domain.options)
    return domain.describe() + (", logarithmic" if isinstance(domain, Float) and domain.log else "")


def _list_presets(name: str) -> str:
    """All presets, or the few that search the dimension; none for what baselines have."""
    presets = [preset for preset, names in PRESETS.items() if name in names]
    return "all presets" if len(presets) == len(PRESETS) else ", ".join(presets) or "none"


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        path.write_text(renew(path.read_text()))
