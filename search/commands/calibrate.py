"""The command `paretoseg calibrate`: at which strengths of each corruption a reference network loses given amounts."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.commands.reference_plan import (
    DEFAULT_CORRUPTIONS,
    ReferencePlan,
    build_image_task,
    check_num_cases,
    locate_output,
    open_work_folder,
    read_words,
)
from paretoseg.search.config.overrides import dict_of
from paretoseg.search.config.planned_data import compose_planned
from paretoseg.search.reports.text import describe_seconds
from paretoseg.search.running.importing import importing
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.datasets import load_once
from paretoseg.trainables.segmentation.settings import MEASURING
from paretoseg.trainables.severities.calibrating import calibrate_corruption
from paretoseg.trainables.severities.calibration import (
    CALIBRATION_SCHEMA,
    TARGETS,
    CalibratedCorruption,
    Calibration,
    ReferenceRecord,
    describe_weakness,
    hash_splits,
    read_calibration,
    write_calibration,
)
from paretoseg.trainables.severities.levels import LEVELS
from paretoseg.trainables.severities.shipped import FILE_NAME
from paretoseg.trainables.trainable import Assignment

if TYPE_CHECKING:
    from paretoseg.trainables.segmentation.reference import ReferenceNetwork


@dataclass(frozen=True)
class CalibrationPlan(ReferencePlan):
    """A calibration that passed all checks and can start."""

    @property
    def settings_sha256(self) -> str:
        """Hash of everything that the measurements depend on, except the corruptions: each is measured on its own."""
        return self.hash_with(
            {
                "seed": self.assignment.seed,
                "targets": TARGETS,
                "schema": CALIBRATION_SCHEMA,
                "measured_by": dict(self.measured_by),
            }
        )


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
    words = read_words(overrides, "a calibration trains one network")
    check_num_cases(num_cases)
    named = words if any(word.startswith("experiment=") for word in words) else [*words, "study=calibration"]
    experiment = compose_planned(named).experiment
    task = build_image_task(experiment.task.without_files(), experiment.data, "to calibrate")
    if "task.corruptions" not in dict_of(words):
        words_of_all = [*named, f"task.corruptions=[{','.join(DEFAULT_CORRUPTIONS)}]"]
        every = compose_planned(words_of_all).experiment
        task = build_image_task(every.task.without_files(), every.data, "to calibrate")
    task.check()
    dataset = load_once(task.data)
    resources = experiment.resources
    assignment = Assignment(Candidate(), experiment.seed, resources.num_threads, "cuda" if resources.gpus else "cpu")
    return CalibrationPlan(
        task=task,
        assignment=assignment,
        cases=tuple(dataset.validation[:num_cases]),
        data_sha256=hash_splits(task.split_rows()),
        measured_by={name: getattr(experiment.task, name) for name in MEASURING},
        target=locate_output(output, experiment.data.root, dataset.name, FILE_NAME, read_calibration),
    )


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
    open_work_folder(work_folder, plan.settings_sha256)
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

    checkpoint = train_reference(plan.task, plan.assignment, work_folder, observe)
    network = ReferenceNetwork(plan.task, plan.assignment, checkpoint, plan.cases)
    console.print(f"reference network: Dice {network.clean_dice:.3f} on clean images", markup=False)
    if weakness := describe_weakness(network.clean_dice, network.degenerate):
        shutil.rmtree(work_folder)
        raise ValueError(
            f"the reference network {weakness}: it cannot lose {TARGETS[-1]:g} points; train it longer with "
            "task.length=short, or more task.iterations_per_step"
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
    strengths, similarity = (" ".join(f"{value:.4g}" for value in values) for values in (found.strengths, found.ssim))
    lost = " ".join(f"{loss:.1f}" for loss in found.lost)
    reversals = f"reversals in up to {100 * max(found.reversals, default=0.0):.0f} % of the cases"
    left = f"; about {describe_seconds(seconds_left)} left" if number < num_all else ""
    notes = "".join(f"\n  Note: {note}" for note in found.notes)
    return (
        f"[{number}/{num_all}] {name}: {strengths} ({found.parameter}) lose {lost} Dice points; SSIM {similarity}; "
        f"{reversals}{left}{notes}"
    )


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
