"""Whether the best networks crowd at the end of a range, beyond which better ones may lie."""

from __future__ import annotations

from collections.abc import Sequence

from paretoseg.search.health.check import Check, Evidence, Finding, Verdict
from paretoseg.spaces.domain import Choice, Domain
from paretoseg.spaces.search_space import DIMENSIONS, Candidate

LEAST_RESULTS = 20
"""Fewer candidates do not show where the others lie."""

LEAST_MEMBERS = 3
"""Fewer members of a front may share a value by chance."""

NEAR = 0.05
"""A number is at the end of its range if it lies in the last so much of it, on the scale of the range."""

LEVEL = 0.01
"""How rare the crowd must be among all candidates, for each end of each dimension."""


class Edges(Check):
    """Whether most of the front lies at one end of the searched range of a number.

    Warns for every such end if so many members there are rare by chance (binomial, p <= 0.01, with the share of the
    other candidates there). Passes if there is none. Unknown with fewer than 20 candidates, or 3 on the front.
    """

    name = "optimum at the edge"

    def look(self, evidence: Evidence) -> Finding:
        """Looks at both ends of every dimension that is a number."""
        record, space = evidence.record, evidence.space
        results = [result for result in record.results if result.candidate not in record.created.baselines]
        members = {result.candidate for result in record.front.results}.difference(record.created.baselines)
        others = [result.candidate for result in results if result.candidate not in members]
        if space is None or len(results) < LEAST_RESULTS or len(members) < LEAST_MEMBERS:
            text = f"needs the space, {LEAST_RESULTS} candidates, and {LEAST_MEMBERS} of them on the front"
            return self.say(Verdict.UNKNOWN, text)
        crowded = [
            (name, domain, is_high)
            for name, domain in space.searched.items()
            if not isinstance(domain, Choice)
            for is_high in (False, True)
            if self._is_crowded(name, domain, list(members), others, is_high=is_high)
        ]
        if not crowded:
            return self.say(Verdict.PASS, "no number crowds at an end of its range")
        named = ", ".join(f"{name} at {_find_end(domain, is_high)}" for name, domain, is_high in crowded)
        wider = [
            name
            for name, domain, is_high in crowded
            if _find_end(DIMENSIONS[name], is_high) != _find_end(domain, is_high)
        ]
        remedy = f"widen {', '.join(f'space.{name}' for name in wider)} in a new study" if wider else ""
        return self.say(Verdict.WARN, f"most of the front lies at the end of a range: {named}", remedy)

    def _is_crowded(
        self, name: str, domain: Domain, members: Sequence[Candidate], others: Sequence[Candidate], *, is_high: bool
    ) -> bool:
        there, elsewhere = (
            [_is_near(candidate, name, domain, is_high=is_high) for candidate in group] for group in (members, others)
        )
        count = sum(there)
        share = (sum(elsewhere) + 1) / (len(elsewhere) + 2)
        return 2 * count > len(there) and _at_least(count, len(there), share) <= LEVEL


def _at_least(count: int, num_draws: int, share: float) -> float:
    """The probability of so many successes or more in independent draws."""
    from scipy.special import bdtrc  # late: a look at a small study does without, and its import takes long

    return float(bdtrc(count - 1, num_draws, share))


def _is_near(candidate: Candidate, name: str, domain: Domain, *, is_high: bool) -> bool:
    value = candidate.as_dict()[name]
    if not domain.contains(value):
        return False
    end = 1.0 if is_high else 0.0
    return value == domain.from_unit(end) or abs(domain.to_unit(value) - end) <= NEAR


def _find_end(domain: Domain, is_high: bool) -> object:
    return domain.from_unit(1.0 if is_high else 0.0)
