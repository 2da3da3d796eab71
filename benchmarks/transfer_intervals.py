"""Coverage of intervals for the gain of an augmentation, over seeds and subjects, by simulation.

A table of paired differences is drawn: an effect of every seed, of every subject, and of the pair. The true gain is 0.
Printed is how often an interval holds it, nominally .95, for the interval of `paretoseg.trainables.transfer.gains` and
two others; and how often the true gain is not above the upper bound, nominally .975, which decides what is held out.

    python benchmarks/transfer_intervals.py
"""

from __future__ import annotations

import itertools

import numpy as np
from results import record
from scipy.special import stdtrit

from paretoseg.trainables.transfer.gains import estimate_gain

TABLES, BOOTSTRAPS = 2000, 300
SPREADS = {"seeds": (1.0, 0.3, 0.3), "subjects": (0.3, 1.0, 0.3), "mixed": (1.0, 2.0, 1.0), "rest": (0.3, 0.3, 1.0)}
"""What varies most: standard deviations of the effects of seeds, subjects and pairs."""


_TEXT = (
    "Simulated tables of paired differences: 4 to 16 subjects, normal or with a long lower tail, and four shares "
    "of chance in seeds, subjects and both; 2000 tables for ours, 400 for the others "
    "(`benchmarks/transfer_intervals.py`). Shown is the lowest coverage of these 32 cases."
)


def draw_tables(
    shape: tuple[int, int], spread: tuple[float, float, float], generator: np.random.Generator, *, skewed: bool
) -> np.ndarray:
    """Tables of differences, shape (TABLES, seeds, subjects); skewed subjects have a long lower tail, as Dice has."""
    num_seeds, num_subjects = shape
    subjects = generator.normal(size=(TABLES, 1, num_subjects))
    if skewed:
        subjects = 1.0 - generator.exponential(size=(TABLES, 1, num_subjects))
    seeds = generator.normal(size=(TABLES, num_seeds, 1))
    rest = generator.normal(size=(TABLES, *shape))
    return spread[0] * seeds + spread[1] * subjects + spread[2] * rest


def bound_seeds(table: np.ndarray, _: np.random.Generator) -> tuple[float, float]:
    """A t interval over the means of seeds alone."""
    means = table.mean(axis=1)
    half = float(stdtrit(means.size - 1, 0.975)) * means.std(ddof=1) / means.size**0.5
    return means.mean() - half, means.mean() + half


def bootstrap(table: np.ndarray, generator: np.random.Generator) -> tuple[float, float]:
    """A percentile bootstrap over seeds and subjects."""
    weights = [generator.multinomial(n, np.full(n, 1 / n), size=BOOTSTRAPS) / n for n in table.shape]
    low, high = np.quantile(np.einsum("bs,sj,bj->b", weights[0], table, weights[1]), [0.025, 0.975])
    return float(low), float(high)


def ours(table: np.ndarray, _: np.random.Generator) -> tuple[float, float]:
    """The interval of the transfer matrix."""
    gain = estimate_gain(table)
    return gain.low, gain.high


def main() -> None:
    """Prints a row for every case, and the lowest coverage by number of seeds."""
    generator = np.random.default_rng(0)
    methods = {"ours": ours, "t over seeds": bound_seeds, "bootstrap": bootstrap}
    lowest: dict[tuple[int, str], list[float]] = {}
    for num_seeds, num_subjects, skewed in itertools.product((2, 3, 5), (4, 8, 12, 16), (False, True)):
        for spread, values in SPREADS.items():
            tables = draw_tables((num_seeds, num_subjects), values, generator, skewed=skewed)
            cells = []
            for name, method in methods.items():
                bounds = np.array([method(table, generator) for table in tables[: TABLES if name == "ours" else 400]])
                inside = (bounds[:, 0] <= 0) & (bounds[:, 1] >= 0)
                shares = [float(inside.mean()), float((bounds[:, 1] >= 0).mean())]
                found = lowest.setdefault((num_seeds, name), shares)
                lowest[num_seeds, name] = [min(pair) for pair in zip(found, shares, strict=True)]
                cells.append(f"{name} {shares[0]:.3f} ({shares[1]:.3f})")
            shape = "skewed" if skewed else "normal"
            print(f"{num_seeds} seeds, {num_subjects:2} subjects, {shape}, most by {spread}: {'; '.join(cells)}")
    rows = [["lowest coverage", "seeds", "interval (nominal .950)", "upper bound (nominal .975)"]]
    rows += [
        [name, str(num_seeds), f"{inside:.3f}", f"{below:.3f}"] for (num_seeds, name), (inside, below) in lowest.items()
    ]
    print(record("Intervals of transfer matrices", _TEXT, rows))


if __name__ == "__main__":
    main()
