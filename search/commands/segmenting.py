"""Sends images through a network that is open: first all are checked, then those of one shape go together."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paretoseg.trainables.data.findings import Finding

if TYPE_CHECKING:
    from paretoseg.trainables.export.applying import Answer, AppliedBundle

_PICTURES_AT_A_TIME = 8
"""Pictures are small; a volume is large, so there is one at a time."""


def check_images(applied: AppliedBundle, images: Iterable[Path]) -> list[Finding]:
    """What is wrong with images; empty if the network can be applied to all of them."""
    findings = []
    for image in images:
        try:
            applied.prepare(image)
        except ValueError as error:
            findings.append(Finding("images that do not fit", str(image), str(error)))
    return findings


def segment_images(
    applied: AppliedBundle, images: Sequence[Path], batch: int | None = None, *, has_probabilities: bool = False
) -> Iterator[tuple[Answer, float]]:
    """What the network says of every image, in their order, and how many seconds an image took.

    Args:
        applied: The network.
        images: Files that passed the check.
        batch: How many of one shape go through the network together; None for 8 pictures or 1 volume.
        has_probabilities: Whether answers have the probabilities of every class.

    Raises:
        ValueError: if memory does not suffice.
    """
    for group, items in _group(applied, images, batch):
        start = time.monotonic()
        try:
            answers = applied.segment(items, has_probabilities=has_probabilities)
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "memory" not in str(error):
                raise
            raise ValueError(f"'{group[0]}' does not fit into memory; use --batch 1, or --device cpu") from None
        seconds = (time.monotonic() - start) / len(group)
        for answer in answers:
            yield answer, seconds


def _group(
    applied: AppliedBundle, images: Sequence[Path], batch: int | None
) -> Iterator[tuple[list[Path], list[Mapping[str, Any]]]]:
    """Neighbours of one prepared shape, at most a batch of them."""
    group: list[Path] = []
    items: list[Mapping[str, Any]] = []
    for image in images:
        item = applied.prepare(image)
        shape = item["image"].shape
        most = batch or (_PICTURES_AT_A_TIME if len(shape) == 3 else 1)
        if items and (items[0]["image"].shape != shape or len(items) >= most):
            yield group, items
            group, items = [], []
        group.append(image)
        items.append(item)
    if items:
        yield group, items
