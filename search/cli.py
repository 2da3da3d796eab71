"""The commands. Everything heavy is imported by the command that needs it, so that help and refusals come at once."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import TypeAlias

from rich.console import Console

from search.importing import importing
from search.reports.text import front_table, status_view
from search.stopping import INTERRUPTED_EARLY, WORK_LEFT, end_at_once, end_in_order
from search.store.folder import StorageError
from search.store.lock import LockedError, find_writer
from search.store.study_folder import StudyFolder
from search.store.tables import front_rows
from search.submission import describe_ticket

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_EXIT_CODES = """\
exit codes:
  0   done
  1   a bug in paretoseg; the traceback is shown
  2   a mistake in the command, the config or the data; nothing was begun
  3   too many trials failed in a row; the search stopped
  74  the study's storage failed, as on a full disk; resumable
  75  stopped with work left (Ctrl-C, SIGUSR1); the same command resumes
  130 interrupted (Ctrl-C) in any command but search; nothing was left behind
"""

_SEARCH_HELP = (
    """\
Search for segmentation networks that are accurate and stay reliable when the images change.
The same command resumes a study that was interrupted.

examples:
  paretoseg search experiment=quickstart
  paretoseg search study=mine data=textures budget.trials=100 resources.cpus=2
  paretoseg search study=mine budget.trials=200                      # go on with a study
  paretoseg search study=flat space.skip=none space.depth=[2,4]      # pin or narrow dimensions
  paretoseg search study=base strategy=random seed=1
  paretoseg search experiment=rehearsal                              # no training: try the machine out
  paretoseg search study=big cluster=slurm cluster.nodes=4 --dry-run # print the job; without --dry-run submit it
  paretoseg search --dry-run study=big cluster=kubernetes cluster.image=registry/paretoseg:1 cluster.claim=studies
  paretoseg search study=debug task=toy cluster=serial budget.trials=5

keys (all of them with their defaults: docs/config.md):
  experiment=NAME      a named experiment to start from: quickstart, rehearsal
  study=NAME           name of the study;  storage=PATH|URI  where studies lie
  task=segmentation|toy   data=textures|decathlon|folder|brain   data.root=PATH
  strategy=nsga2|random   pruner=never|median   seed=N
  budget.trials=N   budget.hours=H   budget.max_failures=N
  resources.cpus=X   resources.gpus=X   resources.max_concurrent=N   resources.timeout_min=M
  cluster=local|slurm|kubernetes|attached|serial
  tracking.mode=auto|online|offline|disabled   tracking.project=NAME   tracking.entity=NAME
  space.DIMENSION=VALUE|[LOW,HIGH]|[OPTION,...]
"""
    + "\n"
    + _EXIT_CODES
)

_STATUS_HELP = """\
Show where a study stands: trials by state, budget, front, what failed, and whether a search is at work on it.

examples:
  paretoseg status studies/quickstart
  paretoseg status s3://bucket/studies/mine
"""

_FRONT_HELP = """\
Show the Pareto front of a study, best first in the first objective. Objectives are measured on validation cases;
test_... are those of untouched test cases, measured once the budget is spent.

examples:
  paretoseg front studies/quickstart
  paretoseg front studies/quickstart --json | python -m json.tool
"""

_REPORT_HELP = """\
Write a study's report: one HTML file with the front, every trial, the curves under every corruption, and pictures of
what the front's networks predict. It opens from disk in any browser and needs no network. A report that is there
already is replaced.

examples:
  paretoseg report studies/quickstart
  paretoseg report studies/quickstart --output quickstart.html
  paretoseg report studies/quickstart --no-pictures             # at once, without loading torch
"""

_EXPORT_HELP = """\
Write one network of a study's front as a folder that others can use, and prove before it is kept that a fresh process
gets the same mask from it as the evaluation. A folder that is there already is not touched.

picks:
  knee            the best compromise: farthest from the line between the ends of the front
  most-accurate   best in accuracy;   most-robust   best in robustness
  NUMBER          the trial of this number

examples:
  paretoseg export studies/quickstart --pick knee --format bundle
  paretoseg export studies/quickstart --pick most-robust --format onnx --output robust
"""


class _Console(Console):
    """A console that nobody may be reading any more, as behind `| head`: what is going on goes on."""

    def on_broken_pipe(self) -> None:
        """Says no more, nor does Python itself when it ends."""
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
        return _refuse(str(error), 2)
    except StorageError as error:
        return _refuse(str(error), 74)
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return _refuse("interrupted; nothing was left behind", 130)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command; overrides may stand before and behind an option, which argparse alone does not take."""
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
            from search.launch import search  # Ray, pymoo and Hydra: too slow to import for the other commands

        return search(parsed.overrides, console, dry_run=parsed.dry_run)
    except KeyboardInterrupt:
        return _refuse(INTERRUPTED_EARLY, WORK_LEFT)
    finally:
        end_in_order()


def _status(parsed: argparse.Namespace, console: Console) -> int:
    folder = StudyFolder(parsed.study)
    record = folder.read_record()
    ticket = folder.read_ticket()
    job = describe_ticket(ticket) if ticket else ""
    console.print(status_view(record, find_writer(folder.folder), folder.journal.torn, job), soft_wrap=True)
    return 0


def _front(parsed: argparse.Namespace, console: Console) -> int:
    record = StudyFolder(parsed.study).read_record()
    if parsed.json:
        print(json.dumps(front_rows(record), indent=2))
    elif record.front.trials:
        console.print(front_table(record))
    else:
        message = f"No trial has finished yet; `paretoseg status {parsed.study}` shows where the study stands."
        console.print(message, markup=False, soft_wrap=True)
    return 0


def _report(parsed: argparse.Namespace, console: Console) -> int:
    from search.reporting import report  # pymoo and Hydra, and later torch: too slow to import for the other commands

    return report(parsed.study, parsed.output, parsed.has_pictures, console)


def _export(parsed: argparse.Namespace, console: Console) -> int:
    from search.export import export  # pymoo and Hydra, and later torch: too slow to import for the other commands

    return export(parsed.study, parsed.pick, parsed.format, parsed.output, console)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="paretoseg",
        description="Search for segmentation networks that are accurate and stay reliable when the images change.",
        epilog="examples:\n  paretoseg search experiment=quickstart\n  paretoseg front studies/quickstart\n\n"
        + _EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    searching = _add_command(commands, "search", "begin or resume a study", _SEARCH_HELP)
    searching.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="what to search, and how")
    searching.add_argument("--dry-run", action="store_true", help="print the job that a cluster would get, and stop")
    searching.set_defaults(run=_search)
    status = _add_command(commands, "status", "show where a study stands", _STATUS_HELP)
    status.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    status.set_defaults(run=_status)
    front = _add_command(commands, "front", "show the Pareto front of a study", _FRONT_HELP)
    front.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    front.add_argument("--json", action="store_true", help="a list of flat objects instead of a table")
    front.set_defaults(run=_front)
    report = _add_command(commands, "report", "write one HTML file that shows a study", _REPORT_HELP)
    report.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    report.add_argument(
        "--output", metavar="FILE", help="where to write it; report.html in the study's folder if left out"
    )
    report.add_argument(
        "--no-pictures", dest="has_pictures", action="store_false", help="leave out what the networks predict"
    )
    report.set_defaults(run=_report)
    export = _add_command(commands, "export", "write a network of the front as a folder to use elsewhere", _EXPORT_HELP)
    export.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    export.add_argument("--pick", required=True, metavar="PICK", help="which member of the front")
    export.add_argument("--format", required=True, choices=("bundle", "onnx"), help="a MONAI Bundle, or an ONNX file")
    export.add_argument(
        "--output", metavar="DIR", help="the new folder; <study>-trial-<number>-<format> here if left out"
    )
    export.set_defaults(run=_export)
    return parser


def _add_command(commands: _Commands, name: str, summary: str, text: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name, help=summary, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def _refuse(message: str, code: int) -> int:
    print(f"paretoseg: {message}", file=sys.stderr)
    return code
