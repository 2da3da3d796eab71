"""What the reference network of a calibration loses under a study's battery, before any trial has run. Free of torch.

A battery that costs it next to nothing measures accuracy once more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from paretoseg.trainables.scoring.measures import DICE, POINTS
from paretoseg.trainables.scoring.objectives import RobustnessOver, RobustnessRule
from paretoseg.trainables.scoring.robustness_kinds import Robustness
from paretoseg.trainables.severities.calibration import Calibration
from paretoseg.trainables.severities.levels import SeverityTable
from paretoseg.trainables.trainable import CaseScore, Condition


def predict_loss(
    calibration: Calibration, conditions: Iterable[Condition], strengths: SeverityTable, rule: RobustnessRule
) -> float | None:
    """Dice points that the reference network loses under the corruptions that count, averaged as robustness is.

    Args:
        calibration: Made with the same data.
        conditions: Those of the battery.
        strengths: Those of the battery.
        rule: Says what counts and how it is averaged; its kind of robustness does not matter.

    Returns:
        0 to 100; None if the calibration has none of the corruptions that count.
    """
    rule = replace(rule, kind=Robustness.weighted_mean, over=RobustnessOver.corruptions)
    known = [one for one in conditions if rule.counts(one) and one.corruption in calibration.corruptions]
    if not known:
        return None
    losses = {
        name: calibration.corruptions[name].predict_losses(strengths[name])
        for name in {one.corruption for one in known}
    }
    rows = [
        CaseScore("", "", one.corruption, one.severity, DICE.name, -losses[one.corruption][one.severity - 1] / POINTS)
        for one in known
    ]
    return -POINTS * rule.measure(rows, DICE.name)


def describe_harmless(loss: float, least: float, calibrate: str) -> str:
    """The reason to refuse a battery under which the reference network loses too little, with the ways out.

    Args:
        loss: Dice points, from `predict_loss`.
        least: What it must lose.
        calibrate: The command that calibrates this data.
    """
    return (
        f"the reference network loses only {loss:.1f} Dice points under what counts of this battery, less than "
        f"task.least_loss={least:g}, so robustness would be accuracy once more; take stronger severities "
        f"(task.severities=[3,5]), calibrated strengths (`{calibrate}`, and no task.strengths), other corruptions, or "
        "task.least_loss=0"
    )


def describe_unknown(calibrate: str) -> str:
    """A note that nobody has measured how much harm the battery does."""
    return (
        "how many Dice points the battery costs is not known, because no calibration of this data is in use; "
        f"`{calibrate}` measures it"
    )
