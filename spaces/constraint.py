"""What a candidate must meet: an upper or a lower bound of a number, such as parameters<=5e6 or accuracy>=.8."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from paretoseg.spaces.suggestion import suggest

_TERM = re.compile(r"\s*(?P<name>[^\s<>=]+)\s*(?P<operator>>=|<=)\s*(?P<bound>[^\s<>=]+)\s*")
_EXAMPLE = 'a constraint reads name<=number or name>=number, as in constraints=["parameters<=5e6","accuracy>=.8"]'


@dataclass(frozen=True)
class Constraint:
    """A bound that an objective or a cost must keep, in the units of the tables."""

    name: str
    is_least: bool
    """True for `name>=bound`, False for `name<=bound`."""

    bound: float

    def __str__(self) -> str:
        short = f"{self.bound:g}"
        return f"{self.name}{'>=' if self.is_least else '<='}{short if float(short) == self.bound else self.bound}"

    def is_met(self, value: float) -> bool:
        """True if the value keeps the bound."""
        return value >= self.bound if self.is_least else value <= self.bound

    def measure_excess(self, value: float) -> float:
        """By how much a value breaks the bound, as a share of the size of the bound; 0 if it keeps it.

        A bound of 0 has no size: there, the excess is in the unit of the value.
        """
        excess = self.bound - value if self.is_least else value - self.bound
        return max(excess, 0.0) / (abs(self.bound) or 1.0)


def read_constraints(
    lines: Sequence[str], known: Collection[str], ranges: Mapping[str, tuple[float, float]] | None = None
) -> tuple[Constraint, ...]:
    """The constraints that a user typed, each once.

    Args:
        lines: Such as 'parameters<=5e6'.
        known: The names that may have a constraint.
        ranges: The least and the largest value that a number can have, by name, as far as they are known.

    Raises:
        ValueError: if one cannot be read or met, its name is unknown, or two contradict each other; in one line.
    """
    found = tuple(dict.fromkeys(_read(line, known) for line in lines))
    for item in found:
        low, high = (ranges or {}).get(item.name, (-math.inf, math.inf))
        if not item.is_met(high if item.is_least else low):
            where = f"lies in {low:g}..{high:g}" if math.isfinite(high) else f"is at least {low:g}"
            raise ValueError(f"the constraint {item} can never be met, as {item.name} {where}; change the bound")
    for upper in (item for item in found if not item.is_least):
        for lower in (item for item in found if item.is_least and item.name == upper.name):
            if lower.bound > upper.bound:
                raise ValueError(f"constraints {lower} and {upper} contradict each other; leave one of them out")
    return found


def read_kept(lines: Sequence[str]) -> tuple[Constraint, ...]:
    """The constraints that a journal keeps as text, each once.

    Raises:
        ValueError: if one cannot be read.
    """
    return tuple(dict.fromkeys(_read(line, ()) for line in lines))


def measure_violation(constraints: Sequence[Constraint], values: Mapping[str, float]) -> float:
    """The sum of the excesses over all constraints, 0 or more; 0 if all are met. Names without a value do not count.

    Source: the constraint violation of Deb et al., NSGA-II, IEEE TEC 6(2), 2002, section VI, with normalised excesses.
    """
    return sum((item.measure_excess(values[item.name]) for item in constraints if item.name in values), 0.0)


def find_broken(constraints: Sequence[Constraint], values: Mapping[str, float]) -> tuple[str, ...]:
    """The constraints that the values break, as text. Names without a value do not count."""
    return tuple(str(item) for item in constraints if item.name in values and not item.is_met(values[item.name]))


def _read(line: str, known: Collection[str]) -> Constraint:
    match = _TERM.fullmatch(line)
    if match is None:
        raise ValueError(f"cannot read the constraint {line!r}; {_EXAMPLE}")
    name = match["name"]
    if known and name not in known:
        raise ValueError(f"unknown name '{name}' in constraints; {suggest(name, known)}known: {', '.join(known)}")
    try:
        bound = float(match["bound"])
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise ValueError(f"the constraint {line!r} needs a finite number, got {match['bound']!r}")
    return Constraint(name, match["operator"] == ">=", bound)
