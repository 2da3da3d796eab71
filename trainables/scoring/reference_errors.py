"""The errors of a reference network, by which the mean corruption error divides. Free of torch.

A study keeps them in its config, so that it never needs the reference again:

    corruptions:
      gaussian_blur: {2: 0.125, 4: 0.25}
    shifts:
      fluo_520: 0.31
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from paretoseg.trainables.scoring.robustness_kinds import ErrorTable, Robustness
from paretoseg.trainables.trainable import CLEAN, Condition

_HOW = "task.reference=STUDY/cases/trial-00000-validation.parquet"


@dataclass
class ReferenceErrors:
    """1 - the mean score of a reference network, as part of a config; empty if there is none."""

    corruptions: dict[str, dict[int, float]] = field(default_factory=dict)
    """By corruption and severity."""

    shifts: dict[str, float] = field(default_factory=dict)
    """By shift set."""

    def __post_init__(self) -> None:
        for condition, error in self.table.items():
            if not 0.0 <= error <= 1.0:
                raise ValueError(f"task.reference_errors must lie in 0..1, got {error:g} for {condition.describe()}")

    @classmethod
    def of(cls, errors: ErrorTable) -> ReferenceErrors:
        """The errors of a table."""
        found = cls()
        for condition, error in errors.items():
            if condition.shift:
                found.shifts[condition.shift] = error
            else:
                found.corruptions.setdefault(condition.corruption, {})[condition.severity] = error
        return found

    @property
    def table(self) -> dict[Condition, float]:
        """The errors by condition, in alphabetical order."""
        errors = {Condition(CLEAN, 0, shift): error for shift, error in self.shifts.items()}
        for corruption, by_severity in self.corruptions.items():
            errors |= {Condition(corruption, severity): error for severity, error in by_severity.items()}
        return dict(sorted(errors.items()))


def parse_errors(lines: Iterable[str]) -> dict[Condition, float]:
    """The errors in lines of text, as older studies have them: 'gaussian_blur 2: 0.125', 'shift fluo_520: 0.31'.

    Raises:
        ValueError: for a line of another form.
    """
    return dict(_parse(line) for line in lines)


def check_errors(kind: Robustness, errors: ErrorTable, conditions: Sequence[Condition]) -> list[str]:
    """Everything that is wrong with the errors of a reference, one line each.

    Args:
        kind: The kind of robustness.
        errors: The known errors; empty if no reference was named.
        conditions: What counts towards robustness.
    """
    if kind is not Robustness.mean_corruption_error:
        return ["task.reference is only for task.robustness=mean_corruption_error; leave it out"] if errors else []
    if not errors:
        return [
            "task.robustness=mean_corruption_error divides by the errors of a reference network; name the file of its "
            f"rows, such as {_HOW}"
        ]
    missing = [condition.describe() for condition in conditions if condition not in errors]
    if missing:
        return [
            f"the rows of task.reference must cover everything that counts, but lack {', '.join(missing)}; measure "
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
    if not colon:
        raise ValueError(f"a line must read like 'gaussian_blur 2: 0.125', got {line!r}")
    return condition, error
