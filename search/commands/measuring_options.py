"""The options of the commands that measure a dataset before any search, and how they become calls."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from rich.console import Console

from paretoseg.search.commands import help_texts
from paretoseg.search.commands.inspect_options import add_inspect_options


def add_measuring(add_command: Callable[[str, str, str], argparse.ArgumentParser]) -> None:
    """Adds the commands that measure a dataset before any search."""
    measuring = add_command("complexity", "measure how hard a dataset is", help_texts.COMPLEXITY_HELP)
    measuring.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="which data, as for search")
    measuring.add_argument("--output", metavar="DIR", help="where to write; complexity-<dataset> here if left out")
    measuring.add_argument("--json", action="store_true", help="a list of flat objects instead of a table")
    measuring.set_defaults(run=_complexity)
    inspecting = add_command("inspect", "show what a dataset is like, and a plan", help_texts.INSPECT_HELP)
    add_inspect_options(inspecting)
    calibrating = add_command("calibrate", "find how strong corruptions must be", help_texts.CALIBRATE_HELP)
    calibrating.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="which data, task and corruptions")
    calibrating.add_argument("--output", metavar="FILE", help="where to write; calibration.json with the data or here")
    calibrating.add_argument("--cases", type=int, metavar="N", help="validation cases at most; all if left out")
    calibrating.set_defaults(run=_calibrate)
    transferring = add_command(
        "transfer", "measure which corruptions augmentation helps against", help_texts.TRANSFER_HELP
    )
    transferring.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="which data, task and corruptions")
    transferring.add_argument("--output", metavar="FILE", help="where to write; transfer.json with the data or here")
    transferring.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds, at least 2; 3 if left out")
    transferring.add_argument("--cases", type=int, metavar="N", help="validation cases at most; all if left out")
    transferring.set_defaults(run=_transfer)


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
