"""The command `paretoseg attribution`: which choices of a study trade one objective for another."""

from __future__ import annotations

import json

from rich.console import Console

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.attribution.attribution import Attribution, attribute
from paretoseg.search.commands.outputs import locate_file
from paretoseg.search.config.stored_task import compose_stored
from paretoseg.search.reports.attribution_picture import draw_attribution
from paretoseg.search.reports.attribution_text import (
    CAPTION,
    PIECES_CAPTION,
    attribution_rows,
    attribution_tables,
    describe_attribution,
)
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord

PICTURE = "attribution.png"


def show_attribution(location: str, output: str | None, console: Console, *, as_json: bool = False) -> int:
    """Shows what the choices of a study do, and draws it; returns the exit code.

    Args:
        location: Folder or URI of the study.
        output: The picture to write, replaced if it exists; None for `attribution.png` in the study's folder.
        console: Where it is shown.
        as_json: Whether an object is printed instead of tables.

    Raises:
        ValueError: if there is no study, it has too few candidates, or the output cannot be a file.
        StorageError: if the study cannot be read or the file cannot be written.
    """
    folder = StudyFolder(location)
    target, name = (folder.folder, PICTURE) if output is None else locate_file(output, PICTURE)
    found = read_attribution(folder, folder.read_record())
    target.write(name, draw_attribution(found))
    if as_json:
        print(json.dumps(attribution_rows(found), indent=2))
        return ExitCode.DONE
    for table in attribution_tables(found):
        console.print(table)
    for line in (CAPTION, *([PIECES_CAPTION] if found.pieces else []), *describe_attribution(found)):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"Picture: {output or target.child(name).location}", markup=False, soft_wrap=True)
    return ExitCode.DONE


def read_attribution(folder: StudyFolder, record: StudyRecord) -> Attribution:
    """What the choices of a stored study do. Reads neither data, rows nor networks.

    Raises:
        ValueError: if the config is missing, or there are too few candidates.
    """
    experiment = compose_stored(folder, record.created).experiment
    space, objectives = experiment.build_space(), record.objectives
    return attribute(record.created.study, record.results, record.front, objectives, space, experiment.seed)
