"""What is offered in place of a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggest(name: str, known: Iterable[str], *, most: int = 1, before: str = "") -> str:
    """A question that offers the nearest known names and ends with a space, or nothing.

    Args:
        name: What was typed.
        known: All that could have been meant.
        most: How many names to offer.
        before: Stands before every name that is offered, such as 'task.'.
    """
    near = difflib.get_close_matches(name, list(known), n=most)
    return f"did you mean {' or '.join(repr(before + match) for match in near)}? " if near else ""
