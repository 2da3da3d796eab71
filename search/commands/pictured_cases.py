"""Draws the cases that a model card shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from paretoseg.search.reports.card_pictures import PicturedCase, draw_case
from paretoseg.search.reports.pictures import choose_cases
from paretoseg.search.trials.trial import Trial
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.trainable import CLEAN_CONDITION, Assignment, CaseScore, Split


def picture_cases(
    task: ImageTask, trial: Trial, checkpoint: Path, rows: Mapping[Split, Sequence[CaseScore]]
) -> tuple[list[PicturedCase], str]:
    """The hardest, the median and the easiest case of a network, or why there are none.

    Args:
        task: What it was trained on.
        trial: The network's trial.
        checkpoint: Folder with its weights.
        rows: Its scores by split; test cases are shown if there are any.
    """
    split = Split.TEST if rows[Split.TEST] else Split.VALIDATION
    chosen = choose_cases([rows[split]], task.metric)
    if not chosen:
        return [], "the scores of single cases are missing"
    from paretoseg.trainables.segmentation import gallery  # torch and MONAI: late, so that refusals come at once

    try:
        cases = gallery.find_cases(task, split, [name for name, _ in chosen])
        scenes = gallery.render_cases(task, cases, [CLEAN_CONDITION])
        assignment = Assignment(trial.candidate, trial.seed)
        answers = gallery.render_predictions(task, assignment, checkpoint, cases, [CLEAN_CONDITION])
    except ValueError as error:
        return [], str(error).splitlines()[0]
    pictured = []
    for number, (name, label) in enumerate(chosen, start=1):
        scene, answer = scenes[name, CLEAN_CONDITION], answers[name, CLEAN_CONDITION]
        content = draw_case(scene, answer)
        pictured.append(PicturedCase(name, label, answer.dice, scene.place, f"case-{number}.png", content))
    return pictured, ""
