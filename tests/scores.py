"""Both usual objectives from rows of cases, as a trial measures them."""

from __future__ import annotations

from collections.abc import Sequence

from paretoseg.spaces.objective import Measurement
from paretoseg.spaces.objective_choice import USUAL
from paretoseg.trainables.scoring.measures import Measure
from paretoseg.trainables.scoring.objectives import RobustnessRule
from paretoseg.trainables.scoring.score_objectives import measure_scores
from paretoseg.trainables.trainable import CaseScore


def summarise(rows: Sequence[CaseScore], measure: Measure, rule: RobustnessRule | None = None) -> Measurement:
    """Accuracy and robustness in terms of a measure."""
    return Measurement(measure_scores(rows, USUAL, measure.name, rule or RobustnessRule()))
