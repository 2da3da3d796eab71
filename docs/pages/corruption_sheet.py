"""A picture of every corruption at every severity: how strong they are is a matter for the eye.

It is drawn by `python -m docs.pages.corruption_sheet docs/corruptions.png`, from one image of the texture task.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.evaluation.degrading import CaseBatch
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.severities.levels import LEVELS, NUM_SEVERITIES
from paretoseg.trainables.trainable import CLEAN_CONDITION, Condition

IMAGE_SIZE = 96
"""Edge of the image in pixels."""

NUM_COLOURS = 48

INCHES, LEFT, TOP = 0.92, 1.45, 0.25
"""Edge of a picture on the sheet; what the names beside and the numbers above take."""


def draw_sheet(case: Case, *, num_blocks: int = 2) -> Figure:
    """Rows are corruptions, columns the clean image and severity 1 to 5; the reference is outlined.

    Args:
        case: A picture.
        num_blocks: Side by side on the sheet.
    """
    names, num_columns = list(LEVELS.own), NUM_SEVERITIES + 1
    num_rows = -(-len(names) // num_blocks)
    width, height = num_blocks * (num_columns * INCHES + LEFT), num_rows * INCHES + TOP
    figure = Figure(figsize=(width, height), dpi=100)
    for place, name in enumerate(names):
        block, row = divmod(place, num_rows)
        left = block * (num_columns * INCHES + LEFT) + LEFT
        for severity in range(num_columns):
            bottom = height - TOP - (row + 1) * INCHES
            box = ((left + severity * INCHES) / width, bottom / height, 0.97 * INCHES / width, 0.97 * INCHES / height)
            axes = figure.add_axes(box)
            condition = Condition(name, severity) if severity else CLEAN_CONDITION
            [seen] = CaseBatch([case], Battery((condition,), seed=0), (1.0, 1.0), "cpu").degrade(condition)
            _show(axes, seen.image[0], seen.label)
            if row == 0:
                axes.set_title(f"severity {severity}" if severity else "clean", fontsize=8, pad=3)
            if severity == 0:
                axes.text(-0.06, 0.5, name.replace("_", "\n", 1), transform=axes.transAxes, ha="right", va="center",
                          fontsize=9)  # fmt: skip
    return figure


def _show(axes: Axes, image: Float[Tensor, "h w"], label: Tensor) -> None:
    axes.imshow(image.numpy(), cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
    axes.contour(label.numpy(), levels=[0.5], colors="#ff9d2e", linewidths=0.7)
    axes.set_axis_off()


def main() -> None:
    """Draws the sheet into the file that is named on the command line."""
    data = TexturesConfig(image_size=IMAGE_SIZE, num_train=1, num_validation=1, num_test=1)
    sheet = io.BytesIO()
    draw_sheet(data.load().test[0]).savefig(sheet, format="png")
    # Few colours are enough, and make a file of a fifth.
    Image.open(sheet).convert("RGB").quantize(NUM_COLOURS).save(Path(sys.argv[1]), optimize=True)


if __name__ == "__main__":
    main()
