"""The settings of a rescoring: how stored networks are measured, on which shift sets, and where that runs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from paretoseg.cluster.cluster import BatchConfig
from paretoseg.cluster.resources import Resources
from paretoseg.search.config.config import CHOICES, Composed, compose
from paretoseg.search.config.overrides import dict_of
from paretoseg.search.config.resuming import merge_overrides, show_value
from paretoseg.search.config.settling import measure_all, settle_reference, settle_transfer
from paretoseg.search.config.stored_task import compose_stored
from paretoseg.search.rescoring.rules import Settings, choose_rules, describe_rules
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.trials.events import Created
from paretoseg.trainables.image_task import ImageTask

SHORT_NAMES: Mapping[str, str] = {"corruptions": "task.corruptions", "severities": "task.severities"}
"""Keys that may be typed without their group."""

MEASUREMENT = (
    "task.corruptions", "task.severities", "task.num_battery_cases", "task.battery_seed", "task.calibration",
    "task.strengths", "task.grid", "task.corrupt_before_scaling", "task.corruption_version", "task.average",
    "task.absent_classes", "task.transfer", "task.transfer_bounds",
    "task.robustness", "task.failure_below", "task.robustness_over", "task.trained_corruptions", "task.reference",
    "task.reference_errors",
    "task.metric", "task.surface_metrics", "task.nsd_tolerance_mm", "data.shift",
)  # fmt: skip
"""What may be measured differently from the study; everything else would need other networks."""

_READ_ONCE: Mapping[str, str] = {
    "task.calibration": "task.strengths",
    "task.reference": "task.reference_errors",
    "task.transfer": "task.transfer_bounds",
}
"""Files that a study reads once, when it starts, and the key that keeps their content; another file is read again."""

PLACE = ("data.root", "data.cache", "resources", "cluster")
"""Where data lies and where the work runs: not part of a rescoring's identity."""


def compose_rescoring(
    folder: StudyFolder, created: Created, overrides: Sequence[str], made_with: Settings | None = None
) -> tuple[Composed, list[str]]:
    """The experiment of a study as it is measured now; it runs on this machine unless a cluster is named.

    Args:
        folder: The folder of the study.
        created: What the study was started with.
        overrides: What is measured differently from the study, and where.
        made_with: The settings of the rescoring that goes on; None for a new one.

    Returns:
        The config, and notes for the user, a sentence each.

    Raises:
        ValueError: for a key that is unknown or cannot change, a wrong value, or a study without its config.
    """
    overrides = [_in_full(override) for override in overrides]
    _check_keys(created, overrides)
    asked = dict_of(overrides)
    overrides += [f"{kept}={{}}" for file, kept in _READ_ONCE.items() if file in asked and kept not in asked]
    changeable = (*MEASUREMENT, *PLACE)
    composed = compose_stored(folder, created, overrides, changeable)
    rules = choose_rules(
        composed, created.overrides, overrides, changeable=MEASUREMENT, read_once=_READ_ONCE, made_with=made_with
    )
    overrides += [f"{key}={show_value(value)}" for key, value in rules.items()]
    composed = compose_stored(folder, created, overrides, changeable) if rules else composed
    if isinstance(composed.experiment.cluster, BatchConfig):
        if "cluster" in asked:
            raise ValueError(
                "a rescoring runs with cluster=local, serial or attached; in a job, cluster=attached uses the job's Ray"
            )
        composed = compose_stored(folder, created, [*overrides, "cluster=local"], changeable)
    composed = settle_transfer(composed) if "task.transfer" in {*asked, *rules} else composed
    whole = measure_all(composed, keeps_number="task.num_battery_cases" in asked)
    return settle_reference(whole), describe_rules(rules, is_new=made_with is None)


def check_differences(location: str, overrides: Sequence[str]) -> None:
    """Refuses a new rescoring that would measure what the study has measured already.

    Raises:
        ValueError: if no override says what to measure differently.
    """
    keys = [override.partition("=")[0] for override in overrides]
    if all({key, key.split(".")[0]} & {*PLACE} for key in keys):
        raise ValueError(
            "a rescoring needs to know what to measure differently; add corruptions=[NAME,...], severities=[1,...,5], "
            f"data.shift=[NAME,...] or a key of task; `paretoseg front {location}` shows what the study measured itself"
        )


def read_settings(composed: Composed, task: ImageTask) -> dict[str, Any]:
    """What the scores depend on, as plain values: the settings of measuring, and those of the data without its place.

    Presets and calibrations are resolved: a file or a default that changes later makes another rescoring.
    """
    config = yaml.safe_load(composed.text)
    measured = {key: value for key, value in config["task"].items() if f"task.{key}" in MEASUREMENT}
    for file in _READ_ONCE:
        measured.pop(file.removeprefix("task."), None)
    if not measured["transfer_bounds"]:  # earlier rescorings had none
        del measured["transfer_bounds"]
    # As lines, as earlier rescorings kept them, so that the same settings keep the same name.
    measured["reference_errors"] = [f"{where.describe()}: {error!r}" for where, error in task.rule.reference.items()]
    battery = task.battery()
    measured["corruptions"] = list(battery.corruptions)
    measured["strengths"] = {name: list(map(float, battery.strengths[name])) for name in battery.corruptions}
    data = {key: value for key, value in config["data"].items() if f"data.{key}" not in PLACE}
    return {"task": measured, "data": data}


def name_settings(settings: Mapping[str, Any]) -> str:
    """A name that only these settings have, so that the same command resumes the same rescoring."""
    return "rescore-" + hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]


def share_of_one(resources: Resources) -> Resources:
    """The resources of one process of a trial: measuring takes one process, however many trained together."""
    num = resources.num_workers
    return dataclasses.replace(resources, cpus=resources.cpus / num, gpus=resources.gpus / num, workers=0)


def _in_full(override: str) -> str:
    key, equals, value = override.partition("=")
    return f"{SHORT_NAMES.get(key, key)}{equals}{value}"


def _check_keys(created: Created, overrides: Sequence[str]) -> None:
    for override in overrides:
        if "=" not in override:
            raise ValueError(f"cannot read {override!r}; an override reads key=value, such as corruptions=[motion]")
    known = {*MEASUREMENT, *PLACE}
    others = [key for key in dict_of(overrides) if not {key, key.split(".")[0]} & known]
    if not others:
        return
    if others[0] not in (*CHOICES, "experiment"):
        compose(merge_overrides(created.overrides, overrides))  # refuses what is not known at all, with the known ones
    raise ValueError(
        f"a rescoring measures networks as they are and cannot change {others[0]}; it takes "
        f"{', '.join((*SHORT_NAMES, *MEASUREMENT[2:], 'data.root', 'data.cache', 'resources.*', 'cluster'))}"
    )
