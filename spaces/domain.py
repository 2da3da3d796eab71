"""The values of one dimension of the search space, and their encoding in the unit interval.

Every domain maps its values to the unit interval and back, so that samplers, genetic operators and surrogates see the
same numbers. `Float` is continuous there. `Int` and `Choice` divide it into equal cells; a value maps to the middle of
its cell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

Value = bool | int | float | str
"""A value of a dimension: plain, hashable, and the same in JSON, YAML and Parquet."""


@runtime_checkable
class Domain(Protocol):
    """The values that one dimension may take. All implementations are frozen and hashable."""

    def contains(self, value: object) -> bool:
        """True if `value` is of the right type and allowed."""
        ...

    def to_unit(self, value: Value) -> float:
        """The position of `value` in [0, 1]. Raises ValueError if the domain does not contain it."""
        ...

    def from_unit(self, unit: float) -> Value:
        """The value at position `unit`, which is clipped to [0, 1] first. Inverse of `to_unit`."""
        ...

    def neighbours(self, value: Value) -> tuple[Value, ...]:
        """The values one step away, in ascending order; all other options of a Choice."""
        ...

    def restrict(self, requested: object) -> Domain:
        """The part of this domain that a user asks for.

        Raises:
            ValueError: if it is not inside this domain; the message lists the allowed values.
        """
        ...

    def describe(self) -> str:
        """The allowed values in words for messages, such as '2..6' or 'none, concatenation'."""
        ...


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _pair(requested: object, domain: Domain) -> tuple[object, object]:
    """The lower and upper bound that a user asks for: one value for both, or a list of exactly two."""
    if not isinstance(requested, list | tuple):
        return requested, requested
    if len(requested) != 2:
        raise ValueError(f"needs one value or [low, high] within {domain.describe()}, got {list(requested)}")
    low, high = requested
    if _is_number(low) and _is_number(high) and low > high:
        raise ValueError(f"needs its lower end first, as [{high},{low}], got [{low},{high}]")
    return low, high


@dataclass(frozen=True)
class Float:
    """A continuous dimension in [low, high]; with `log`, uniform in the logarithm.

    Raises:
        ValueError: if low > high, or log is asked for and low <= 0.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"`low <= high` must hold, but got (low={self.low}, high={self.high})")
        if self.log and self.low <= 0:
            raise ValueError(f"`low > 0` must hold for a logarithmic range, but got (low={self.low})")

    def contains(self, value: object) -> bool:
        """True for a finite number in [low, high]."""
        return _is_number(value) and self.low <= float(value) <= self.high  # type: ignore[arg-type]

    def to_unit(self, value: Value) -> float:
        """The position of `value` in [0, 1], linear or logarithmic. Raises ValueError if it is outside the range."""
        if not self.contains(value):
            raise ValueError(f"must lie in {self.describe()}, got {value!r}")
        if self.low == self.high:
            return 0.5
        low, high, place = self._scale(self.low), self._scale(self.high), self._scale(float(value))
        return min(max((place - low) / (high - low), 0.0), 1.0)

    def from_unit(self, unit: float) -> float:
        """The number at `unit`, rounded to four significant digits and clipped to the bounds."""
        low, high = self._scale(self.low), self._scale(self.high)
        place = low + (high - low) * min(max(unit, 0.0), 1.0)
        rounded = float(f"{math.exp(place) if self.log else place:.4g}")
        return min(max(rounded, self.low), self.high)

    def neighbours(self, value: Value) -> tuple[float, ...]:
        """The numbers a tenth of the range below and above, clipped to the domain; ascending."""
        unit = self.to_unit(value)
        if self.low == self.high:
            return ()
        return tuple(self.from_unit(place) for place in (unit - 0.1, unit + 0.1) if 0.0 <= place <= 1.0)

    def restrict(self, requested: object) -> Float:
        """`0.5` fixes the dimension, `[0.1, 0.5]` narrows it. Raises ValueError for bounds outside the domain."""
        low, high = _pair(requested, self)
        for bound in (low, high):
            if not self.contains(bound):
                raise ValueError(f"must lie in {self.describe()}, got {bound!r}")
        return Float(float(low), float(high), log=self.log)  # type: ignore[arg-type]

    def describe(self) -> str:
        """The range as text, such as '2..6'."""
        return f"{self.low:g}..{self.high:g}"

    def _scale(self, value: float) -> float:
        return math.log(value) if self.log else value


@dataclass(frozen=True)
class Int:
    """A whole number in low..high, both included, that differs from `low` by a multiple of `step`.

    Raises:
        ValueError: if low > high, the step is below 1, or no number of steps leads from low to high.
    """

    low: int
    high: int
    step: int = 1

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"`low <= high` must hold, but got (low={self.low}, high={self.high})")
        if self.step < 1 or (self.high - self.low) % self.step:
            raise ValueError(f"`step` must lead from {self.low} to {self.high}, but got (step={self.step})")

    def contains(self, value: object) -> bool:
        """True for a whole number on the grid."""
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return is_whole and self.low <= value <= self.high and (value - self.low) % self.step == 0  # type: ignore[operator]

    def to_unit(self, value: Value) -> float:
        """The middle of the value's cell, in (0, 1). Raises ValueError if the value is not contained."""
        if not self.contains(value):
            raise ValueError(f"must lie in {self.describe()}, got {value!r}")
        return ((int(value) - self.low) // self.step + 0.5) / self.num_values

    def from_unit(self, unit: float) -> int:
        """The value whose cell contains `unit`."""
        cell = min(int(min(max(unit, 0.0), 1.0) * self.num_values), self.num_values - 1)
        return self.low + cell * self.step

    def neighbours(self, value: Value) -> tuple[int, ...]:
        """The values one step below and above, where contained. Raises ValueError if `value` is not contained."""
        if not self.contains(value):
            raise ValueError(f"must lie in {self.describe()}, got {value!r}")
        return tuple(near for near in (int(value) - self.step, int(value) + self.step) if self.contains(near))

    def restrict(self, requested: object) -> Int:
        """`3` fixes the dimension, `[2, 4]` narrows it. Raises ValueError for bounds outside the domain."""
        low, high = _pair(requested, self)
        for bound in (low, high):
            if not self.contains(bound):
                raise ValueError(f"must lie in {self.describe()}, got {bound!r}")
        return Int(low, high, step=self.step)  # type: ignore[arg-type]

    def describe(self) -> str:
        """The range as text, such as '2..6'."""
        return f"{self.low}..{self.high}" + (f" in steps of {self.step}" if self.step > 1 else "")

    @property
    def num_values(self) -> int:
        """How many values there are."""
        return (self.high - self.low) // self.step + 1


@dataclass(frozen=True)
class Choice:
    """One of several named options; their order has no meaning.

    Raises:
        ValueError: if there is no option, or one is listed twice.
    """

    options: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.options or len(set(self.options)) != len(self.options):
            raise ValueError(f"options must be distinct and at least one, but got {self.options}")

    def contains(self, value: object) -> bool:
        """True for the name of an option."""
        return isinstance(value, str) and value in self.options

    def to_unit(self, value: Value) -> float:
        """The middle of the option's cell, in (0, 1). Raises ValueError for an unknown option."""
        if not self.contains(value):
            raise ValueError(f"must be one of {self.describe()}, got {value!r}")
        return (self.options.index(str(value)) + 0.5) / len(self.options)

    def from_unit(self, unit: float) -> str:
        """The option whose cell contains `unit`."""
        return self.options[min(int(min(max(unit, 0.0), 1.0) * len(self.options)), len(self.options) - 1)]

    def neighbours(self, value: Value) -> tuple[str, ...]:
        """All other options. Raises ValueError for an unknown option."""
        if not self.contains(value):
            raise ValueError(f"must be one of {self.describe()}, got {value!r}")
        return tuple(option for option in self.options if option != value)

    def restrict(self, requested: object) -> Choice:
        """`concatenation` fixes the dimension, `[none, concatenation]` narrows it; raises ValueError for others."""
        requests = list(requested) if isinstance(requested, list | tuple) else [requested]
        for option in requests:
            if not self.contains(option):
                raise ValueError(f"must be one of {self.describe()}, got {option!r}")
        return Choice(tuple(option for option in self.options if option in requests)) if requests else self._refuse()

    def describe(self) -> str:
        """The options as text, separated by commas."""
        return ", ".join(self.options)

    def _refuse(self) -> Choice:
        raise ValueError(f"needs at least one of {self.describe()}, got []")


def list_values(domain: Domain) -> list[Value]:
    """Every value of a domain, in ascending order or that of its options.

    Raises:
        ValueError: if it is continuous.
    """
    match domain:
        case Int():
            return list(range(domain.low, domain.high + 1, domain.step))
        case Choice():
            return list(domain.options)
        case Float() if domain.low == domain.high:
            return [domain.low]
        case _:
            raise ValueError("a continuous dimension has no list of values")


def find_nearest(domain: Domain, full: Domain, wanted: Value) -> Value:
    """The bound of a narrowed domain nearest to a value of the full one; the first option of a choice."""
    if isinstance(domain, Choice):
        return domain.options[0]
    ends = (domain.from_unit(0.0), domain.from_unit(1.0))
    return min(ends, key=lambda end: abs(full.to_unit(end) - full.to_unit(wanted)))


def name_switch(requested: object) -> object:
    """What a user asks for, with `on` and `off` in place of true and false, as which YAML reads them; in lists too."""
    if isinstance(requested, list | tuple):
        return [name_switch(item) for item in requested]
    return ("on" if requested else "off") if isinstance(requested, bool) else requested
