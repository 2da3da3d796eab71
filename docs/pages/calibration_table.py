"""The table of the shipped calibrations as it stands in the docs, read off their files.

`python -m docs.pages.calibration_table docs/calibration.md` writes it again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from docs.pages.generated_part import replace_part
from paretoseg.trainables.severities.calibration import CalibratedCorruption, read_calibration
from paretoseg.trainables.severities.levels import LEVELS, Strengths
from paretoseg.trainables.severities.response import interpolate_losses
from paretoseg.trainables.severities.shipped import list_shipped, locate_shipped


def write_table() -> str:
    """For every shipped calibration the strengths it found, both scales, and what the defaults lose; Markdown.

    The scales are the Dice points that the reference network loses and the similarity to the clean image (SSIM).
    """
    calibrations = {name: read_calibration(locate_shipped(name)).corruptions for name in list_shipped()}
    heads = [head for name in calibrations for head in (f"{name}: strengths", "lose", "SSIM", "the defaults lose")]
    rows = [f"| corruption | {' | '.join(heads)} |", "| --- |" + " --- |" * len(heads)]
    for corruption, levels in LEVELS.own.items():
        found = [calibration.get(corruption) for calibration in calibrations.values()]
        if any(found):
            cells = [cell for one in found for cell in (_describe(one, levels.values) if one else ("",) * 4)]
            rows.append(f"| `{corruption}` | {' | '.join(cells)} |")
    return "\n".join(rows)


def renew(page: str) -> str:
    """The page with its table as it is today."""
    return replace_part(page, "calibrations", write_table())


def _describe(found: CalibratedCorruption, defaults: Strengths) -> tuple[str, str, str, str]:
    strengths = " ".join(f"{strength:.4g}" for strength in found.strengths)
    lost, by_default = (
        " ".join(str(round(loss)) for loss in losses)
        for losses in (found.lost, interpolate_losses(found.curve, defaults))
    )
    similarity = " ".join(f"{value:.2f}" for value in found.ssim)
    return f"{strengths}{' *' if found.notes else ''}", lost, similarity, by_default


def main() -> None:
    """Writes the table into the page that is named on the command line."""
    page = Path(sys.argv[1])
    page.write_text(renew(page.read_text()))


if __name__ == "__main__":
    main()
