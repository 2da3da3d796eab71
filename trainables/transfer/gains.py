"""How much a kind of augmentation gains, with an interval over seeds and subjects. Free of torch.

Every seed trains a network with and one without the kind, and both are measured on the same subjects. So the paired
differences form a table of seeds by subjects, in which both are random and crossed: chance in the training moves a
whole row, chance in the choice of subjects a whole column. The interval is a t interval whose variance is the sum of
the variance of row means over the number of rows, and of column means over the number of columns. The two contain
the rest of the table twice, which makes the interval slightly too wide. Its degrees of freedom are Satterthwaite's
(Biometrics Bulletin 1946).

A percentile bootstrap over seeds and subjects is too narrow: with three seeds it covers as little as 70 percent in the
simulations of `benchmarks/transfer_intervals.py`, this interval at least 92 percent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

COVERAGE = 0.95
"""Nominal coverage of an interval, two-sided."""

LEAST_SEEDS = LEAST_SUBJECTS = 2
"""The smallest numbers that have a variance."""


@dataclass(frozen=True)
class Gain:
    """The gain of one kind of augmentation under one corruption, in Dice points (0.01 Dice); higher is better."""

    points: float
    """The mean over seeds and subjects."""

    low: float
    high: float
    """The bounds of the 95 percent interval."""

    by_seed: tuple[float, ...] = ()
    """The mean over subjects of every seed."""


def estimate_gain(differences: Float[np.ndarray, "seeds subjects"]) -> Gain:
    """The mean of paired differences with its interval, in their unit.

    Args:
        differences: With the kind minus without it; at least two seeds and two subjects, none NaN.
    """
    by_seed, by_subject = differences.mean(axis=1), differences.mean(axis=0)
    variances = [float(means.var(ddof=1)) / means.size for means in (by_seed, by_subject)]
    freedom = [by_seed.size - 1, by_subject.size - 1]
    total, mean = sum(variances), float(by_seed.mean())
    half = 0.0
    if total > 0.0:
        from scipy.special import stdtrit  # late: composing a config does not need it

        satterthwaite = total**2 / sum(part**2 / free for part, free in zip(variances, freedom, strict=True))
        half = float(stdtrit(satterthwaite, (1.0 + COVERAGE) / 2.0)) * math.sqrt(total)
    return Gain(mean, mean - half, mean + half, tuple(map(float, by_seed)))
