"""The command `paretoseg transfer`: what each kind of augmentation gains under each corruption."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

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
from paretoseg.spaces.atomic_file import write_atomically
from paretoseg.spaces.json_text import to_readable_json
from paretoseg.spaces.records import decode, encode, parse_json
from paretoseg.trainables.data.datasets import load_once
from paretoseg.trainables.segmentation.settings import MEASURING
from paretoseg.trainables.severities.calibration import hash_splits
from paretoseg.trainables.trainable import Assignment
from paretoseg.trainables.transfer.gains import LEAST_SEEDS, LEAST_SUBJECTS
from paretoseg.trainables.transfer.kinds import KINDS, WITHOUT, build_candidate
from paretoseg.trainables.transfer.matrix import (
    TransferMatrix,
    TransferNetwork,
    join_networks,
    read_matrix,
    write_matrix,
)
from paretoseg.trainables.transfer.shipped import SHIPPED_MATRICES
from paretoseg.trainables.transfer.verdict import judge

_DEFAULTS = {
    "task.corruptions": f"[{','.join(DEFAULT_CORRUPTIONS)}]",
    "task.severities": "[3,5]",
}

_QUIET_SECONDS = 60.0
"""A training that takes longer than this shows its steps."""


@dataclass(frozen=True)
class TransferPlan(ReferencePlan):
    """A measurement that passed all checks and can start; its first network is without augmentation."""

    num_seeds: int

    @property
    def settings_sha256(self) -> str:
        """Hash of everything that the scores of a network depend on besides its kind and seed."""
        battery = self.task.battery()
        return self.hash_with(
            {
                "conditions": [[condition.corruption, condition.severity] for condition in battery.conditions],
                "strengths": {name: battery.strengths[name] for name in battery.corruptions},
                "measuring": dict(self.measured_by),
            }
        )

    def list_assignments(self) -> Iterator[tuple[str, Assignment]]:
        """Yields every network with its kind, seed by seed: the first is without augmentation."""
        for place in range(self.num_seeds):
            for kind in (WITHOUT, *KINDS):
                seed = self.assignment.seed + place
                yield kind, replace(self.assignment, candidate=build_candidate(kind), seed=seed)


def transfer(
    overrides: Sequence[str], output: str | None, num_seeds: int, num_cases: int | None, console: Console
) -> int:
    """Writes the transfer matrix of a dataset and its picture; resumes where the same command was interrupted.

    Args:
        overrides: Keys of `data`, `task` and `resources`, `seed`, and `corruptions` for `task.corruptions`.
        output: The file to write; None for `transfer.json` with the data, or a file in the working directory.
        num_seeds: Number of seeds, at least two.
        num_cases: How many validation cases are measured at most; None for all.
        console: Where progress is shown.

    Returns:
        The exit code: 0, or 75 if it was interrupted.

    Raises:
        ValueError: for a mistake of the user's, or a training that failed.
    """
    plan = _check(overrides, output, num_seeds, num_cases)
    try:
        _finish(plan, _to_matrix(plan, _measure(plan, console)), console)
    except KeyboardInterrupt:
        console.print("Interrupted; the same command resumes from here.", soft_wrap=True)
        return ExitCode.WORK_LEFT
    except OSError as error:
        raise ValueError(f"cannot write the matrix: {error}; choose another --output, or make room") from None
    except MemoryError as error:
        raise ValueError(f"a network does not fit: {error}") from None
    return ExitCode.DONE


def _check(overrides: Sequence[str], output: str | None, num_seeds: int, num_cases: int | None) -> TransferPlan:
    """Checks all that can be checked before the first iteration; returns the plan."""
    words = read_words(overrides, "a transfer matrix is of networks")
    check_num_cases(num_cases)
    if num_seeds < LEAST_SEEDS:
        raise ValueError(
            f"--seeds must be at least {LEAST_SEEDS}, or chance in the training is unknown, got {num_seeds}"
        )
    named = words if any(word.startswith("experiment=") for word in words) else [*words, "study=transfer"]
    experiment = compose_planned(named).experiment
    task, asked = build_image_task(experiment.task, experiment.data, "to measure"), dict_of(words)
    if defaults := [f"{key}={value}" for key, value in _DEFAULTS.items() if key not in asked]:
        experiment = compose_planned([*defaults, *named]).experiment
        task = build_image_task(experiment.task, experiment.data, "to measure")
    task.check()
    dataset = load_once(task.data)
    cases = tuple(dataset.validation[:num_cases])
    if len({case.subject for case in cases}) < LEAST_SUBJECTS:
        raise ValueError(
            f"the validation cases must be of at least {LEAST_SUBJECTS} subjects, or chance in them is unknown, got "
            f"{len({case.subject for case in cases})}; raise --cases or data.validation_share"
        )
    resources = experiment.resources
    device = "cuda" if resources.gpus else "cpu"
    return TransferPlan(
        task=task,
        assignment=Assignment(build_candidate(WITHOUT), experiment.seed, resources.num_threads, device),
        num_seeds=num_seeds,
        cases=cases,
        data_sha256=hash_splits(task.split_rows()),
        measured_by={name: str(getattr(experiment.task, name)) for name in MEASURING},
        target=locate_output(output, experiment.data.root, dataset.name, SHIPPED_MATRICES.name, read_matrix),
    )


def _measure(plan: TransferPlan, console: Console) -> list[TransferNetwork]:
    """All networks: keeps those that were measured with the same data and settings, and measures the rest."""
    found = join_networks(_read_partial(plan), _read_complete(plan))
    wanted = list(plan.list_assignments())
    missing = [(kind, one) for kind, one in wanted if (kind, one.seed) not in found]
    console.print(
        f"Training {len(missing)} of {len(wanted)} networks ({plan.num_seeds} seeds, without and with "
        f"{', '.join(KINDS)}); measuring {len(plan.task.battery().corruptions)} corruptions on {len(plan.cases)} "
        f"validation cases of {load_once(plan.task.data).name}; output: {plan.target}",
        markup=False,
        soft_wrap=True,
    )
    if missing and plan.target.exists() and not _read_complete(plan):
        console.print("Note: the existing file is of other data or settings and will be replaced.", soft_wrap=True)
    open_work_folder(plan.work_folder, plan.settings_sha256)
    start = time.monotonic()
    for number, (kind, assignment) in enumerate(missing, start=1):
        network = _train_one(plan, kind, assignment, _observe(console, f"seed {assignment.seed}, {kind}"))
        found[kind, assignment.seed] = network
        left = (time.monotonic() - start) / number * (len(missing) - number)
        console.print(_describe(number, len(missing), network, left), markup=False, soft_wrap=True)
    return [found[kind, one.seed] for kind, one in wanted]


def _observe(console: Console, name: str) -> Callable[[int, int], None]:
    """Shows the steps of a training that takes longer than a minute; called after each of them."""
    start = time.monotonic()

    def observe(steps_done: int, num_steps: int) -> None:
        seconds = time.monotonic() - start
        if seconds > _QUIET_SECONDS and steps_done < num_steps:
            left = describe_seconds(seconds / steps_done * (num_steps - steps_done))
            console.print(f"{name}: step {steps_done} of {num_steps}; about {left} of training left", markup=False)

    return observe


def _train_one(
    plan: TransferPlan, kind: str, assignment: Assignment, observe: Callable[[int, int], None]
) -> TransferNetwork:
    """Trains and measures a network, and keeps its scores in the work folder instead of its checkpoint."""
    with importing():
        from paretoseg.trainables.segmentation.transfer_network import (
            train_and_measure,  # torch and MONAI: late, refusals come first
        )

    name = f"seed-{assignment.seed}-{kind}"
    folder = plan.work_folder / name
    folder.mkdir(exist_ok=True)
    network = train_and_measure(plan.task, assignment, kind, cases=plan.cases, folder=folder, observe=observe)
    write_atomically(plan.work_folder / f"{name}.json", to_readable_json(encode(network)).encode())
    shutil.rmtree(folder)
    return network


def _read_partial(plan: TransferPlan) -> list[TransferNetwork]:
    """The networks of an interrupted run with the same data and settings."""
    mark = plan.work_folder / "settings"
    if not mark.exists() or mark.read_text() != plan.settings_sha256:
        return []
    return [decode(TransferNetwork, parse_json(path.read_bytes())) for path in sorted(plan.work_folder.glob("*.json"))]


def _read_complete(plan: TransferPlan) -> list[TransferNetwork]:
    """The networks of an existing file with the same data and settings, such as one with fewer seeds."""
    if not plan.target.exists():
        return []
    matrix = read_matrix(plan.target)
    return list(matrix.networks) if matrix.settings_sha256 == plan.settings_sha256 else []


def _describe(number: int, num_all: int, network: TransferNetwork, seconds_left: float) -> str:
    left = f"; about {describe_seconds(seconds_left)} left" if number < num_all else ""
    weak = f"\n  Note: the network {network.weakness}: the gains of its kind stay unknown" if network.weakness else ""
    return f"[{number}/{num_all}] seed {network.seed}, {network.kind}: clean Dice {network.clean_dice:.3f}{left}{weak}"


def _to_matrix(plan: TransferPlan, networks: Sequence[TransferNetwork]) -> TransferMatrix:
    task, candidate = plan.task, plan.assignment.candidate
    dataset, battery = load_once(task.data), task.battery()
    return TransferMatrix(
        dataset=dataset.name,
        data_sha256=plan.data_sha256,
        settings_sha256=plan.settings_sha256,
        candidate=dict(candidate.as_dict()),
        num_iterations=task.count_iterations(candidate, dataset),
        severities=tuple(sorted({condition.severity for condition in battery.conditions} - {0})),
        strengths={name: battery.strengths[name] for name in battery.corruptions},
        measuring=plan.measured_by,
        subjects={case.name: case.subject for case in plan.cases},
        networks=tuple(networks),
    )


def _finish(plan: TransferPlan, matrix: TransferMatrix, console: Console) -> None:
    """Writes the file and the picture, and prints what is held out and how to use it."""
    from paretoseg.search.reports.transfer_picture import draw_transfer  # matplotlib: late, as it is slow to import

    write_matrix(plan.target, matrix)
    picture = plan.target.with_suffix(".png")
    picture.write_bytes(draw_transfer(matrix))
    shutil.rmtree(plan.work_folder, ignore_errors=True)
    for weak in matrix.describe_weak():
        console.print(
            f"Note: {weak}; train for longer with task.length=short, or more task.iterations_per_step.",
            markup=False,
            soft_wrap=True,
        )
    verdict = judge(matrix.corruptions, KINDS, matrix.bounds)
    parts = {"held out": verdict.held_out, "trained": verdict.trained, "not known": verdict.unknown}
    console.print("If a search opens every kind of augmentation, these are", soft_wrap=True)
    for part, names in parts.items():
        console.print(f"  {part}: {', '.join(names) or 'none'}", markup=False, soft_wrap=True)
    console.print(
        f"Matrix:  {plan.target}\nPicture: {picture}\n"
        f"Next: paretoseg search ... task.transfer={shlex.quote(str(plan.target))}",
        markup=False,
        soft_wrap=True,
    )
