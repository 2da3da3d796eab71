"""The overrides after `paretoseg search`: words of the form key=value. Does not import Hydra, which reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from paretoseg.search.config.wrong_values import say_plainly


def dict_of(overrides: Sequence[str]) -> dict[str, str]:
    """Overrides by key."""
    return dict(override.split("=", 1) for override in overrides)


def take_literally(override: str) -> str:
    """The override, quoted if it names a study or a storage: they are text as typed, never a number or a list."""
    key, equals, value = override.partition("=")
    if key not in ("study", "storage") or not value or value[0] in "'\"":
        return override
    return f"{key}{equals}{quote(value)}"


def quote(value: str) -> str:
    """The value in the quotes that Hydra reads as text, whatever it holds."""
    inside = re.sub(r"(\\*)'", r"\1\1\\'", value)
    return "'" + re.sub(r"(\\+)$", r"\1\1", inside) + "'"


def one_line(error: Exception) -> str:
    """The point of Hydra's message: the first line of its cause, and the key that it is about."""
    root: BaseException = error
    while root.__cause__ is not None:
        root = root.__cause__
    text = str(root)
    first = text.strip().splitlines()[0].strip() if text.strip() else type(error).__name__
    key = re.search(r"full_key: (\S+)", str(error) + text)
    return say_plainly(key.group(1), first) if key else first
