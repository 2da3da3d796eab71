"""The parts of the command line that are about paretoseg itself: its version, this machine, completion."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from paretoseg.search.commands.completion import COMPLETION_HELP, add_completion_options, run_completion
from paretoseg.search.commands.doctor import DOCTOR_HELP, add_doctor_options, run_doctor
from paretoseg.search.commands.doctor_software import find_version


def add_about(parser: argparse.ArgumentParser, add_command: Callable[[str, str, str], argparse.ArgumentParser]) -> None:
    """Adds `--version`, `doctor` and `completion`, and shows the help where no command is given.

    Args:
        parser: That of all commands.
        add_command: Adds a command by its name, summary and help text.
    """
    parser.add_argument("--version", action="version", version=f"paretoseg {find_version()}")
    parser.set_defaults(run=lambda _, __: _show_help(parser))
    checking = add_command("doctor", "look whether this machine is ready for a search", DOCTOR_HELP)
    add_doctor_options(checking)
    checking.set_defaults(run=run_doctor)
    completing = add_command("completion", "print a script that completes words in a shell", COMPLETION_HELP)
    add_completion_options(completing, parser)
    completing.set_defaults(run=run_completion)


def _show_help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 0
