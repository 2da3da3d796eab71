"""The command line. Each command imports what is slow to load by itself, so that help and errors appear at once."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from rich.console import Console
from rich.text import Text

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.commands import help_texts
from paretoseg.search.commands.stopping import INTERRUPTED, end_at_once, restore
from paretoseg.search.commands.submission import describe_ticket
from paretoseg.search.reports.certainty_text import describe_certainty
from paretoseg.search.reports.robustness_text import show_beside
from paretoseg.search.reports.stability_text import CAPTION, stability_table
from paretoseg.search.reports.text import front_table, status_view
from paretoseg.search.running.importing import importing
from paretoseg.search.store.folder import StorageError
from paretoseg.search.store.lock import LockedError, find_writer
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.store.tables import front_rows
from paretoseg.search.study.record import StudyRecord

if TYPE_CHECKING:
    from paretoseg.search.fronts.certainty import Certainty
    from paretoseg.search.fronts.stability import Stability

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class _Console(Console):
    """A console whose reader may be gone, as behind `| head`: the command still runs to its end."""

    def on_broken_pipe(self) -> None:
        """Prints nothing more, and keeps Python from complaining when it exits."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code."""
    parsed = _parse(arguments)
    console = _Console(highlight=False, soft_wrap=False)
    try:
        return int(parsed.run(parsed, console))
    except (ValueError, LockedError) as error:
        return _refuse(str(error), ExitCode.REFUSED)
    except StorageError as error:
        return _refuse(str(error), ExitCode.STORAGE)
    except BrokenPipeError:
        return ExitCode.DONE
    except KeyboardInterrupt:
        return _refuse("interrupted; nothing was left behind", ExitCode.INTERRUPTED)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parses the command; overrides may stand before and after an option, which argparse alone does not accept."""
    parser = _build_parser()
    parsed, rest = parser.parse_known_args(arguments)
    if rest and ("overrides" not in parsed or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        parsed.overrides = [*parsed.overrides, *rest]
    return parsed


def _search(parsed: argparse.Namespace, console: Console) -> int:
    end_at_once()
    try:
        with importing():
            from paretoseg.search.commands.search import (
                search,  # Ray, pymoo and Hydra: too slow to import for the other commands
            )

        return search(parsed.overrides, console, dry_run=parsed.dry_run)
    except KeyboardInterrupt:
        return _refuse(INTERRUPTED, ExitCode.WORK_LEFT)
    finally:
        restore()


def _status(parsed: argparse.Namespace, console: Console) -> int:
    folder = StudyFolder(parsed.study)
    record = folder.read_record()
    ticket = folder.read_ticket()
    job = describe_ticket(ticket) if ticket else ""
    console.print(
        status_view(record, find_writer(folder.folder), folder.journal.describe_left_out(), job), soft_wrap=True
    )
    return ExitCode.DONE


def _front(parsed: argparse.Namespace, console: Console) -> int:
    folder = StudyFolder(parsed.study)
    record = folder.read_record()
    certainty = _read_certainty(folder, record) if parsed.intervals and record.front.trials else None
    stability = _read_stability(folder, record) if parsed.stability and record.front.trials else None
    if parsed.json:
        bounds, taus = certainty.bounds if certainty else {}, stability.columns if stability else {}
        rows = [row | bounds.get(row["trial_id"], {}) | taus for row in front_rows(record)]
        print(json.dumps(rows, indent=2))
    elif record.front.trials:
        console.print(front_table(record, certainty=certainty))
        for shown in show_beside(record.front.trials):
            console.print(shown, soft_wrap=isinstance(shown, Text))
        for line in describe_certainty(certainty) if certainty else ():
            console.print(line, markup=False, soft_wrap=True)
        if stability:
            console.print(stability_table(stability))
            console.print(CAPTION, markup=False, soft_wrap=True)
    else:
        message = f"No trial has finished yet; `paretoseg status {parsed.study}` shows where the study stands."
        console.print(message, markup=False, soft_wrap=True)
    for note in folder.journal.describe_left_out():
        print(f"Note: {note}.", file=sys.stderr if parsed.json else sys.stdout)
    return ExitCode.DONE


def _read_certainty(folder: StudyFolder, record: StudyRecord) -> Certainty:
    from paretoseg.search.commands.certainty import read_certainty  # Hydra: too slow to import for a look at the front

    try:
        return read_certainty(folder, record)
    except ValueError as error:
        raise ValueError(f"{error}; without --intervals the front is shown as it is") from None


def _read_stability(folder: StudyFolder, record: StudyRecord) -> Stability:
    from paretoseg.search.commands.stability import read_stability  # Hydra: too slow to import for a look at the front

    try:
        return read_stability(folder, record)
    except ValueError as error:
        raise ValueError(f"{error}; without --stability the front is shown as it is") from None


def _report(parsed: argparse.Namespace, console: Console) -> int:
    from paretoseg.search.commands.report import (
        report,  # pymoo and Hydra, and later torch: too slow to import for the other commands
    )

    return report(parsed.study, parsed.output, parsed.has_pictures, console)


def _export(parsed: argparse.Namespace, console: Console) -> int:
    from paretoseg.search.commands.export import (
        export,  # pymoo and Hydra, and later torch: too slow to import for the other commands
    )

    return export(parsed.study, parsed.pick, parsed.format, parsed.output, console)


def _rescore(parsed: argparse.Namespace, console: Console) -> int:
    from paretoseg.search.commands.rescore import (
        rescore,  # pymoo and Hydra, and later Ray: too slow to import for the other commands
    )

    return rescore(parsed.study, parsed.overrides, parsed.name, console)


def _complexity(parsed: argparse.Namespace, console: Console) -> int:
    from paretoseg.search.commands.complexity import (
        complexity,  # Hydra and matplotlib: too slow to import for the other commands
    )

    return complexity(parsed.overrides, parsed.output, console, as_json=parsed.json)


def _calibrate(parsed: argparse.Namespace, console: Console) -> int:
    from paretoseg.search.commands.calibrate import (
        calibrate,  # Hydra, and later torch: too slow to import for the other commands
    )

    return calibrate(parsed.overrides, parsed.output, parsed.cases, console)


def _transfer(parsed: argparse.Namespace, console: Console) -> int:
    from paretoseg.search.commands.transfer import (
        transfer,  # Hydra, and later torch: too slow to import for the other commands
    )

    return transfer(parsed.overrides, parsed.output, parsed.seeds, parsed.cases, console)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="paretoseg",
        description="Search for segmentation networks that are accurate and stay reliable when the images change.",
        epilog="examples:\n  paretoseg search experiment=quickstart\n  paretoseg front studies/quickstart\n\n"
        + help_texts.EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_searching(commands)
    _add_showing(commands)
    _add_using(commands)
    _add_measuring(commands)
    return parser


def _add_searching(commands: _Commands) -> None:
    searching = _add_command(commands, "search", "start or resume a study", help_texts.SEARCH_HELP)
    searching.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="what to search, and how")
    searching.add_argument("--dry-run", action="store_true", help="print the job that a cluster would get, and stop")
    searching.set_defaults(run=_search)


def _add_showing(commands: _Commands) -> None:
    """Adds the commands that show a study."""
    status = _add_command(commands, "status", "show where a study stands", help_texts.STATUS_HELP)
    status.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    status.set_defaults(run=_status)
    front = _add_command(commands, "front", "show the Pareto front of a study", help_texts.FRONT_HELP)
    front.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    front.add_argument("--json", action="store_true", help="a list of flat objects instead of a table")
    front.add_argument("--intervals", action="store_true", help="how certain every objective and every difference is")
    front.add_argument("--stability", action="store_true", help="whether the order in robustness holds")
    front.set_defaults(run=_front)
    report = _add_command(commands, "report", "write one HTML file that shows a study", help_texts.REPORT_HELP)
    report.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    report.add_argument(
        "--output", metavar="FILE", help="where to write it; report.html in the study's folder if left out"
    )
    report.add_argument(
        "--no-pictures", dest="has_pictures", action="store_false", help="leave out what the networks predict"
    )
    report.set_defaults(run=_report)


def _add_using(commands: _Commands) -> None:
    """Adds the commands that use a study's networks."""
    export = _add_command(
        commands, "export", "write a network of the front as a folder to use elsewhere", help_texts.EXPORT_HELP
    )
    export.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    export.add_argument("--pick", required=True, metavar="PICK", help="which member of the front")
    export.add_argument("--format", required=True, choices=("bundle", "onnx"), help="a MONAI Bundle, or an ONNX file")
    export.add_argument(
        "--output", metavar="DIR", help="the new folder; <study>-trial-<number>-<format> here if left out"
    )
    export.set_defaults(run=_export)
    rescoring = _add_command(commands, "rescore", "measure stored networks again", help_texts.RESCORE_HELP)
    rescoring.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    rescoring.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="what to measure, and where")
    rescoring.add_argument("--name", metavar="NAME", help="its name; derived from its settings if left out")
    rescoring.set_defaults(run=_rescore)


def _add_measuring(commands: _Commands) -> None:
    """Adds the commands that measure a dataset before any search."""
    measuring = _add_command(commands, "complexity", "measure how hard a dataset is", help_texts.COMPLEXITY_HELP)
    measuring.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="which data, as for search")
    measuring.add_argument("--output", metavar="DIR", help="where to write; complexity-<dataset> here if left out")
    measuring.add_argument("--json", action="store_true", help="a list of flat objects instead of a table")
    measuring.set_defaults(run=_complexity)
    calibrating = _add_command(commands, "calibrate", "find how strong corruptions must be", help_texts.CALIBRATE_HELP)
    calibrating.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="which data, task and corruptions")
    calibrating.add_argument("--output", metavar="FILE", help="where to write; calibration.json with the data or here")
    calibrating.add_argument("--cases", type=int, metavar="N", help="validation cases at most; all if left out")
    calibrating.set_defaults(run=_calibrate)
    transferring = _add_command(
        commands, "transfer", "measure which corruptions augmentation helps against", help_texts.TRANSFER_HELP
    )
    transferring.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="which data, task and corruptions")
    transferring.add_argument("--output", metavar="FILE", help="where to write; transfer.json with the data or here")
    transferring.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds, at least 2; 3 if left out")
    transferring.add_argument("--cases", type=int, metavar="N", help="validation cases at most; all if left out")
    transferring.set_defaults(run=_transfer)


def _add_command(commands: _Commands, name: str, summary: str, text: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name, help=summary, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def _refuse(message: str, code: int) -> int:
    print(f"paretoseg: {message}", file=sys.stderr)
    return code
