"""What a user can do with a study whose search is over, as commands that run as they are printed."""

from __future__ import annotations

from paretoseg.search.commands.export import list_options
from paretoseg.search.commands.own_command import own_command
from paretoseg.search.fronts.choice import choose
from paretoseg.search.fronts.picks import KNEE
from paretoseg.search.study.record import StudyRecord
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.trainable import Task


def list_next(task: Task, record: StudyRecord, place: str) -> list[str]:
    """Commands that show the front, write the report, and export and apply a network, one a line.

    Only `predict` ends with a word to be replaced: the images are the user's own.

    Args:
        task: That of the study; the networks of a task without images cannot be exported.
        record: The study.
        place: Its folder or URI, quoted for a shell.
    """
    command = own_command()
    steps = [f"{command} front {place}", f"{command} report {place}", f"{command} status {place}"]
    if isinstance(task, ImageTask) and (pick := find_pick(record)):
        steps += [
            f"{command} export {place} --pick {pick} --format bundle",
            f"{command} predict {place} --pick {pick} IMAGE...",
        ]
    return steps


def find_pick(record: StudyRecord) -> str:
    """The knee if it was measured on test cases, else the first member of the front that was; '' if none was."""
    tested = [result.number for result in record.front.results if result.tested]
    if not tested:
        return ""
    knee = record.feasible[choose(list_options(record), KNEE).index].number
    return KNEE if knee in tested else str(tested[0])
