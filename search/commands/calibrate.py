"""The command `paretoseg calibrate`: at which strengths of each corruption a reference network loses given amounts."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.config.config import Experiment, compose
from paretoseg.search.config.overrides import dict_of
from paretoseg.search.reports.text import describe_seconds
from paretoseg.search.running.importing import importing
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.datasets import Case, load_once
from paretoseg.trainables.data.model_record import to_safe_name
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.severities.calibration import (
    TARGETS,
    CalibratedCorruption,
    Calibration,
    ReferenceRecord,
    calibrate_corruption,
    hash_splits,
    read_calibration,
    write_calibration,
)
from paretoseg.trainables.severities.levels import LEVELS
from paretoseg.trainables.severities.shipped import FILE_NAME
from paretoseg.trainables.trainable import Assignment

if TYPE_CHECKING:
    from paretoseg.trainables.segmentation.reference import ReferenceNetwork


LEAST_DICE = 0.5
"""What the reference network must reach on clean images to have anything to lose."""

_GROUPS = ("corruptions", "data", "experiment", "resources", "seed", "task")
"""The keys that a calibration uses; it searches nothing, and its network is the default candidate."""

_DEFAULT = [name for name, levels in LEVELS.items() if not levels.leaks_label and not name.startswith("legacy_")]
"""What is calibrated if no corruption is named; levels that reproduce a published study stay as they are."""


@dataclass(frozen=True)
class CalibrationPlan:
    """A calibration that passed all checks and can start."""

    task: ImageTask
    assignment: Assignment
    cases: tuple[Case, ...]
    """Validation cases that are measured."""

    data_sha256: str
    target: Path
    """The file to write."""

    @property
    def work_folder(self) -> Path:
        """Folder beside the target that keeps partial results until the calibration is complete."""
        return self.target.with_name(f"{self.target.name}.unfinished")

    @property
    def settings_sha256(self) -> str:
        """Hash of everything that the measurements depend on, except the corruptions: each is measured on its own."""
        task, size = self.task, self.task.network_size
        settings = {
            "data": self.data_sha256,
            "cases": [case.name for case in self.cases],
            "candidate": dict(self.assignment.candidate.as_dict()),
            "seed": self.assignment.seed,
            "training": list(task.training_settings()),
            "match_parameters": size.parameters,
            "match_flops": size.flops,
            "battery_seed": task.battery().seed,
            "targets": TARGETS,
        }
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def calibrate(overrides: Sequence[str], output: str | None, num_cases: int | None, console: Console) -> int:
    """Writes the calibration of a dataset and its picture; resumes where the same command was interrupted.

    Args:
        overrides: Keys of `data`, `task` and `resources`, `seed`, and `corruptions` for `task.corruptions`.
        output: The file to write; None for `calibration.json` with the data, or a file in the working directory.
        num_cases: How many validation cases are measured at most; None for all.
        console: Where progress is shown.

    Returns:
        The exit code: 0, or 75 if it was interrupted.

    Raises:
        ValueError: for a mistake of the user's, or a training that failed.
    """
    plan = _check(overrides, output, num_cases)
    try:
        calibration = _calibrate(plan, console)
        _finish(plan, calibration, console)
    except KeyboardInterrupt:
        console.print("Interrupted; the same command resumes from here.", soft_wrap=True)
        return ExitCode.WORK_LEFT
    except OSError as error:
        raise ValueError(f"cannot write the calibration: {error}; choose another --output, or make room") from None
    except MemoryError as error:
        raise ValueError(f"the reference network does not fit: {error}") from None
    return ExitCode.DONE


def _check(overrides: Sequence[str], output: str | None, num_cases: int | None) -> CalibrationPlan:
    """Checks all that can be checked before the first iteration; returns the plan."""
    words = [
        word.replace("corruptions=", "task.corruptions=", 1) if word.startswith("corruptions=") else word
        for word in overrides
    ]
    for word in words:
        key = word.partition("=")[0].partition(".")[0]
        if key not in _GROUPS:
            raise ValueError(
                f"a calibration trains one network of default architecture and does not use '{word}'; known: "
                f"{', '.join(_GROUPS)}"
            )
    if num_cases is not None and num_cases < 1:
        raise ValueError(f"--cases must be at least 1, got {num_cases}")
    named = words if any(word.startswith("experiment=") for word in words) else [*words, "study=calibration"]
    experiment = compose(named).experiment
    task = _build_task(experiment)
    if "task.corruptions" not in dict_of(words):
        task = _build_task(compose([*named, f"task.corruptions=[{','.join(_DEFAULT)}]"]).experiment)
    task.check()
    dataset = load_once(task.data)
    resources = experiment.resources
    assignment = Assignment(Candidate(), experiment.seed, resources.num_threads, "cuda" if resources.gpus else "cpu")
    return CalibrationPlan(
        task=task,
        assignment=assignment,
        cases=tuple(dataset.validation[:num_cases]),
        data_sha256=hash_splits(task.split_rows()),
        target=_locate(output, experiment.data.root, dataset.name),
    )


def _build_task(experiment: Experiment) -> ImageTask:
    task = experiment.task.without_files().build(experiment.data)
    if not isinstance(task, ImageTask):
        raise ValueError("only task=segmentation has corruptions to calibrate; leave task out")
    return task


def _locate(output: str | None, root: str, dataset: str) -> Path:
    """The path of the file to write.

    Raises:
        ValueError: if the path cannot be a file, or another kind of file is there.
    """
    folder = Path(root).expanduser()
    if output is not None:
        target = Path(output).expanduser()
        if "://" in output or target.is_dir() or not target.parent.is_dir():
            raise ValueError(f"--output must name a file in an existing folder, got '{output}'")
    elif root and folder.is_dir() and os.access(folder, os.W_OK):
        target = folder / FILE_NAME
    else:
        target = Path(f"calibration-{to_safe_name(dataset)}.json")
    if target.exists():
        try:
            read_calibration(target)
        except ValueError as error:
            raise ValueError(f"{error}; it is not touched: move it away, or choose another --output") from None
    return target


def _calibrate(plan: CalibrationPlan, console: Console) -> Calibration:
    """The complete calibration: keeps what was measured with the same data and settings, and measures the rest."""
    kept = _read_kept(plan)
    corruptions = plan.task.battery().corruptions
    missing = [name for name in corruptions if kept is None or name not in kept.corruptions]
    console.print(
        f"Calibrating {len(missing)} of {len(corruptions)} corruptions on {len(plan.cases)} validation "
        f"cases of {load_once(plan.task.data).name}; output: {plan.target}",
        markup=False,
        soft_wrap=True,
    )
    if kept is not None and not missing:
        return kept
    if kept is None and plan.target.exists():
        console.print("Note: the existing file is of other data or settings and will be replaced.", soft_wrap=True)
    network = _prepare(plan, console)
    found = dict(kept.corruptions) if kept else {}
    start = time.monotonic()
    for number, name in enumerate(missing, start=1):
        found[name] = calibrate_corruption(network, name)
        calibration = _to_calibration(plan, network.clean_dice, found)
        write_calibration(plan.work_folder / FILE_NAME, calibration)
        left = (time.monotonic() - start) / number * (len(missing) - number)
        console.print(_describe(number, len(missing), name, found[name], left), markup=False, soft_wrap=True)
    return calibration


def _read_kept(plan: CalibrationPlan) -> Calibration | None:
    """What an earlier run measured with the same data and settings, before an interrupt or for other corruptions."""
    for path in (plan.work_folder / FILE_NAME, plan.target):
        if path.exists():
            try:
                calibration = read_calibration(path)
            except ValueError:
                continue  # only an interrupted run leaves a damaged file here; it is measured again
            if calibration.settings_sha256 == plan.settings_sha256:
                return calibration
    return None


def _prepare(plan: CalibrationPlan, console: Console) -> ReferenceNetwork:
    """Trains the reference network; its checkpoints stay beside the file until the calibration is complete."""
    work_folder = plan.work_folder
    mark = work_folder / "settings"
    if not mark.exists() or mark.read_text() != plan.settings_sha256:
        shutil.rmtree(work_folder, ignore_errors=True)
        work_folder.mkdir()
        mark.write_text(plan.settings_sha256)
    with importing():
        from paretoseg.trainables.segmentation.reference import (  # torch and MONAI: late, refusals come first
            ReferenceNetwork,
            train_reference,
        )

    start = time.monotonic()

    def observe(steps_done: int, num_steps: int) -> None:
        seconds = time.monotonic() - start
        left = f"; about {describe_seconds(seconds / steps_done * (num_steps - steps_done))} left"
        console.print(
            f"reference network: step {steps_done} of {num_steps}{left if steps_done < num_steps else ''}",
            markup=False,
        )

    train_reference(plan.task, plan.assignment, work_folder, observe)
    network = ReferenceNetwork(plan.task, plan.assignment, work_folder, plan.cases)
    dice = network.clean_dice
    console.print(f"reference network: Dice {dice:.3f} on clean images", markup=False)
    if network.degenerate or dice < LEAST_DICE:
        why = network.degenerate or f"reaches a Dice of {dice:.2f} on clean images and needs {LEAST_DICE:g}"
        shutil.rmtree(work_folder)
        raise ValueError(
            f"the reference network {why}: it cannot lose {TARGETS[-1]:g} points; train it longer with "
            "task.num_steps=<more>"
        )
    return network


def _to_calibration(plan: CalibrationPlan, clean_dice: float, found: Mapping[str, CalibratedCorruption]) -> Calibration:
    task, assignment = plan.task, plan.assignment
    dataset = load_once(task.data)
    return Calibration(
        dataset=dataset.name,
        data_sha256=plan.data_sha256,
        settings_sha256=plan.settings_sha256,
        reference=ReferenceRecord(
            candidate=dict(assignment.candidate.as_dict()),
            seed=assignment.seed,
            num_iterations=task.count_iterations(assignment.candidate, dataset),
            clean_dice=round(clean_dice, 4),
            num_cases=len(plan.cases),
        ),
        corruptions={name: found[name] for name in LEVELS if name in found},
    )


def _describe(number: int, num_all: int, name: str, found: CalibratedCorruption, seconds_left: float) -> str:
    strengths = " ".join(f"{strength:g}" for strength in found.strengths)
    lost = " ".join(f"{loss:.1f}" for loss in found.lost)
    left = f"; about {describe_seconds(seconds_left)} left" if number < num_all else ""
    notes = "".join(f"\n  Note: {note}" for note in found.notes)
    return f"[{number}/{num_all}] {name}: {strengths} ({found.parameter}) lose {lost} Dice points{left}{notes}"


def _finish(plan: CalibrationPlan, calibration: Calibration, console: Console) -> None:
    """Writes the file and the picture, and prints how to use them."""
    from paretoseg.search.reports.calibration_picture import (
        draw_calibration,  # matplotlib: late, as it is slow to import
    )

    write_calibration(plan.target, calibration)
    picture = plan.target.with_suffix(".png")
    picture.write_bytes(draw_calibration(calibration))
    shutil.rmtree(plan.work_folder, ignore_errors=True)
    console.print(
        f"Calibration: {plan.target}\nPicture:     {picture}\n"
        f"Next: paretoseg search ... task.calibration={shlex.quote(str(plan.target))}",
        markup=False,
        soft_wrap=True,
    )
