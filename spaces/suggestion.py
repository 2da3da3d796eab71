"""Suggests known names for an unknown one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggest(name: str, known: Iterable[str], *, most: int = 1, before: str = "") -> str:
    """A question with the nearest known names, such as "did you mean 'depth'? ", or '' if none is near.

    Args:
        name: What the user typed.
        known: All valid names.
        most: Largest number of names to suggest.
        before: Prefix of every suggested name, such as 'task.'.
    """
    near = difflib.get_close_matches(name, list(known), n=most)
    return f"did you mean {' or '.join(repr(before + match) for match in near)}? " if near else ""
