"""The message about a command that is not known."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from paretoseg.spaces.suggestion import suggest


def find_unknown_command(words: Sequence[str], parser: argparse.ArgumentParser) -> str:
    """What is wrong with the first word of a command line, in one line with the nearest command; '' if nothing is."""
    known = [
        name for action in parser._actions if isinstance(action, argparse._SubParsersAction) for name in action.choices
    ]
    if not words or words[0].startswith("-") or words[0] in known:
        return ""
    return f"unknown command '{words[0]}'; {suggest(words[0], known)}known: {', '.join(known)}"
