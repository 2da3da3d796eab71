"""The options of the commands that end a search, `paretoseg confirm` and `paretoseg finish`, and how they run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from rich.console import Console

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.commands.stopping import INTERRUPTED, end_at_once, restore
from paretoseg.search.running.importing import importing


def add_confirm_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `paretoseg confirm`."""
    add_finish_options(parser)
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="seeds of every candidate; those of the study if left out"
    )
    parser.add_argument(
        "--candidates", type=int, metavar="N", help="candidates at most; those of the study if left out"
    )


def add_finish_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `paretoseg finish`."""
    parser.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="where and with what, as for search")


def run_confirm(parsed: argparse.Namespace, console: Console) -> int:
    """Runs `paretoseg confirm`; returns its exit code."""

    def run() -> int:
        with importing():
            from paretoseg.search.commands.confirm import (
                confirm,  # Ray, pymoo and Hydra: too slow to import for the other commands
            )

        return confirm(parsed.study, parsed.seeds, parsed.candidates, parsed.overrides, console)

    return _run_search(run)


def run_finish(parsed: argparse.Namespace, console: Console, show: Callable[[], int]) -> int:
    """Runs `paretoseg finish`; returns its exit code. `show` shows the front of the study."""

    def run() -> int:
        with importing():
            from paretoseg.search.commands.finish import (
                finish,  # Ray, pymoo and Hydra: too slow to import for the other commands
            )

        return finish(parsed.study, parsed.overrides, console, show)

    return _run_search(run)


def _run_search(run: Callable[[], int]) -> int:
    """Runs a command that may become a search: a signal before the start ends it with one line."""
    end_at_once()
    try:
        return run()
    except KeyboardInterrupt:
        print(f"paretoseg: {INTERRUPTED}", file=sys.stderr)
        return ExitCode.WORK_LEFT
    finally:
        restore()
