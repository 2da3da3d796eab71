"""The command `paretoseg export`: one member of a study's front as a folder that others can use."""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.config.stored_task import rebuild_task
from paretoseg.search.fronts.choice import choose
from paretoseg.search.reports.model_card import describe_gaps, write_card
from paretoseg.search.store.lock import find_writer
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.datasets import Dataset, load_once
from paretoseg.trainables.data.files_config import FilesConfig
from paretoseg.trainables.data.model_record import MAX_NAME, ModelRecord, to_safe_name
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.scoring.measures import DICE
from paretoseg.trainables.scoring.objectives import select_means
from paretoseg.trainables.trainable import Split


def export(location: str, pick: str, form: str, output: str | None, console: Console) -> int:
    """Exports the trial that is picked; returns the exit code: 0, or 1 if the export failed its proof.

    Args:
        location: Folder or URI of the study.
        pick: 'knee', 'most-accurate', 'most-robust', or a trial's number.
        form: 'bundle' or 'onnx'.
        output: The new folder; None for one in the working directory that is named after study and trial.
        console: Where progress is shown.

    Raises:
        ValueError: for a mistake of the user's, or a disk that is full; nothing is left behind.
    """
    try:
        return _export(location, pick, form, output, console)
    except OSError as error:
        raise ValueError(
            f"cannot export: {error}; make sure that --output and the folder for temporary files (TMPDIR) are writable "
            "and have room"
        ) from None


def _export(location: str, pick: str, form: str, output: str | None, console: Console) -> int:
    folder = StudyFolder(location)
    record = folder.read_record()
    trial = choose(record.front, pick, record.objectives)
    _check_settled(folder, trial)
    task = _read_task(folder, record)
    name = _name(record.created.study, trial)
    target = Path(f"{name}-{form}" if output is None else output)
    _check_free(target)
    with folder.checkpoints.open(trial.trial_id) as checkpoint:
        if checkpoint is None:
            raise ValueError(
                f"the checkpoint of trial {trial.trial_id} is missing; restore checkpoints/ from a backup, or pick "
                "another trial"
            )
        console.print(f"Exporting {name} as {form}.", markup=False, soft_wrap=True)
        for note in folder.journal.describe_left_out():
            console.print(f"Note: {note}.", markup=False, soft_wrap=True)
        if gaps := describe_gaps(record):
            console.print(f"Note: {gaps} The model card says so.", markup=False, soft_wrap=True)
        console.print(
            "It is kept only if a fresh process gets the same mask from it as the evaluation; this takes a while.",
            soft_wrap=True,
        )
        dataset = load_once(task.data)
        model = _describe(name, folder, record, trial, task=task, dataset=dataset, form=form)
        return _write(target, model, trial.candidate, task=task, checkpoint=checkpoint, form=form, console=console)


def _describe(
    name: str,
    folder: StudyFolder,
    record: StudyRecord,
    trial: Trial,
    *,
    task: ImageTask,
    dataset: Dataset,
    form: str,
) -> ModelRecord:
    rows = {split: folder.cases.read(trial.trial_id, split) for split in Split}
    return ModelRecord(
        name=name,
        summary=f"Trial {trial.trial_id} of the study {record.created.study}, found by paretoseg.",
        card=write_card(record, trial, rows, dataset=dataset, data=task.data, form=form),
        metrics=dict(trial.objectives) | {f"test_{name}": value for name, value in trial.test.items()},
        scores={row.case: row.value for row in select_means(rows[Split.TEST], DICE.name) if row.is_clean},
    )


def _write(
    target: Path,
    model: ModelRecord,
    candidate: Candidate,
    *,
    task: ImageTask,
    checkpoint: Path,
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
                checkpoint=checkpoint,
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


def _name(study: str, trial: Trial) -> str:
    """The name of the export; the study's name is cut where the whole would be too long."""
    number = f"-trial-{trial.trial_id:05d}"
    return to_safe_name(study)[: MAX_NAME - len(number)] + number


def _check_settled(folder: StudyFolder, trial: Trial) -> None:
    """Refuses while the search is running, as a better trial may follow, and a trial without test scores."""
    location = folder.folder.location
    if writer := find_writer(folder.folder):
        raise ValueError(
            f"the search is running ({writer}); wait for it or stop it; `paretoseg status {location}` shows where it "
            "stands"
        )
    if not trial.test:
        raise ValueError(
            f"trial {trial.trial_id} is not measured on test cases; resume the search, with budget.hours=<more> if its "
            f"hours are spent, or pick another trial; `paretoseg status {location}` shows where it stands"
        )


def _read_task(folder: StudyFolder, record: StudyRecord) -> ImageTask:
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
