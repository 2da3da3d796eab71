"""Crafted certainties of fronts, for the tests of what shows them."""

from __future__ import annotations

from collections.abc import Mapping

from paretoseg.search.certainty.certainty import Certainty, Evidence
from paretoseg.search.certainty.comparisons import Verdict
from paretoseg.search.certainty.estimates import Estimate, VariancePart

_PART = VariancePart(1e-4, 10.0)

Bounds = tuple[float, float]


def build_estimate(low: float, high: float, coverage: float | None = None) -> Estimate:
    """An estimate in the middle of its interval."""
    return Estimate((low + high) / 2, low, high, _PART, _PART, coverage)


def build_certainty(
    bounds: Mapping[int, Mapping[str, Bounds | None]],
    probabilities: Mapping[int, float] | None = None,
    **changes: object,
) -> Certainty:
    """A certainty with these intervals on validation cases, by candidate and objective."""
    estimates = {
        number: {name: build_estimate(*interval) if interval else None for name, interval in of_one.items()}
        for number, of_one in bounds.items()
    }
    values: dict[str, object] = {"selection": Evidence(probabilities, estimates), "test": Evidence(None, {})}
    return Certainty(**(values | changes))  # type: ignore[arg-type]


def build_verdicts(first: int, second: int, accuracy: Bounds, robustness: Bounds) -> tuple[Verdict, ...]:
    """The verdicts on a pair, each more than noise if its interval does not hold 0."""
    return tuple(
        Verdict(first, second, name, build_estimate(low, high), low, high, 0.01 if low > 0.0 or high < 0.0 else 0.5)
        for name, (low, high) in (("accuracy", accuracy), ("robustness", robustness))
    )
