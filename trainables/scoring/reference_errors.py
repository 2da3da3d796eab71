"""The errors of a reference network, which the mean corruption error divides by. Free of torch.

A study keeps them in its config, a line a condition, so that it never needs the reference again:

    gaussian_blur 2: 0.125
    shift fluo_520: 0.31
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from paretoseg.trainables.scoring.battery import Condition
from paretoseg.trainables.scoring.robustness_kinds import ErrorTable, Robustness
from paretoseg.trainables.trainable import CLEAN

_HOW = "task.reference=STUDY/cases/trial-00000-validation.parquet"


def format_errors(errors: ErrorTable) -> list[str]:
    """A line a condition, which reads back to the very same numbers."""
    return [f"{Condition(*key).describe()}: {error!r}" for key, error in errors.items()]


def parse_errors(lines: Iterable[str]) -> dict[tuple[str, int, str], float]:
    """The errors by corruption, severity and shift set.

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
    keys = [(condition.corruption, condition.severity, condition.shift) for condition in conditions]
    missing = [condition.describe() for condition, key in zip(conditions, keys, strict=True) if key not in errors]
    if missing:
        return [
            f"the rows of task.reference must hold everything that counts, but they lack {', '.join(missing)}; measure "
            "the reference with the same task.corruptions, task.severities and data.shift, as `paretoseg rescore` does"
        ]
    changes = {(corruption, shift) for corruption, _, shift in keys}
    sums = {change: sum(errors[key] for key in keys if (key[0], key[2]) == change) for change in changes}
    perfect = sorted(shift or corruption for (corruption, shift), total in sums.items() if total == 0.0)
    if perfect:
        return [f"the network of task.reference makes no error under {', '.join(perfect)}; name a weaker one"]
    return []


def _parse(line: str) -> tuple[tuple[str, int, str], float]:
    where, colon, number = line.rpartition(":")
    kind, _, rest = where.partition(" ")
    try:
        key = (CLEAN, 0, rest) if kind == "shift" else (kind, int(rest), "")
        error = float(number)
    except ValueError:
        colon = ""
    if not colon or not 0.0 <= error <= 1.0 or math.isnan(error):
        raise ValueError(f"a line of task.reference_errors reads 'gaussian_blur 2: 0.125', got {line!r}")
    return key, error
