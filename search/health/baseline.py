"""Whether the search has gained anything over the default network."""

from __future__ import annotations

from paretoseg.search.candidates.result import Result
from paretoseg.search.fronts.dominance import find_nondominated
from paretoseg.search.health.check import Check, Evidence, Finding, Verdict
from paretoseg.spaces.objective import to_losses

LEAST_RESULTS = 10
"""Fewer candidates show little."""


class Baseline(Check):
    """Whether a candidate dominates the default one.

    Passes if one does. Warns if none does, but some trade one objective for another. Fails if the default candidate
    alone is on the front. Unknown without the default candidate, or with fewer than ten.
    """

    name = "gain over the default"

    def look(self, evidence: Evidence) -> Finding:
        """Compares the candidates with the default one."""
        results = evidence.record.results
        default = next((one for one in results if one.trials[0].origin == "default"), None)
        if default is None or len(results) < LEAST_RESULTS:
            return self.say(Verdict.UNKNOWN, f"needs the default candidate and {LEAST_RESULTS} sound ones")
        members = evidence.record.front.results
        if not members:
            return self.say(Verdict.FAIL, "no candidate meets the constraints", "loosen a bound, or search longer")
        if not default.is_feasible:
            text = f"{len(members)} on the front meet the constraints, which the default network breaks"
            return self.say(Verdict.PASS, text)
        better = [one for one in members if self._dominates(evidence, one, default)]
        if better:
            gains = ", ".join(
                f"{item.name} {better[0].objectives[item.name] - default.objectives[item.name]:+.3f}"
                for item in evidence.record.objectives
            )
            text = f"{len(better)} on the front dominate it; candidate {better[0].number}: {gains}"
            return self.say(Verdict.PASS, text)
        if len(members) > 1:
            return self.say(
                Verdict.WARN,
                "none dominates it; the front only trades one objective for another",
                "search longer, or open more dimensions (space.preset)",
            )
        return self.say(
            Verdict.FAIL,
            "the default network alone is on the front: nothing was gained",
            "open more dimensions (space.preset), train longer, or keep the default",
        )

    def _dominates(self, evidence: Evidence, one: Result, other: Result) -> bool:
        losses = to_losses(evidence.record.objectives, [one.objectives, other.objectives])
        return bool(find_nondominated(losses).tolist() == [True, False])
