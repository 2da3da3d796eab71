"""Whether the search spends trials on what it has already."""

from __future__ import annotations

from paretoseg.search.health.check import Check, Evidence, Finding, Verdict
from paretoseg.search.trials.trial import State

LEAST_SEARCHED = 10
MOST_REPLICATES = 0.5
"""Share of further seeds from which on little is searched; confirm.replicates is 0.3 by default."""


class Repeats(Check):
    """Whether trials go to what is known already.

    Warns if more than half of the trials were further seeds of known candidates, or if different candidates under the
    same seed give exactly equal values: then a choice has no effect. Unknown before ten trials were started.
    """

    name = "repeated candidates"

    def look(self, evidence: Evidence) -> Finding:
        """Counts further seeds, and candidates that are alike."""
        record = evidence.record
        if record.num_searched < LEAST_SEARCHED:
            return self.say(Verdict.UNKNOWN, f"needs {LEAST_SEARCHED} trials")
        twins = self._find_twins(evidence)
        if twins:
            return self.say(
                Verdict.WARN,
                f"candidates {twins[0]} and {twins[1]} differ, but gave exactly the same values",
                "one of the choices in which they differ has no effect here; fix it with space.<dimension>=<value>",
            )
        share = record.num_replicates / record.num_searched
        text = f"{record.num_replicates} of {record.num_searched} trials were further seeds ({share:.0%})"
        if share <= MOST_REPLICATES:
            return self.say(Verdict.PASS, text)
        return self.say(Verdict.WARN, f"{text}: the space may be exhausted", "widen the space, or stop the search")

    def _find_twins(self, evidence: Evidence) -> tuple[int, int] | None:
        """Two trials of different candidates and the same seed whose objectives are all exactly equal."""
        first: dict[tuple[object, ...], tuple[int, object]] = {}
        for trial in evidence.record.trials:
            if trial.state is not State.FINISHED or trial.degenerate:
                continue
            known = first.setdefault((trial.seed, *trial.objectives.values()), (trial.trial_id, trial.candidate))
            if known[1] != trial.candidate:
                return known[0], trial.trial_id
        return None
