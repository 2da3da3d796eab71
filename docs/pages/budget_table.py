"""The table of what trainings see relative to their budget, by patch, as it stands in the docs, computed by the code.

`python -m docs.pages.budget_table docs/training.md` writes it again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from docs.pages.generated_part import replace_part
from paretoseg.spaces.domain import Int
from paretoseg.spaces.search_space import DIMENSIONS
from paretoseg.trainables.segmentation.budget import TOLERANCE, plan_recipe
from paretoseg.trainables.segmentation.options import BudgetBy
from paretoseg.trainables.segmentation.settings import SegmentationSettings

FACTORS = (0.25, 1.0, 4.0)
"""The factors of the batch in a cell."""

COLUMNS = [(spatial_dims, budget_by) for spatial_dims in (2, 3) for budget_by in (BudgetBy.iterations, BudgetBy.voxels)]
"""Dimensions and budget of every column."""


def write_table() -> str:
    """Voxels of a training by those of the nominal budget, at the default settings; Markdown."""
    heads = [f"{spatial_dims}D, by {budget_by}" for spatial_dims, budget_by in COLUMNS]
    rows = [f"| patch | {' | '.join(heads)} |", "| --- |" + " --- |" * len(heads)]
    domain = DIMENSIONS["patch"]
    assert isinstance(domain, Int)
    for patch in range(domain.low, domain.high + 1, domain.step):
        cells = [_describe(patch, spatial_dims, budget_by) for spatial_dims, budget_by in COLUMNS]
        rows.append(f"| {patch} | {' | '.join(cells)} |")
    return "\n".join(rows)


def renew(page: str) -> str:
    """The page with its table as it is today."""
    return replace_part(page, "budgets", write_table())


def _describe(patch: int, spatial_dims: int, budget_by: BudgetBy) -> str:
    """What trainings with each factor use of their budget, bold if it is not equal; one number if all are the same."""
    settings = SegmentationSettings(budget_by=budget_by)
    used = [plan_recipe(settings, (patch,) * spatial_dims, factor).budget_used for factor in FACTORS]
    shares = [f"{share:.{2 if share < 10 else 0}f}" for share in used]
    text = shares[0] if len(set(shares)) == 1 else " ".join(shares)
    return f"**{text}**" if any(abs(share - 1.0) > TOLERANCE for share in used) else text


def main() -> None:
    """Writes the table into the page that is named on the command line."""
    page = Path(sys.argv[1])
    page.write_text(renew(page.read_text()))


if __name__ == "__main__":
    main()
