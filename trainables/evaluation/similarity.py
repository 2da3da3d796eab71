"""How similar corrupted images are to the clean ones, whatever a network makes of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.evaluation.degrading import CaseBatch
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.trainable import CLEAN_CONDITION, Condition


def measure_similarity(
    cases: Sequence[Case], condition: Condition, battery: Battery, spacing_mm: Sequence[float]
) -> float:
    """The structural similarity (SSIM) of corrupted to clean images, the mean over cases; 1 for equal images.

    Images are compared as a network gets them, scaled to [0, 1]; what is cropped is 0. Gaussian window of 1.5 pixels,
    as in Wang et al., IEEE TIP 2004, in two or three dimensions; the mean over channels.

    Args:
        cases: At least one that the battery measures under the condition; edges of at least 11 pixels.
        condition: The condition of the corrupted images.
        battery: Draws, strengths and rules.
        spacing_mm: Of cases that are not from files.
    """
    from skimage.metrics import structural_similarity  # late, as it is needed for calibrations only

    values = []
    for case in battery.choose_cases(cases, condition):
        batch = CaseBatch([case], battery, spacing_mm, "cpu")
        clean, corrupted = (batch.degrade(one)[0].whole_image.numpy() for one in (CLEAN_CONDITION, condition))
        how = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        values.append(float(structural_similarity(clean, corrupted, data_range=1.0, channel_axis=0, **how)))
    return statistics.fmean(values)
