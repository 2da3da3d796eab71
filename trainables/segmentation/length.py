"""How long trainings are, in words. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Length(StrEnum):
    """How long a training is; lower-case names, as in the config."""

    auto = "auto"
    look = "look"
    short = "short"
    standard = "standard"
    full = "full"


ITERATIONS: Mapping[Length, int] = {
    Length.look: 200,
    Length.short: 2_000,
    Length.standard: 20_000,
    Length.full: 250_000,
}
"""Optimiser iterations of a training with batches of `task.pixels_per_batch`; the last is as many as nnU-Net's 1000
epochs of 250.
"""


def choose_length(gpus: float) -> Length:
    """What `auto` becomes in a new study: `standard` on a GPU, and a `look` on a CPU, which is tens of times slower."""
    return Length.standard if gpus else Length.look


def count_iterations(length: Length) -> int:
    """The iterations of a training; those of a look until `auto` is settled."""
    return ITERATIONS[Length.look if length is Length.auto else length]
