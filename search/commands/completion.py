"""The command `paretoseg completion`: a script that completes commands and options in a shell."""

from __future__ import annotations

import argparse

from rich.console import Console

from paretoseg.cluster.exit_codes import ExitCode

SHELLS = ("bash", "zsh", "fish")

COMPLETION_HELP = """\
Print a script that completes commands, options and files in a shell. Needs `pip install 'paretoseg[completion]'`.

examples:
  paretoseg completion bash > ~/.local/share/bash-completion/completions/paretoseg
  paretoseg completion zsh > ~/.zfunc/_paretoseg             # with ~/.zfunc in fpath
  paretoseg completion fish > ~/.config/fish/completions/paretoseg.fish
"""


def add_completion_options(parser: argparse.ArgumentParser, whole: argparse.ArgumentParser) -> None:
    """Adds the options.

    Args:
        parser: That of this command.
        whole: The parser of all commands, whose completion is printed.
    """
    parser.add_argument("shell", choices=SHELLS, help="which shell")
    parser.set_defaults(whole=whole)


def run_completion(parsed: argparse.Namespace, _: Console) -> int:
    """Prints the script; returns the exit code.

    Raises:
        ValueError: if the package that writes it is missing.
    """
    try:
        import shtab  # optional, and no other command needs it
    except ImportError:
        message = "completion needs shtab; pip install 'paretoseg[completion]', or pip install shtab"
        raise ValueError(message) from None
    print(shtab.complete(parsed.whole, shell=parsed.shell))
    return ExitCode.DONE
