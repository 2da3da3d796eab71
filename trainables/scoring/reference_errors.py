"""The errors of a reference network, which the mean corruption error divides by. Free of torch.

A study keeps them in its config, a line a condition, so that it never needs the reference again:

    gaussian_blur 2: 0.125
    shift fluo_520: 0.31
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from paretoseg.trainables.scoring.robustness_kinds import ErrorTable, Robustness
from paretoseg.trainables.trainable import CLEAN, Condition

_HOW = "task.reference=STUDY/cases/trial-00000-validation.parquet"


def format_errors(errors: ErrorTable) -> list[str]:
    """A line a condition, which reads back to the very same numbers."""
    return [f"{condition.describe()}: {error!r}" for condition, error in errors.items()]


def parse_errors(lines: Iterable[str]) -> dict[Condition, float]:
    """The errors by condition.

    Raises:
        ValueError: for a line that does not read so, or an error outside 0..1.
    """
    return dict(_parse(line) for line in lines)


def check_errors(kind: Robustness, errors: ErrorTable, conditions: Sequence[Condition]) -> list[str]:
    """Everything that is wrong with the errors of a reference, a line each.

    Args:
        kind: How robustness is made.
        errors: Those that are known; none if no reference was named.
        conditions: What counts towards robustness.
    """
    if kind is not Robustness.mean_corruption_error:
        return ["task.reference is for task.robustness=mean_corruption_error alone; leave it out"] if errors else []
    if not errors:
        return [
            "task.robustness=mean_corruption_error divides by the errors of a reference network; name the file of its "
            f"rows, such as {_HOW}"
        ]
    missing = [condition.describe() for condition in conditions if condition not in errors]
    if missing:
        return [
            f"the rows of task.reference must hold everything that counts, but they lack {', '.join(missing)}; measure "
            "the reference with the same task.corruptions, task.severities and data.shift, as `paretoseg rescore` does"
        ]
    sums = dict.fromkeys((condition.change for condition in conditions), 0.0)
    for condition in conditions:
        sums[condition.change] += errors[condition]
    perfect = sorted(change.shift or change.corruption for change, total in sums.items() if total == 0.0)
    if perfect:
        return [f"the network of task.reference makes no error under {', '.join(perfect)}; name a weaker one"]
    return []


def _parse(line: str) -> tuple[Condition, float]:
    where, colon, number = line.rpartition(":")
    kind, _, rest = where.partition(" ")
    try:
        condition = Condition(CLEAN, 0, rest) if kind == "shift" else Condition(kind, int(rest))
        error = float(number)
    except ValueError:
        colon = ""
    if not colon or not 0.0 <= error <= 1.0 or math.isnan(error):
        raise ValueError(f"a line of task.reference_errors reads 'gaussian_blur 2: 0.125', got {line!r}")
    return condition, error
