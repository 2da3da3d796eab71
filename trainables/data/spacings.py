"""Whether all cases have the same axes and the same spacing. Free of torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from paretoseg.trainables.data.findings import Finding
from paretoseg.trainables.data.placement import SPACING_TOLERANCE


def find_other_axes(num_axes: Mapping[str, int]) -> list[Finding]:
    """Cases with other spatial axes than most: stacks among pictures, or pictures among volumes.

    Args:
        num_axes: By name of the case, 2 or 3.
    """
    usual = _find_usual(num_axes.values())
    kinds = {2: "a picture", 3: "a volume or a stack of pictures"}
    return [
        Finding(
            "cases with other axes",
            name,
            f"case '{name}' is {kinds.get(number, number)}, but most are {kinds.get(usual, usual)}; keep them in two "
            "datasets",
        )
        for name, number in num_axes.items()
        if number != usual
    ]


def find_other_spacings(spacings_mm: Mapping[str, tuple[float, ...]]) -> list[Finding]:
    """Cases whose spacing differs from that of most: a network needs voxels of one size.

    Args:
        spacings_mm: By name of the case.
    """
    if others := find_other_axes({name: len(spacing_mm) for name, spacing_mm in spacings_mm.items()}):
        return others
    usual = _find_usual(spacings_mm.values())
    shown = ",".join(f"{edge:g}" for edge in usual or ())
    findings = []
    for name, spacing_mm in spacings_mm.items():
        if not np.allclose(spacing_mm, usual, rtol=10 * SPACING_TOLERANCE, atol=0.0):
            got = ",".join(f"{edge:g}" for edge in spacing_mm)
            text = (
                f"case '{name}' has spacing [{got}] mm, most have [{shown}]; set data.spacing_mm=[{shown}] for all, or "
                "data.from_plan=true"
            )
            findings.append(Finding("cases with another spacing", name, text))
    return findings


def _find_usual(values: Iterable[Any]) -> Any:
    """The most common value; None if there is none."""
    return next((value for value, _ in Counter(values).most_common(1)), None)
