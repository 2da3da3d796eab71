"""Whether the models that choose candidates know anything."""

from __future__ import annotations

from paretoseg.search.health.check import Check, Evidence, Finding, Verdict

LEAST_RESULTS = 12
"""With fewer candidates models know little, and that is no fault."""


class Models(Check):
    """Whether the models of `strategy=surrogate` predict a candidate better than the mean of the others does.

    At the last fit, leaving one candidate out at a time. Passes if they do for every objective, warns if not for one,
    fails if for none. Unknown with fewer than 12 candidates, and for strategies without models.
    """

    name = "models"

    def look(self, evidence: Evidence) -> Finding:
        """Looks at what the last fit explains."""
        fits = evidence.record.fits
        explained = fits[max(fits)].explained if fits else {}
        if not explained or len(evidence.record.results) < LEAST_RESULTS:
            return self.say(Verdict.UNKNOWN, f"needs strategy=surrogate and {LEAST_RESULTS} candidates")
        shown = ", ".join(f"{name} {share:.0%}" for name, share in explained.items())
        text = f"of the variance, models predict from other candidates: {shown}"
        num_wrong = sum(share <= 0.0 for share in explained.values())
        if not num_wrong:
            return self.say(Verdict.PASS, text)
        remedy = "search longer; if this stays, strategy=nsga2 needs no models"
        return self.say(Verdict.FAIL if num_wrong == len(explained) else Verdict.WARN, text, remedy)
