"""Pages of reports for tests: records, pictures, and everything else that a page needs."""

from pathlib import Path

import numpy as np

from paretoseg.search.certainty.certainty import Certainty
from paretoseg.search.reports.html import render_report
from paretoseg.search.reports.page_data import describe_study
from paretoseg.search.reports.pictures import describe_pictures
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials import events as happened
from paretoseg.search.trials.events import Created, Failed, Finished, Opened, Started
from paretoseg.search.trials.trial import Failure, FailureKind
from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.segmentation.gallery import CasePicture, PredictionPicture
from paretoseg.trainables.trainable import CLEAN_CONDITION, Condition, Split

HOSTILE = "</script><script>window.stolen = 1</script><img src=x onerror='window.stolen = 2'>\" ' & {{7*7}} \u2028 <!--"
OBJECTIVES = (
    Objective("accuracy", "Dice", Direction.MAXIMISE, 0.0),
    Objective("robustness", "Dice", Direction.MAXIMISE, 0.0),
)
MEASURED = [(0.80, 0.30), (0.60, 0.50), (0.30, 0.20), (0.50, 0.70)]
DEPTHS = [4, 2, 3, 5]


def build_record(text="plain", measured=MEASURED, profiles=None):
    """Trials 0, 1 and 3 are on the front, 2 is not; one more is degenerate and one failed.

    `profiles` are what was recorded beside the robustness of trials, by number.
    """
    events = [Created(0.0, text, OBJECTIVES, ("parameters",), (f"study={text}",)), Opened(0.0, "here", 1, 9, None)]
    for index, (accuracy, robustness) in enumerate(measured):
        candidate = Candidate(Architecture(depth=DEPTHS[index]), Recipe(foreground_ratio=index / 10))
        values = {"accuracy": accuracy, "robustness": robustness}
        events.append(Started(0.0, index, candidate, 0, "random"))
        profile = (profiles or {}).get(index)
        costs = {"parameters": 10.0**index}
        events.append(Finished(60.0 * index + 60, index, values, costs, "", 0.0, 1.0, profile=profile))
    number = len(measured)
    events.append(Started(0.0, number, Candidate(), 0, "random"))
    events.append(Finished(400.0, number, {"accuracy": 0.9, "robustness": 0.9}, {}, f"degenerate {text}", 0.0, 1.0))
    events.append(Started(0.0, number + 1, Candidate(), 0, "random"))
    events.append(Failed(500.0, number + 1, Failure(FailureKind.ERROR, f"broken {text}")))
    if measured:
        tested = {"accuracy": 0.75, "robustness": 0.25}
        events.append(happened.Tested(600.0, 0, tested, (profiles or {}).get(0)))
    return StudyRecord(events)


def build_pictures(name, trial_ids, classes=("left",)):
    mask = np.zeros((8, 8), np.uint8)
    for label in range(1, len(classes) + 1):
        mask[2:5, 3 * label - 2 : 3 * label] = label
    conditions = [CLEAN_CONDITION, Condition(name, 4)]
    views = [(name, condition) for condition in conditions]
    answers = {index: {view: PredictionPicture(mask, 0.5) for view in views} for index in trial_ids}
    scenes = {view: CasePicture(mask * 100, mask, "slice 2 of 5") for view in views}
    names = ("background", *classes)
    pictures = describe_pictures([(name, "the only case")], conditions, scenes, answers, Split.TEST, names)
    return pictures | {"gaps": [name]}


def build_wide_record(num_trials=24):
    """Trials that differ in everything that can be searched."""
    space, generator = SearchSpace(preset="full"), np.random.default_rng(0)
    events = [Created(0.0, "wide", OBJECTIVES, ("parameters",), ("study=wide",)), Opened(0.0, "here", 1, 9, None)]
    for index in range(num_trials):
        events.append(Started(0.0, index, space.sample(generator), 0, "random"))
        values = {"accuracy": index / num_trials, "robustness": 1.0 - (index / num_trials) ** 2}
        events.append(Finished(60.0 * index + 60, index, values, {"parameters": 10.0}, "", 0.0, 1.0))
    return StudyRecord(events)


def write_page(
    path: Path, record: StudyRecord, text: str, classes: tuple[str, ...], certainty: Certainty | None = None
) -> None:
    """Writes the report of a record; every text in it that users or data decide is `text`."""
    means = {"none": {0: 0.8}, text: {2: 0.6, 4: 0.4}}
    ids = [trial.trial_id for trial in record.front.trials]
    pictures = build_pictures(text, ids, classes) | {"reason": ""} if ids else {"reason": f"why {text}", "gaps": []}
    data = describe_study(record, certainty) | {
        "milestones": [
            {"trial_id": 0, "num_ended": 1, "hours": 0.5, "compute_hours": 1.5, "hypervolume": 0.24},
            {"trial_id": 1, "num_ended": 2, "hours": 0.8, "compute_hours": 4.0, "hypervolume": 0.36},
        ]
        * bool(ids),
        "computeName": "GPU-hours",
        "metric": "dice" if text == "blur" else text,
        "metrics": [
            {"name": "dice", "label": "Dice", "unit": "", "isMaximised": True},
            {"name": "hd95_mm", "label": "HD95", "unit": "mm", "isMaximised": False},
        ],
        "classes": {
            split: {
                str(index): {label: {"dice": 0.7, "hd95_mm": 12.5} for label in (*classes, "mean")} for index in ids
            }
            for split in ("validation", "test")
        },
        "empty": {
            "validation": {str(index): {classes[0]: {"reference": 0, "prediction": 3, "both": 1}} for index in ids},
            "test": {},
        },
        "corruptions": {text: {"family": "blur", "isCounted": False}},
        "severities": {
            "validation": {str(index): means for index in ids},
            "test": {str(ids[0]): means} if ids else {},
        },
        "otherSeverities": {
            "hd95_mm": {"validation": {str(index): {"none": {0: 8.0}, text: {2: 25.0}} for index in ids}, "test": {}}
        },
        "shifts": {
            "validation": {
                str(index): {"": {"mean": 0.75, "cases": 4}, text: {"mean": 0.625, "cases": 3}} for index in ids
            },
            "test": {str(ids[0]): {"": {"mean": 0.5, "cases": 2}, text: {"mean": 0.125, "cases": 1}}} if ids else {},
        },
        "pictures": pictures,
    }
    path.write_text(render_report(record, data, [f"a note on {text}"], "today"), encoding="utf-8")
