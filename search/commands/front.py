"""The command `paretoseg front`: the front of a study with everything that is known about it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.commands.own_command import own_command
from paretoseg.search.reports import reality_text
from paretoseg.search.reports.baseline_text import describe_baselines
from paretoseg.search.reports.certainty_text import describe_certainty
from paretoseg.search.reports.constraint_text import describe_constraints
from paretoseg.search.reports.robustness_text import show_beside
from paretoseg.search.reports.stability_text import CAPTION, stability_table
from paretoseg.search.reports.stopping_text import describe_guarded
from paretoseg.search.reports.text import front_table
from paretoseg.search.reports.trade_off_text import describe_single
from paretoseg.search.store.candidate_table import front_rows
from paretoseg.search.store.certainty_file import read_certainty
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord

if TYPE_CHECKING:
    from paretoseg.search.certainty.certainty import Certainty
    from paretoseg.search.certainty.reality import Reality
    from paretoseg.search.fronts.stability import Stability


def show_front(
    study: str, console: Console, *, has_intervals: bool = False, has_stability: bool = False, as_json: bool = False
) -> int:
    """Shows the front of a study; returns the exit code.

    Args:
        study: Folder or URI of the study.
        console: Where it is shown.
        has_intervals: Whether every objective has its interval.
        has_stability: Whether it is shown how stable the order in robustness is.
        as_json: Whether a list of flat objects is printed instead.

    Raises:
        ValueError: if there is no study, or what is asked for is not known.
        StorageError: if the study cannot be read.
    """
    folder = StudyFolder(study)
    record = folder.read_record()
    certainty, gap = find_certainty(folder, record, is_needed=has_intervals)
    has_order = has_stability and record.front.results
    stability, reality = _read_stability(folder, record) if has_order else (None, None)
    notes = [*([f"it is not known how sure the front is: {gap}"] if gap else []), *folder.journal.describe_left_out()]
    if as_json:
        orders = (stability.columns if stability else {}) | (reality.columns if reality else {})
        print(json.dumps([row | orders for row in front_rows(record, certainty)], indent=2))
        for note in notes:
            print(f"Note: {note}.", file=sys.stderr)
        return ExitCode.DONE
    if record.front.results:
        console.print(front_table(record, certainty=certainty, has_intervals=has_intervals))
        _show_beside_the_table(record, certainty, stability, reality, console)
    else:
        console.print(_describe_empty(record, study), markup=False, soft_wrap=True)
    for note in notes:
        console.print(f"Note: {note}.", markup=False, soft_wrap=True)
    return ExitCode.DONE


def _show_beside_the_table(
    record: StudyRecord,
    certainty: Certainty | None,
    stability: Stability | None,
    reality: Reality | None,
    console: Console,
) -> None:
    """What is said below the table of a front."""
    for shown in show_beside(record.front.trials):
        console.print(shown, soft_wrap=isinstance(shown, Text))
    sure = describe_certainty(certainty, record.seconds_per_trial) if certainty else []
    for line in (*describe_baselines(record), *describe_single(record), *sure):
        console.print(line, markup=False, soft_wrap=True)
    if stability:
        console.print(stability_table(stability))
        console.print(CAPTION, markup=False, soft_wrap=True)
    if reality:
        console.print(reality_text.reality_table(reality))
        console.print(reality_text.CAPTION, markup=False, soft_wrap=True)
    for line in describe_guarded(record):
        console.print(line, markup=False, soft_wrap=True)


def find_certainty(
    folder: StudyFolder, record: StudyRecord, *, is_needed: bool = False
) -> tuple[Certainty | None, str]:
    """How sure the front is, as the search stored it, or else from the rows; or why that is not known.

    Returns:
        The certainty, or None; and a reason, '' if there is no front.

    Raises:
        ValueError: if it is not known, but needed.
    """
    if not record.front.results:
        return None, ""
    if stored := read_certainty(folder.folder, record):
        return stored, ""
    from paretoseg.search.commands import certainty  # Hydra: too slow to import for other commands

    try:
        return certainty.read_certainty(folder, record), ""
    except ValueError as error:
        if is_needed:
            raise ValueError(f"{error}; without --intervals the front is shown as it is") from None
        return None, str(error)


def _describe_empty(record: StudyRecord, study: str) -> str:
    """Why there is no front."""
    reason = describe_constraints(record).removesuffix(".") if record.results else "No trial has finished yet"
    return f"{reason}; `{own_command()} status {study}` shows where the study stands."


def _read_stability(folder: StudyFolder, record: StudyRecord) -> tuple[Stability, Reality | None]:
    from paretoseg.search.commands.stability import read_order  # Hydra: too slow to import for a look at the front

    try:
        return read_order(folder, record)
    except ValueError as error:
        raise ValueError(f"{error}; without --stability the front is shown as it is") from None
