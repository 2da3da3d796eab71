"""Which candidates are confirmed when a search is over: trained with all seeds and measured on test cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from paretoseg.search.fronts.front import Front

LEAST_SEEDS = 3
"""The smallest number of seeds that two candidates have in common for a verdict on them."""


@dataclass(frozen=True)
class Chosen:
    """A candidate that is to be confirmed."""

    number: int
    probability: float | None
    """Of being on the front, by the validation cases; None if it is not known."""


def choose_front(front: Front) -> list[Chosen]:
    """The members of the front, the ends first, as nothing is known of how sure they are."""
    members = [result.number for result in front.results]
    return [Chosen(number, None) for number in [*members[:1], *members[-1:], *members[1:-1]]][: len(members)]


def choose_likely(probabilities: Mapping[int, float], least: float) -> list[Chosen]:
    """The candidates that may well be on the front, the likeliest first.

    Args:
        probabilities: By number, of being on the front.
        least: Those below are left out; the likeliest is always taken.
    """
    ordered = sorted(probabilities.items(), key=lambda item: (-item[1], item[0]))
    return [Chosen(*item) for place, item in enumerate(ordered) if place == 0 or item[1] >= least]
