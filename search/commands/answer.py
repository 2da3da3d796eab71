"""What a search prints at its end: the front, why trials failed, and what can be done next."""

from __future__ import annotations

import shlex
import time

from rich.console import Console
from rich.text import Text

from paretoseg.search.certainty.certainty import Certainty
from paretoseg.search.certainty.reality import Reality
from paretoseg.search.commands.budget_text import continue_with, describe_left
from paretoseg.search.commands.certainty import measure_certainty
from paretoseg.search.commands.next_steps import list_next
from paretoseg.search.commands.own_command import own_command
from paretoseg.search.commands.plan import Plan
from paretoseg.search.commands.stability import read_reality
from paretoseg.search.commands.used_test_cases import (
    USED_UP,
    has_used_test_cases,
)
from paretoseg.search.reports.baseline_text import describe_baselines
from paretoseg.search.reports.certainty_text import describe_certainty
from paretoseg.search.reports.failure_text import describe_failures
from paretoseg.search.reports.robustness_text import show_beside
from paretoseg.search.reports.stopping_text import describe_stopping
from paretoseg.search.reports.text import front_table
from paretoseg.search.reports.trade_off_text import describe_single
from paretoseg.search.store.certainty_file import write_certainty
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.study.study import Study
from paretoseg.search.trials.trial import State


def show_front(plan: Plan, record: StudyRecord, console: Console) -> Certainty | None:
    """Draws the front into the study's folder, and shows it as a table; returns how sure it is."""
    from paretoseg.search.reports.picture import draw_front  # matplotlib: late, so that the first trial starts early

    certainty = _find_certainty(plan, record)
    write_certainty(plan.folder.folder, record, certainty, _find_reality(plan, record))
    plan.folder.write_candidates(record, certainty)
    plan.folder.write_front(record, certainty)
    picture = plan.folder.write_picture("front.png", draw_front(record, certainty))
    console.print(front_table(record, certainty=certainty))
    for shown in show_beside(record.front.trials):
        console.print(shown, soft_wrap=isinstance(shown, Text))
    certain = describe_certainty(certainty, record.seconds_per_trial) if certainty else []
    for line in (*describe_baselines(record), *describe_single(record), *certain, *describe_stopping(record)):
        console.print(line, markup=False, soft_wrap=True)
    for note in plan.pruner.notes():
        console.print(f"Note: {note}.", markup=False, soft_wrap=True)
    table = plan.folder.folder.child("front.csv").location
    console.print(f"Picture: {picture}\nTable:   {table}", markup=False, soft_wrap=True)
    return certainty


def show_failures(plan: Plan, study: Study, resume: str, console: Console) -> None:
    """Prints why the trials of a search that gave up, or in which none finished, failed, and the way out."""
    record, status = study.record, f"{own_command()} status {shlex.quote(plan.folder.folder.location)}"
    if not study.is_searching(time.time()) and not has_used_test_cases(study):
        resume = continue_with(study, resume)  # the same command alone would find nothing to do
    how = f"no trial finished; {record.count(State.FAILED)} of {record.num_ended} failed"
    if study.gave_up:
        none = "" if record.count(State.FINISHED) else ", and none finished"
        how = f"{study.max_failures} trial{'s' * (study.max_failures != 1)} failed in a row{none}"
    for line in (f"Stopped: {how}.", *describe_failures(record), *describe_left(study)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"`{status}` lists them; fix the cause, then resume with: {resume}",
        markup=False,
        soft_wrap=True,
    )


def show_next_steps(plan: Plan, study: Study, resume: str, console: Console) -> None:
    """Prints what can be done with a study whose budget is spent."""
    for line in describe_left(study):
        console.print(line, soft_wrap=True)
    place, is_used = shlex.quote(plan.folder.folder.location), has_used_test_cases(study)
    more = () if is_used else (continue_with(study, resume),)
    steps = (*list_next(plan.task, study.record, place), *more)
    console.print("Next: " + "\n      ".join(steps), markup=False, soft_wrap=True)
    if is_used:
        console.print(USED_UP, markup=False, soft_wrap=True)


def _find_certainty(plan: Plan, record: StudyRecord) -> Certainty | None:
    """How certain the front is, or None if the rows are missing or do not fit."""
    try:
        return measure_certainty(plan.folder, record, plan.task, seed=plan.experiment.seed)
    except ValueError:
        return None


def _find_reality(plan: Plan, record: StudyRecord) -> Reality | None:
    """What predicts the scores on shift sets, or None if there are none, or rows are missing or do not fit."""
    try:
        return read_reality(plan.folder, record, plan.task)
    except ValueError:
        return None
