"""Whether too many trials fail."""

from __future__ import annotations

from collections import Counter

from paretoseg.search.health.check import Check, Evidence, Finding, Verdict
from paretoseg.search.trials.trial import FailureKind, State

LEAST_ENDED = 5
WARN_FROM, FAIL_FROM = 0.1, 0.3

_REMEDIES = {
    FailureKind.MEMORY: "give trials more memory (resources.gpus), or narrow space.width and space.patch",
    FailureKind.TIMEOUT: "raise resources.timeout_min, or train for fewer iterations",
    FailureKind.NAN: "narrow space.learning_rate from above",
    FailureKind.LOST: "look at why machines or workers die; `paretoseg status` shows the last reasons",
    FailureKind.ERROR: "read the last reasons in `paretoseg status`; tracebacks are in the journal",
}


class Failures(Check):
    """The share of the trials that ended which have failed.

    Passes below 10 percent, warns from there, and fails from 30 percent on. Unknown before five trials have ended.
    """

    name = "failed trials"

    def look(self, evidence: Evidence) -> Finding:
        """Counts the failures, and names the remedy for the most frequent kind."""
        ended = [trial for trial in evidence.record.trials if trial.state is not State.RUNNING]
        if len(ended) < LEAST_ENDED:
            return self.say(Verdict.UNKNOWN, f"needs {LEAST_ENDED} trials that ended")
        kinds = Counter(trial.failure.kind for trial in ended if trial.failure is not None)
        share = kinds.total() / len(ended)
        text = f"{kinds.total()} of {len(ended)} failed ({share:.0%})"
        if share < WARN_FROM:
            return self.say(Verdict.PASS, text)
        kind = kinds.most_common(1)[0][0]
        verdict = Verdict.WARN if share < FAIL_FROM else Verdict.FAIL
        return self.say(verdict, f"{text}, most of them by {kind.value}", _REMEDIES[kind])
