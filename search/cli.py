"""The commands. Everything heavy is imported by the command that needs it, so that help and refusals come at once."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TypeAlias

from rich.console import Console

from search.reports.text import front_table, status_view
from search.store.folder import StorageError
from search.store.lock import LockedError, find_writer
from search.store.study_folder import StudyFolder
from search.store.tables import front_rows

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_EXIT_CODES = """\
exit codes:
  0   done
  1   a bug in paretoseg; the traceback is shown
  2   a mistake in the command, the config or the data; nothing was begun
  3   too many trials failed in a row; the search stopped
  74  the study's storage failed, as on a full disk; resumable
  75  stopped with work left (Ctrl-C, SIGUSR1); the same command resumes
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
  paretoseg search study=debug task=toy cluster=serial budget.trials=5

keys (all of them with their defaults: docs/config.md):
  experiment=NAME      a named experiment to start from: quickstart, rehearsal
  study=NAME           name of the study;  storage=PATH|URI  where studies lie
  task=segmentation|toy   data=textures   data.root=PATH
  strategy=nsga2|random   pruner=never|median   seed=N
  budget.trials=N   budget.hours=H   budget.max_failures=N
  resources.cpus=X   resources.gpus=X   resources.max_concurrent=N   resources.timeout_min=M
  cluster=local|serial
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code."""
    parsed = _build_parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=False)
    try:
        return int(parsed.run(parsed, console))
    except (ValueError, LockedError) as error:
        return _refuse(str(error), 2)
    except StorageError as error:
        return _refuse(str(error), 74)
    except BrokenPipeError:
        return 0


def _search(parsed: argparse.Namespace, console: Console) -> int:
    from search.launch import search  # Ray, pymoo and Hydra: too slow to import for the other commands

    return search(parsed.overrides, console)


def _status(parsed: argparse.Namespace, console: Console) -> int:
    folder = StudyFolder(parsed.study)
    record = folder.read_record()
    console.print(status_view(record, find_writer(folder.folder), folder.journal.torn))
    return 0


def _front(parsed: argparse.Namespace, console: Console) -> int:
    record = StudyFolder(parsed.study).read_record()
    if parsed.json:
        print(json.dumps(front_rows(record), indent=2))
    elif record.front.trials:
        console.print(front_table(record))
    else:
        console.print(f"No trial has finished yet; `paretoseg status {parsed.study}` shows where the study stands.")
    return 0


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
    searching.set_defaults(run=_search)
    status = _add_command(commands, "status", "show where a study stands", _STATUS_HELP)
    status.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    status.set_defaults(run=_status)
    front = _add_command(commands, "front", "show the Pareto front of a study", _FRONT_HELP)
    front.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    front.add_argument("--json", action="store_true", help="a list of flat objects instead of a table")
    front.set_defaults(run=_front)
    return parser


def _add_command(commands: _Commands, name: str, summary: str, text: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name, help=summary, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def _refuse(message: str, code: int) -> int:
    print(f"paretoseg: {message}", file=sys.stderr)
    return code
