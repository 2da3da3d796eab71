"""The command `paretoseg export`: a candidate of a study as a folder that others can use."""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from rich.console import Console

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.certainty.certainty import Certainty
from paretoseg.search.commands.certainty import draw_study, read_certainty
from paretoseg.search.commands.doctor_software import find_version
from paretoseg.search.commands.exported_networks import (
    ALL,
    MEDIAN,
    check_networks,
    choose_networks,
    describe_networks,
    open_checkpoints,
)
from paretoseg.search.commands.pictured_cases import picture_cases
from paretoseg.search.config.stored_task import compose_stored, rebuild_task
from paretoseg.search.fronts.choice import Choice, Options, choose, describe_choice, share_of_draws
from paretoseg.search.reports.model_card import Exported, describe_gaps, write_card
from paretoseg.search.store.certainty_file import read_certainty as read_stored
from paretoseg.search.store.lock import find_writer
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.families import OUR_FAMILIES
from paretoseg.spaces.objective import to_losses
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.datasets import load_once
from paretoseg.trainables.data.files_config import FilesConfig
from paretoseg.trainables.data.model_record import MAX_NAME, ModelRecord, to_safe_name
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.scoring.measures import DICE
from paretoseg.trainables.scoring.objectives import select_means
from paretoseg.trainables.trainable import CaseScore, Split

_PROMISE = "It is kept only if a fresh process gets the same mask from it as the evaluation; this takes a while."


def export(location: str, pick: str, form: str, output: str | None, console: Console, seeds: str = MEDIAN) -> int:
    """Exports the candidate that is picked; returns the exit code: 0, or 1 if the export failed its proof.

    Args:
        location: Folder or URI of the study.
        pick: Which candidate; the grammar is that of `search/fronts/picks.py`.
        form: 'bundle' or 'onnx'.
        output: The new folder; None for one in the working directory that is named after study and trial.
        console: Where progress is shown.
        seeds: 'median' for one of its networks, 'all' for the average of all of them.

    Raises:
        ValueError: for a mistake of the user's, or a disk that is full; nothing is left behind.
    """
    try:
        return _export(location, pick, form, output, console, seeds)
    except OSError as error:
        raise ValueError(
            f"cannot export: {error}; make sure that --output and the folder for temporary files (TMPDIR) are writable "
            "and have room"
        ) from None


def _export(location: str, pick: str, form: str, output: str | None, console: Console, seeds: str) -> int:
    folder = StudyFolder(location)
    record = folder.read_record()
    options = list_options(record)
    choice = choose(options, pick)
    result = record.feasible[choice.index]
    trials = choose_networks(result, seeds)
    _check_settled(folder, record, trials[0], options, choice)
    if seeds == ALL:
        check_networks(folder, result, trials)
    task = read_image_task(folder, record)
    share = _find_share(folder, record, options, choice, pick)
    name = name_export(record.created.study, result.number, trials)
    target = Path(f"{name}-{form}" if output is None else output)
    _check_free(target)
    _check_form(form, result.candidate.architecture.family)
    with open_checkpoints(folder, trials) as checkpoints:
        picked = [*describe_choice(options, choice), *describe_networks(result, trials), *share]
        for line in [*picked, f"Exporting {name} as {form}.", *_list_notes(folder, record), _PROMISE]:
            console.print(line, markup=False, soft_wrap=True)
        rows = [{split: folder.cases.read(one.trial_id, split) for split in Split} for one in trials]
        cases, reason = picture_cases(task, trials[0], checkpoints[0], rows[0])
        exported = Exported(
            trial=trials[0] if len(trials) == 1 else result.as_trial,
            networks=trials,
            picked=picked,
            number=result.number,
            certainty=_find_certainty(folder, record),
            made=_describe_making(record),
            cases=cases,
            no_pictures=reason,
        )
        model = _describe(record, exported, rows, task=task, form=form)
        return _write(target, model, result.candidate, task=task, checkpoints=checkpoints, form=form, console=console)


def _check_form(form: str, family: str) -> None:
    """Refuses a bundle of a network whose code is not ours: it would not run by itself."""
    if form == "bundle" and family not in OUR_FAMILIES:
        raise ValueError(f"a bundle holds no code of other packages, and family {family} is one's; use --format onnx")


def _list_notes(folder: StudyFolder, record: StudyRecord) -> list[str]:
    gaps = describe_gaps(record)
    notes = [f"Note: {note}." for note in folder.journal.describe_left_out()]
    return [*notes, *([f"Note: {gaps} The model card says so."] if gaps else [])]


def list_options(record: StudyRecord) -> Options:
    """All candidates that may be on the front, by number: what can be picked."""
    results = record.feasible
    trials = [result.as_trial for result in results]
    members = {result.number for result in record.front.results}
    return Options(
        losses=to_losses(record.objectives, [result.objectives for result in results]),
        objectives=record.objectives,
        numbers=tuple(result.number for result in results),
        is_on_front=np.array([result.number in members for result in results], dtype=bool),
        costs={
            name: np.array([trial.costs.get(name, np.nan) for trial in trials], dtype=float)
            for name in record.created.cost_names
        },
    )


def _find_share(folder: StudyFolder, record: StudyRecord, options: Options, choice: Choice, pick: str) -> list[str]:
    """How often the pick would take this candidate, as seeds and cases leave its value open; empty if not known."""
    if pick.isdecimal():
        return []
    experiment = compose_stored(folder, record.created).experiment
    try:
        draws = draw_study(folder, record, experiment.build_task(), seed=experiment.seed)
    except ValueError:
        draws = None
    if draws is None:
        return ["How often the pick would take it with other seeds and cases is not known."]
    share = share_of_draws(draws, options, pick)[choice.index]
    return [f"With other seeds and cases, '{pick}' would take it in {share:.0%} of draws."]


def _find_certainty(folder: StudyFolder, record: StudyRecord) -> Certainty | None:
    """How sure the front is, as the search stored it, or else from the rows; None if that is not known."""
    try:
        return read_stored(folder.folder, record) or read_certainty(folder, record)
    except ValueError:
        return None


def _describe_making(record: StudyRecord) -> str:
    """When the network was searched and exported, and by which version."""
    first, last, now = (
        time.strftime("%Y-%m-%d", time.gmtime(moment))
        for moment in (record.created.time, record.last_time, time.time())
    )
    searched = f"on {first}" if first == last else f"from {first} to {last}"
    used = ", ".join(map(str, record.created.plugins))
    return f"Exported on {now} by paretoseg {find_version()}; searched {searched}{f' with {used}' if used else ''}."


def _describe(
    record: StudyRecord,
    exported: Exported,
    rows: Sequence[Mapping[Split, Sequence[CaseScore]]],
    *,
    task: ImageTask,
    form: str,
) -> ModelRecord:
    trial, networks, study = exported.trial, exported.networks, record.created.study
    what = f"Trial {trial.trial_id}"
    if len(networks) > 1:
        what = f"The average of {len(networks)} networks of candidate {exported.number}, measured each on its own,"
    together = {split: [row for one in rows for row in one[split]] for split in Split}
    return ModelRecord(
        name=name_export(study, exported.number, networks),
        summary=f"{what} of the study {study}, found by paretoseg.",
        card=write_card(record, exported, together, dataset=load_once(task.data), data=task.data, form=form),
        metrics=dict(trial.objectives) | {f"test_{name}": value for name, value in trial.test.items()},
        scores=[
            {row.case: row.value for row in select_means(one[Split.TEST], DICE.name) if row.is_clean} for one in rows
        ],
        pictures={case.file: case.content for case in exported.cases},
    )


def _write(
    target: Path,
    model: ModelRecord,
    candidate: Candidate,
    *,
    task: ImageTask,
    checkpoints: Sequence[Path],
    form: str,
    console: Console,
) -> int:
    # torch, MONAI: late, so that refusals come at once.
    from paretoseg.trainables.export.proof import ProofError
    from paretoseg.trainables.export.writing import export_model

    try:
        with _new_folder(target) as unfinished:
            found = export_model(
                unfinished,
                model,
                task=task,
                candidate=candidate,
                checkpoints=checkpoints,
                form=form,
            )
    except ProofError as error:
        print(f"paretoseg: {error}; nothing was kept", file=sys.stderr)
        return ExitCode.BUG
    console.print(f"Proved with {found}.\nWritten: {target}", markup=False, soft_wrap=True)
    if form == "onnx" and isinstance(task.data, FilesConfig):
        console.print(
            "Its segment.py takes prepared arrays, not raw files; its README.md lists the steps.",
            soft_wrap=True,
        )
    return ExitCode.DONE


def name_export(study: str, candidate: int, trials: Sequence[Trial]) -> str:
    """The name of the export; the study's name is cut where the whole would be too long."""
    number = f"-trial-{trials[0].trial_id:05d}" if len(trials) == 1 else f"-candidate-{candidate:05d}"
    return to_safe_name(study)[: MAX_NAME - len(number)] + number


def _check_settled(folder: StudyFolder, record: StudyRecord, trial: Trial, options: Options, choice: Choice) -> None:
    """Refuses while the search is running, as a better trial may follow, and a trial whose network is not kept."""
    location = folder.folder.location
    if writer := find_writer(folder.folder):
        raise ValueError(
            f"the search is running ({writer}); wait for it or stop it; `paretoseg status {location}` shows where it "
            "stands"
        )
    if not choice.is_on_front and not folder.checkpoints.has(trial.trial_id):
        raise ValueError(
            " ".join(describe_choice(options, choice)) + " Only the networks of the front's members are kept; pick one "
            "of these"
        )
    if not trial.test and record.confirming:
        raise ValueError(
            f"candidate {options.numbers[choice.index]} was not confirmed, so it is not measured on test cases; "
            f"`paretoseg confirm {location} --candidates <more>` does that, or pick one of the confirmed: "
            f"{', '.join(map(str, record.confirming.candidates))}"
        )
    if not trial.test:
        raise ValueError(
            f"trial {trial.trial_id} is not measured on test cases; resume the search, with budget.hours=<more> if its "
            f"hours are spent, or pick another trial; `paretoseg status {location}` shows where it stands"
        )


def read_image_task(folder: StudyFolder, record: StudyRecord) -> ImageTask:
    """The task of a study whose networks segment images.

    Raises:
        ValueError: if it is another task, or its data is not there.
    """
    task = rebuild_task(folder, record.created)
    if not isinstance(task, ImageTask):
        raise ValueError("only studies with task=segmentation have networks to export; this one has another task")
    return task


def _check_free(target: Path) -> None:
    if not target.name or target.name == "..":
        raise ValueError(f"--output must name a new folder, got {str(target)!r}")
    if os.path.lexists(target):
        raise ValueError(f"{str(target)!r} exists already and is not overwritten; choose another folder with --output")


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """A temporary folder beside the target: becomes the target if the block succeeds, else it is removed.

    Raises:
        ValueError: if the folders above it cannot be created, or the target was created meanwhile.
        OSError: if it cannot be written.
    """
    with _new_parents(target), tempfile.TemporaryDirectory(prefix=".paretoseg-export-", dir=target.parent) as place:
        unfinished = Path(place) / "export"
        unfinished.mkdir()
        yield unfinished
        _check_free(target)
        unfinished.rename(target)


@contextmanager
def _new_parents(target: Path) -> Iterator[None]:
    """Creates the folders above the target; in the end removes those of them that are empty."""
    missing = list(itertools.takewhile(lambda parent: not parent.exists(), target.absolute().parents))
    try:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            where = f"cannot write to {str(target.parent)!r}"
            raise ValueError(f"{where}: {error.strerror}; choose another --output") from None
        yield
    finally:
        for parent in missing:
            with suppress(OSError):
                parent.rmdir()
