"""What some settings of the segmentation task choose between. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import TypeVar

_Value = TypeVar("_Value")


class Grid(StrEnum):
    """On which grid masks are scored; lower-case names, as in the config."""

    native = "native"
    prepared = "prepared"


class Geometry(StrEnum):
    """What patches, strides and kernels follow; lower-case names, as in the config."""

    spacing = "spacing"
    equal = "equal"


class BudgetBy(StrEnum):
    """What is equal for all trials of a study; lower-case names, as in the config."""

    voxels = "voxels"
    iterations = "iterations"
    flops = "flops"


class Precision(StrEnum):
    """The number format of training; lower-case names, as in the config."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"


def find_refused(values: Sequence[_Value], check: Callable[[_Value], None]) -> Iterator[str]:
    """The reasons for refused values, one for each."""
    for value in values:
        try:
            check(value)
        except ValueError as error:
            yield str(error)
