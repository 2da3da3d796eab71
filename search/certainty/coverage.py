"""How often the intervals of `estimates` hold the truth, by the number of seeds and subjects, in simulations.

`benchmarks/certainty.py` measures it for means over subjects, and `benchmarks/tail_intervals.py` for a robustness that
looks at the worst cases alone; both write `coverage.json`.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

PATH = Path(__file__).parent / "coverage.json"
"""Coverage by kind, whether a variance is borrowed, number of seeds, and number of subjects."""

ENOUGH = 0.93
"""An interval that holds the truth at least this often needs no remark."""


class Kind(enum.Enum):
    """What an interval is of."""

    OBJECTIVE = "objective"
    DIFFERENCE = "difference"


def find_coverage(
    kind: Kind, num_seeds: int, num_subjects: int, is_borrowing: bool, *, is_tail: bool = False
) -> float | None:
    """How often the interval holds the truth, in [0, 1], where that is under `ENOUGH`; else None.

    Between the measured numbers of seeds and subjects, the next smaller ones count, or the smallest.

    Args:
        kind: What the interval is of.
        num_seeds: At least 1; at least 2 without borrowing.
        num_subjects: At least 2.
        is_borrowing: Whether the variance of seeds is pooled with that of other candidates.
        is_tail: Whether the objective looks at the worst cases alone; a mean otherwise.
    """
    by_seeds = _read("tails" if is_tail else "means")[kind.value]["borrowed" if is_borrowing else "own"]
    by_subjects = by_seeds[_find_at_most(num_seeds, by_seeds)]
    coverage = by_subjects[_find_at_most(num_subjects, by_subjects)]
    return coverage if coverage < ENOUGH else None


def _find_at_most(number: int, measured: Mapping[int, object]) -> int:
    return max((one for one in measured if one <= number), default=min(measured))


@cache
def _read(of: str) -> dict[str, dict[str, dict[int, dict[int, float]]]]:
    content = json.loads(PATH.read_text())
    found = content["tails"]["coverage"] if of == "tails" else content["coverage"]
    return {
        kind: {
            source: {
                int(num_seeds): {int(num_subjects): value for num_subjects, value in by_subjects.items()}
                for num_seeds, by_subjects in by_seeds.items()
            }
            for source, by_seeds in by_source.items()
        }
        for kind, by_source in found.items()
    }
