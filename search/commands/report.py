"""The command `paretoseg report`: from a study's folder to one HTML file."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.attribution.attribution import RULE, Attribution
from paretoseg.search.certainty.certainty import Certainty
from paretoseg.search.certainty.reality import Reality
from paretoseg.search.commands.attribution import read_attribution
from paretoseg.search.commands.certainty import read_certainty
from paretoseg.search.commands.health import find_health
from paretoseg.search.commands.outputs import locate_file
from paretoseg.search.commands.stability import read_order
from paretoseg.search.config.stored_task import compose_stored, rebuild_task
from paretoseg.search.fronts.stability import Stability
from paretoseg.search.reports.ablation_section import ShownAblation, render_ablations
from paretoseg.search.reports.attribution_picture import draw_attribution
from paretoseg.search.reports.attribution_section import render_attribution
from paretoseg.search.reports.certainty_text import describe_certainty
from paretoseg.search.reports.convergence import follow_front, name_compute
from paretoseg.search.reports.fidelity import describe_fidelity
from paretoseg.search.reports.health_text import render_health
from paretoseg.search.reports.html import describe_seeds, render_report
from paretoseg.search.reports.page_data import (
    count_empty,
    describe_metrics,
    describe_study,
    find_corrupted,
    find_metric,
    mean_by_class,
    mean_by_severity,
    mean_by_shift,
    skips_absent_classes,
)
from paretoseg.search.reports.pictures import choose_cases, choose_conditions, describe_pictures, spread
from paretoseg.search.reports.reality_text import render_reality
from paretoseg.search.reports.rescore_section import ShownRescoring, render_rescorings
from paretoseg.search.reports.robustness_data import describe_corruptions
from paretoseg.search.reports.robustness_text import describe_profiles
from paretoseg.search.reports.stability_picture import draw_stability
from paretoseg.search.reports.stability_text import render_stability
from paretoseg.search.reports.stopping_picture import draw_rung
from paretoseg.search.reports.stopping_text import render_stopping
from paretoseg.search.store.ablation_folder import AblationFolder, list_ablations
from paretoseg.search.store.rescore_folder import RescoreFolder, list_rescorings
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.study.rescore_record import read_drift
from paretoseg.search.trials.trial import State, Trial
from paretoseg.trainables.data.datasets import load_once
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.trainable import Assignment, CaseScore, Split

REPORT_NAME = "report.html"

MAX_PICTURED = 12
"""Members of the front with pictures, spread evenly over it: few enough for a small file and a short wait."""


@dataclass(frozen=True)
class Scores:
    """The stored rows, by trial."""

    validation: Mapping[int, Sequence[CaseScore]]
    test: Mapping[int, Sequence[CaseScore]]
    metric: str
    """The metric that the objectives are computed from."""


def report(location: str, output: str | None, has_pictures: bool, console: Console) -> int:
    """Writes the report of a study and prints its path; returns the exit code.

    Args:
        location: Folder or URI of the study.
        output: The file to write, replaced if it exists; None for `report.html` in the study's folder.
        has_pictures: Whether networks are loaded to draw what they predict.
        console: Where progress is shown.

    Raises:
        ValueError: if there is no study, or the output cannot be a file.
        StorageError: if the study cannot be read or the file cannot be written.
    """
    folder = StudyFolder(location)
    target, name = (folder.folder, REPORT_NAME) if output is None else locate_file(output, REPORT_NAME)
    events = folder.read_events()
    record = StudyRecord(events)
    with _show_progress(console) as progress:
        scores = _read_scores(folder, record, progress)
        pictures = (
            _take_pictures(folder, record, scores, progress)
            if has_pictures
            else _without_pictures("left out on request")
        )
    certainty, gap = _find_certainty(folder, record)
    num_gpus = _find_gpus(folder, record)
    data = describe_study(record, certainty) | {
        "milestones": [asdict(milestone) for milestone in follow_front(events, num_gpus)],
        "computeName": name_compute(num_gpus),
        **_describe_scores(scores),
        "pictures": pictures,
    }
    written_at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    sections, left_out = _render_sections(folder, record, scores)
    page = render_report(record, data, _notes(record, certainty), written_at, sections=sections)
    content = page.encode(errors="replace")
    target.write(name, content)
    notes = [f"it has no pictures: {pictures['reason']}"] if pictures["reason"] else []
    notes += [*folder.journal.describe_left_out(), *gap, *pictures["gaps"], *left_out]
    _announce(output or folder.folder.child(name).location, len(content), notes, console)
    return ExitCode.DONE


def _render_sections(folder: StudyFolder, record: StudyRecord, scores: Scores) -> tuple[str, list[str]]:
    """The sections on choices, early stopping, stability, shift sets, ablations and rescorings, and what they lack."""
    stability, reality, unstable = _find_stability(folder, record, scores)
    ablations, unreadable = _read_ablations(folder)
    rescorings, damaged = _read_rescorings(folder, record)
    attribution = _find_attribution(folder, record)
    sections = render_attribution(attribution, draw_attribution(attribution) if attribution else None)
    sections += render_stopping(record, draw_rung(record))
    sections += render_stability(stability, draw_stability(stability) if stability else None)
    sections += render_reality(reality) + render_ablations(ablations) + render_rescorings(rescorings)
    sections += render_health(find_health(folder, record))
    return sections, [*unstable, *unreadable, *damaged]


def _announce(place: str, num_bytes: int, notes: Sequence[str], console: Console) -> None:
    size = f"{num_bytes / 1e6:.1f} MB" if num_bytes > 1e6 else f"{num_bytes / 1e3:.0f} kB"
    console.print(
        f"Report: {place} ({size}); open it in any browser, it needs no network.", markup=False, soft_wrap=True
    )
    for note in notes:
        console.print(f"Note: {note}", markup=False, soft_wrap=True)


def _show_progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _read_scores(folder: StudyFolder, record: StudyRecord, progress: Progress) -> Scores:
    finished = [trial.trial_id for trial in record.trials if trial.state is State.FINISHED]
    tested = [trial.trial_id for trial in record.trials if trial.test]
    validation = {
        trial_id: folder.cases.read(trial_id, Split.VALIDATION)
        for trial_id in progress.track(finished, description="reading cases")
    }
    test = {trial_id: folder.cases.read(trial_id, Split.TEST) for trial_id in tested}
    metric = find_metric(record.objectives, (row for rows in validation.values() for row in rows))
    return Scores(validation, test, metric)


def _find_gpus(folder: StudyFolder, record: StudyRecord) -> float:
    """How many GPUs a trial of the study has, as it was started; 0 if that is not known."""
    try:
        return compose_stored(folder, record.created).experiment.resources.gpus
    except ValueError:
        return 0.0


def _find_certainty(folder: StudyFolder, record: StudyRecord) -> tuple[Certainty | None, list[str]]:
    """How certain the front is, or why that is not known."""
    if not any(folder.cases.has(trial.trial_id, Split.VALIDATION) for trial in record.front.trials):
        return None, []
    try:
        return read_certainty(folder, record), []
    except ValueError as error:
        return None, [f"it is not known how sure the front is: {error}"]


def _find_attribution(folder: StudyFolder, record: StudyRecord) -> Attribution | None:
    """What the choices of the study do; None with fewer candidates than can say anything."""
    if len(record.results) < RULE.least_candidates:
        return None
    try:
        return read_attribution(folder, record)
    except ValueError:  # the config is gone, which other notes say
        return None


def _find_stability(
    folder: StudyFolder, record: StudyRecord, scores: Scores
) -> tuple[Stability | None, Reality | None, list[str]]:
    """Whether the order of the trials holds, and what it says about shift sets; or why that is not known."""
    if not any(scores.validation.values()):
        return None, None, []
    try:
        return *read_order(folder, record, scores.validation), []
    except ValueError as error:
        return None, None, [f"the stability of the order is left out: {error}"]


def _read_rescorings(folder: StudyFolder, record: StudyRecord) -> tuple[list[ShownRescoring], list[str]]:
    """The rescorings that can be shown, and why others cannot."""
    shown, gaps = [], []
    for name in list_rescorings(folder.folder):
        stored = RescoreFolder(folder.folder, name)
        try:
            found = stored.read_record()
        except ValueError as error:
            gaps.append(f"rescoring {name} is left out: {error}")
            continue
        if found is not None:
            words, drift = " ".join(found.overrides), read_drift(record, found)
            shown.append(ShownRescoring(name, words, drift, found.objectives, stored.read_picture()))
    return shown, gaps


def _read_ablations(folder: StudyFolder) -> tuple[list[ShownAblation], list[str]]:
    """The ablations that can be shown, and why others cannot."""
    shown, gaps = [], []
    for number in list_ablations(folder.folder):
        stored = AblationFolder(folder.folder, number)
        try:
            found = stored.read_ablation()
        except ValueError as error:
            gaps.append(f"the ablation of candidate {number} is left out: {error}")
            continue
        if found is not None:
            shown.append(ShownAblation(found, stored.read_picture()))
    return shown, gaps


def _describe_scores(scores: Scores) -> dict[str, Any]:
    """The means that the page draws, by split and trial; trials without rows are left out."""
    by_split = {
        split: {str(trial_id): rows for trial_id, rows in by_trial.items() if rows}
        for split, by_trial in (("validation", scores.validation), ("test", scores.test))
    }
    return {
        "metric": scores.metric,
        "metrics": describe_metrics(row for rows in scores.validation.values() for row in rows),
        "corruptions": describe_corruptions(
            (row for rows in scores.validation.values() for row in rows), scores.metric
        ),
        "severities": {
            split: {trial_id: mean_by_severity(rows, scores.metric) for trial_id, rows in by_trial.items()}
            for split, by_trial in by_split.items()
        },
        "otherSeverities": {
            metric: {
                split: {trial_id: mean_by_severity(rows, metric) for trial_id, rows in by_trial.items()}
                for split, by_trial in by_split.items()
            }
            for metric in find_corrupted(row for rows in scores.validation.values() for row in rows)
            if metric != scores.metric
        },
        "shifts": {
            split: {trial_id: mean_by_shift(rows, scores.metric) for trial_id, rows in by_trial.items()}
            for split, by_trial in by_split.items()
        },
        "classes": {
            split: {trial_id: mean_by_class(rows) for trial_id, rows in by_trial.items()}
            for split, by_trial in by_split.items()
        },
        "skipsAbsent": any(skips_absent_classes(rows) for by_trial in by_split.values() for rows in by_trial.values()),
        "empty": {
            split: {trial_id: count_empty(rows) for trial_id, rows in by_trial.items()}
            for split, by_trial in by_split.items()
        },
    }


def _take_pictures(folder: StudyFolder, record: StudyRecord, scores: Scores, progress: Progress) -> dict[str, Any]:
    """The data of the page's pictures, or the reason why there are none."""
    members = spread([trial.trial_id for trial in record.front.trials], MAX_PICTURED)
    if not members:
        return _without_pictures("no trial is on the front yet")
    try:
        task = rebuild_task(folder, record.created)
        if not isinstance(task, ImageTask):
            return _without_pictures("this study's task has no images")
        return _draw(folder, [record.trials[trial_id] for trial_id in members], task, scores, progress)
    except (ValueError, OSError) as error:
        return _without_pictures("; ".join(str(error).splitlines()))


def _draw(
    folder: StudyFolder, members: Sequence[Trial], task: ImageTask, scores: Scores, progress: Progress
) -> dict[str, Any]:
    is_tested = all(scores.test.get(trial.trial_id) for trial in members)
    split, by_trial = (Split.TEST, scores.test) if is_tested else (Split.VALIDATION, scores.validation)
    rows = [by_trial.get(trial.trial_id, ()) for trial in members]
    cases, conditions = choose_cases(rows, scores.metric), choose_conditions(next(filter(None, rows), ()))
    if not cases:
        return _without_pictures("the rows of the front's members are missing in cases/")
    waiting = progress.add_task("loading torch", total=None)
    from paretoseg.trainables.segmentation import gallery  # torch and MONAI: nothing else here needs them

    progress.update(waiting, visible=False)
    shown = gallery.find_cases(task, split, [name for name, _ in cases])
    unfit = gallery.find_unfit(task, shown, conditions)
    conditions = [condition for condition in conditions if condition not in unfit]
    scenes = gallery.render_cases(task, shown, conditions)
    gaps = [f"{one.describe()} is not shown: it would move a class out of the image of a case" for one in unfit]
    answers = {}
    for trial in progress.track(members, description="drawing pictures"):
        assignment = Assignment(trial.candidate, trial.seed)
        try:
            with folder.checkpoints.open(trial.trial_id) as path:
                if path is None:
                    raise ValueError("its checkpoint is gone; restore it")
                answers[trial.trial_id] = gallery.render_predictions(task, assignment, path, shown, conditions)
        except ValueError as error:
            gaps.append(f"trial {trial.trial_id} has no pictures: {error}")
    if not answers:
        return _without_pictures("; ".join(gaps))
    names = load_once(task.data).class_names
    return describe_pictures(cases, conditions, scenes, answers, split, names) | {"reason": "", "gaps": gaps}


def _without_pictures(reason: str) -> dict[str, Any]:
    return {"reason": reason, "gaps": []}


def _notes(record: StudyRecord, certainty: Certainty | None) -> list[str]:
    notes = [
        describe_seeds(record),
        "Validation cases chose the front; test cases were measured once, at the end, for its members only.",
    ]
    if record.confirming:
        notes[1] = "Validation cases chose the front; test cases were measured for the candidates that were confirmed."
        if record.were_test_cases_seen:
            notes[1] += " The search went on after they had been measured, so they are no longer untouched."
    elif any(not trial.test for trial in record.front.trials):
        notes[1] = "Validation cases chose the front; not all of its members are measured on test cases yet."
    notes += describe_profiles(record.front.trials)
    notes += describe_certainty(certainty) if certainty else []
    notes += describe_fidelity(record.trials, record.objectives)
    num_running = sum(trial.state is State.RUNNING for trial in record.trials)
    if num_running:
        notes.append(
            f"{num_running} trials were running or interrupted when this was written: the front may still grow."
        )
    return notes
