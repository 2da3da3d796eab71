"""The options of `paretoseg inspect`, and how they become a call of the command."""

from __future__ import annotations

import argparse

from rich.console import Console


def add_inspect_options(parser: argparse.ArgumentParser) -> None:
    """Adds what `inspect` takes."""
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="which data, as for search")
    parser.add_argument("--output", metavar="DIR", help="where to write; plan-<dataset> here if left out")
    parser.add_argument("--json", action="store_true", help="what is written, instead of tables")
    parser.set_defaults(run=run_inspect)


def run_inspect(parsed: argparse.Namespace, console: Console) -> int:
    """Runs the command with parsed options; returns its exit code."""
    from paretoseg.search.commands.inspect import inspect  # Hydra: too slow to import for the other commands

    return inspect(parsed.overrides, parsed.output, console, as_json=parsed.json)
