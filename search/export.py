"""The command `paretoseg export`: one member of a study's front as a folder that others can use."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from search.fronts.choice import choose
from search.record import StudyRecord
from search.reports.model_card import METRIC, write_card
from search.store.study_folder import StudyFolder
from search.stored_task import rebuild_task
from search.trial import State, Trial
from spaces.search_space import Candidate
from trainables.datasets import Dataset, load_once
from trainables.model_record import ModelRecord, to_safe_name
from trainables.segmentation_task import SegmentationTask
from trainables.severities import CLEAN
from trainables.trainable import Split


def export(location: str, pick: str, form: str, output: str | None, console: Console) -> int:
    """Exports the trial that is picked; returns the exit code: 0, or 1 if the export did not prove itself.

    Args:
        location: Folder or URI of the study.
        pick: 'knee', 'most-accurate', 'most-robust', or a trial's number.
        form: 'bundle' or 'onnx'.
        output: The new folder; None for one in the working directory that is named after study and trial.
        console: Where progress is shown.

    Raises:
        ValueError: for a mistake of the user's, before anything is written.
    """
    folder = StudyFolder(location)
    record = folder.read_record()
    trial = choose(record.front, pick, record.objectives)
    _check_finished(record, location)
    task = _read_task(folder, record)
    name = f"{to_safe_name(record.created.study)}-trial-{trial.trial_id:05d}"
    target = Path(f"{name}-{form}" if output is None else output)
    _check_free(target)
    with folder.open_checkpoint(trial.trial_id) as checkpoint:
        if checkpoint is None:
            raise ValueError(
                f"the checkpoint of trial {trial.trial_id} is missing; restore checkpoints/ from a backup, or pick "
                "another trial"
            )
        console.print(f"Exporting {name} as {form}.", markup=False, soft_wrap=True)
        console.print(
            "It is kept if a fresh process gets the evaluation's mask from it; this takes a while.", soft_wrap=True
        )
        dataset = load_once(task.data)
        model = _describe(name, folder, record, trial, task=task, dataset=dataset, form=form)
        return _write(
            target, model, trial.candidate, dataset=dataset, checkpoint=checkpoint, form=form, console=console
        )


def _describe(
    name: str,
    folder: StudyFolder,
    record: StudyRecord,
    trial: Trial,
    *,
    task: SegmentationTask,
    dataset: Dataset,
    form: str,
) -> ModelRecord:
    rows = {split: folder.read_cases(trial.trial_id, split) for split in Split}
    return ModelRecord(
        name=name,
        summary=f"Trial {trial.trial_id} of the study {record.created.study}, found by paretoseg.",
        card=write_card(record, trial, rows, dataset=dataset, data=task.data, form=form),
        metrics=dict(trial.objectives) | {f"test_{name}": value for name, value in trial.test.items()},
        scores={row.case: row.value for row in rows[Split.TEST] if row.corruption == CLEAN and row.metric == METRIC},
    )


def _write(
    target: Path,
    model: ModelRecord,
    candidate: Candidate,
    *,
    dataset: Dataset,
    checkpoint: Path,
    form: str,
    console: Console,
) -> int:
    # torch, MONAI: late, so that refusals come at once.
    from trainables.export import export_model
    from trainables.proof import ProofError

    try:
        with _new_folder(target) as unfinished:
            found = export_model(
                unfinished, model, dataset=dataset, candidate=candidate, checkpoint=checkpoint, form=form
            )
    except ProofError as error:
        print(f"paretoseg: {error}; nothing was kept", file=sys.stderr)
        return 1
    console.print(f"Proved with {found}.\nWritten: {target}", markup=False, soft_wrap=True)
    return 0


def _check_finished(record: StudyRecord, location: str) -> None:
    """Until the front is final and tested, a better trial may come, and the card would lack its test scores."""
    running = sum(trial.state is State.RUNNING for trial in record.trials)
    untested = sum(not trial.test for trial in record.front.trials)
    if running or untested:
        what = (
            f"{running} trials are running or interrupted"
            if running
            else f"{untested} members of its front are not tested yet"
        )
        raise ValueError(f"the search is not finished ({what}); `paretoseg status {location}` shows where it stands")


def _read_task(folder: StudyFolder, record: StudyRecord) -> SegmentationTask:
    task = rebuild_task(folder, record.created)
    if not isinstance(task, SegmentationTask):
        raise ValueError("only studies with task=segmentation have networks to export; this one has another task")
    return task


def _check_free(target: Path) -> None:
    if not target.name or target.name == "..":
        raise ValueError(f"--output must name a new folder, got {str(target)!r}")
    if os.path.lexists(target):
        raise ValueError(f"{str(target)!r} is there already and is not touched; choose another folder with --output")


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """A folder beside the target that takes its place when the block ends well, and vanishes otherwise.

    Raises:
        ValueError: if it cannot be written, or something has taken the place meanwhile.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=".paretoseg-export-", dir=target.parent))
    except OSError as error:
        raise ValueError(f"cannot write to {str(target.parent)!r}: {error.strerror}; choose another --output") from None
    try:
        yield unfinished
        _check_free(target)
        unfinished.chmod(0o755)
        unfinished.rename(target)
    except OSError as error:
        raise ValueError(f"cannot write {str(target)!r}: {error.strerror or error}; choose another --output") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
