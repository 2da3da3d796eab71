"""Which cases the report shows, and how pictures and masks become parts of a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from skimage.measure import approximate_polygon, find_contours

from paretoseg.trainables.scoring.objectives import select_means
from paretoseg.trainables.trainable import CLEAN_CONDITION, CaseScore, Condition, Split

if TYPE_CHECKING:
    from paretoseg.trainables.segmentation.gallery import CasePicture, PictureKey, PredictionPicture

MAX_CASES = 3
"""A hard, a typical and an easy one."""


def choose_cases(scores: Sequence[Sequence[CaseScore]], metric: str) -> list[tuple[str, str]]:
    """Up to three cases, each with a label: the hardest, the median and the easiest on clean images.

    Args:
        scores: The rows of every member of the front.
        metric: The metric that decides, higher is better; the mean over members counts.

    Returns:
        (name of the case, its label), hardest first.
    """
    values: dict[str, list[float]] = {}
    for row in select_means((row for rows in scores for row in rows), metric):
        if row.is_clean:
            values.setdefault(row.case, []).append(row.value)
    ordered = sorted(values, key=lambda name: (float(np.mean(values[name])), name))
    if len(ordered) <= 1:
        return [(name, "the only case") for name in ordered]
    if len(ordered) == 2:
        return [(ordered[0], "harder case"), (ordered[1], "easier case")]
    return [(ordered[0], "hardest case"), (ordered[len(ordered) // 2], "median case"), (ordered[-1], "easiest case")]


def choose_conditions(rows: Sequence[CaseScore]) -> list[Condition]:
    """The clean image, then every corruption at the strongest severity that was measured, in the order of the rows."""
    strongest: dict[str, int] = {}
    for row in (row for row in rows if not row.shift):
        strongest[row.corruption] = max(row.severity, strongest.get(row.corruption, 0))
    chosen = [Condition(corruption, severity) for corruption, severity in strongest.items()]
    return sorted(chosen, key=lambda condition: condition != CLEAN_CONDITION)


def spread(trial_ids: Sequence[int], count: int) -> list[int]:
    """At most `count` trials, evenly over the front, both ends included."""
    if len(trial_ids) <= count:
        return list(trial_ids)
    return [trial_ids[place] for place in np.linspace(0, len(trial_ids) - 1, count).round().astype(int)]


def describe_pictures(
    cases: Sequence[tuple[str, str]],
    conditions: Sequence[Condition],
    scenes: Mapping[PictureKey, CasePicture],
    answers: Mapping[int, Mapping[PictureKey, PredictionPicture]],
    split: Split,
    class_names: Sequence[str],
) -> dict[str, Any]:
    """The pictures as plain JSON values: PNGs as data URIs, contours as SVG paths in pixels of the picture.

    Args:
        cases: Names and labels.
        conditions: The conditions that they are shown under.
        scenes: The images under each condition.
        answers: The predictions, by trial.
        split: The split that the cases are from.
        class_names: Names by label; the first is the background, which has no outline.
    """
    views = [[(name, condition) for condition in conditions] for name, _ in cases]
    return {
        "split": split.value,
        "classes": list(class_names[1:]),
        "cases": [{"name": name, "what": what} for name, what in cases],
        "conditions": [{"corruption": one.corruption, "severity": one.severity} for one in conditions],
        "scenes": [[_describe_scene(scenes[view], len(class_names)) for view in row] for row in views],
        "answers": {
            str(trial_id): [[_describe_answer(answer[view], len(class_names)) for view in row] for row in views]
            for trial_id, answer in answers.items()
        },
    }


def trace(mask: np.ndarray, num_classes: int) -> list[str]:
    """The outlines of a mask of shape (h, w), as an SVG path in pixels for every foreground class; '' for an empty one.

    A pixel covers the square from its row and column to the next, so a mask of one pixel is traced around its middle.
    """
    return [_trace_one(mask == label) for label in range(1, num_classes)]


def to_data_uri(image: np.ndarray) -> str:
    """A picture of shape (h, w) or (h, w, 3), 0 to 255, as a PNG inside the page."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _trace_one(mask: np.ndarray) -> str:
    parts = []
    for contour in find_contours(np.pad(mask.astype(float), 1), 0.5):
        # Drops only points on a straight line: the outline stays exact to the pixel.
        points = approximate_polygon(contour, tolerance=0.01)[:-1] - 0.5
        parts.append("M" + "L".join(f"{column:g} {row:g}" for row, column in points) + "Z")
    return "".join(parts)


def _describe_scene(scene: CasePicture, num_classes: int) -> dict[str, Any]:
    height, width = scene.reference.shape
    return {
        "uri": to_data_uri(scene.image),
        "width": width,
        "height": height,
        "place": scene.place,
        "reference": trace(scene.reference, num_classes),
    }


def _describe_answer(answer: PredictionPicture, num_classes: int) -> dict[str, Any]:
    return {"predicted": trace(answer.predicted, num_classes), "dice": answer.dice}
