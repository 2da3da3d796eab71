"""Pictures of single cases for the model card: the image, the reference, and what the network predicts."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from paretoseg.search.reports.markdown import escape
from paretoseg.trainables.trainable import Split

if TYPE_CHECKING:
    from paretoseg.trainables.segmentation.gallery import CasePicture, PredictionPicture

_LEAST_EDGE = 256
"""Smaller pictures are enlarged to about this many pixels."""

_GAP = 8
"""White pixels between the panels."""

_COLOURS = ((255, 176, 0), (0, 200, 255), (255, 60, 160), (120, 230, 90), (170, 120, 255), (255, 110, 60))
"""Of the outlines by class, in turn."""


@dataclass(frozen=True)
class PicturedCase:
    """A case whose picture is in the card."""

    name: str
    label: str
    """Such as 'hardest case'."""

    dice: float
    place: str
    """Which part of it is shown, or ''."""

    file: str
    """Name of the picture."""

    content: bytes
    """The picture, PNG."""


def draw_case(scene: CasePicture, answer: PredictionPicture) -> bytes:
    """A PNG of three panels: the image, the outlines of the reference on it, and those of the prediction."""
    factor = max(1, math.ceil(_LEAST_EDGE / max(scene.reference.shape)))
    image = _enlarge(scene.image, factor)
    colour = image if image.ndim == 3 else np.stack([image] * 3, axis=-1)
    masks = [_enlarge(mask, factor) for mask in (scene.reference, answer.predicted)]
    panels = [colour, *(_outline(colour, mask) for mask in masks)]
    gap = np.full((len(colour), _GAP, 3), 255, dtype=np.uint8)
    row = np.concatenate([panels[0], gap, panels[1], gap, panels[2]], axis=1)
    stream = io.BytesIO()
    Image.fromarray(row).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def describe_cases(cases: Sequence[PicturedCase], split: Split, reason: str = "") -> str:
    """The section with the pictures, or why there are none.

    Args:
        cases: What is shown, the worst first.
        split: The split that they are from.
        reason: Why there are none.
    """
    if not cases:
        return f"No pictures: {escape(reason or 'the scores of single cases are missing')}."
    parts = [
        f"{_capitalise(one.label)}, {escape(one.name)}{f' ({one.place})' if one.place else ''}: Dice {one.dice:.3f}\n\n"
        f"![{one.label}]({one.file})"
        for one in cases
    ]
    head = f"Clean {split.value} images: as they are, with the outlines of the reference, and with those predicted."
    return "\n\n".join((head, *parts))


def _enlarge(array: np.ndarray, factor: int) -> np.ndarray:
    return array.repeat(factor, axis=0).repeat(factor, axis=1)


def _outline(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The image with the borders of every class of the mask, two pixels wide."""
    drawn = image.copy()
    padded = np.pad(mask, 1, mode="edge")
    inner = padded[1:-1, 1:-1]
    others = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    is_border = np.any([inner != other for other in others], axis=0)
    for label in np.unique(mask[is_border]):
        if label:
            drawn[is_border & (mask == label)] = _COLOURS[(int(label) - 1) % len(_COLOURS)]
    return drawn


def _capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]
