"""All health checks, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Sequence

from paretoseg.search.health.baseline import Baseline
from paretoseg.search.health.check import Check, Evidence, Finding
from paretoseg.search.health.edges import Edges
from paretoseg.search.health.failures import Failures
from paretoseg.search.health.models import Models
from paretoseg.search.health.repeats import Repeats
from paretoseg.search.health.stopping import EarlyStopping

CHECKS: Sequence[Check] = (Baseline(), Models(), Edges(), Failures(), Repeats(), EarlyStopping())


def look_at(evidence: Evidence) -> list[Finding]:
    """What every check finds."""
    return [check.look(evidence) for check in CHECKS]
