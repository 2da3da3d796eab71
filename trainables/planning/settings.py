"""The preprocessing that a plan asks for, as far as the config of data in files can say it. Free of torch."""

from __future__ import annotations

from typing import Any

from paretoseg.trainables.data.preprocessing import Intensity
from paretoseg.trainables.planning.fingerprint import Fingerprint
from paretoseg.trainables.planning.plan import Plan

SCHEMES = {"zscore": Intensity.zscore, "range": Intensity.range}
"""What the plan calls a scaling, and the config."""


def suggest_settings(fingerprint: Fingerprint, plan: Plan) -> dict[str, Any]:
    """Settings of the data by key.

    The spacing is named even if all training cases have it, because others may not. A CT gets a window from its 0.5th
    to its 99.5th percentile; `zscore` clips at three standard deviations. Channels that are scaled in different ways
    are left alone, as the config scales all channels alike.
    """
    settings: dict[str, Any] = {"spacing_mm": [float(f"{edge:.6g}") for edge in plan.spacing_mm]}
    if plan.intensity == ("ct",):
        found = fingerprint.intensities[0]
        settings |= {
            "intensity": Intensity.window.value,
            "window": [float(f"{edge:.6g}") for edge in (found.low, found.high)],
        }
    elif len(set(plan.intensity)) == 1 and plan.intensity[0] in SCHEMES:
        settings["intensity"] = SCHEMES[plan.intensity[0]].value
    return settings
