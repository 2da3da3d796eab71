"""Reads the JSON file that describes a dataset. Free of torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_description(path: Path, *, holds: str, if_missing: str) -> dict[str, Any]:
    """The object in a JSON file.

    Args:
        path: Of the file, UTF-8 with or without a byte-order mark.
        holds: What it must hold, in words, such as 'an object with labels'.
        if_missing: The way out if there is no such file, in words.

    Raises:
        ValueError: if it is missing, cannot be read, or holds something else; the message names the file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ValueError(f"'{path}' is missing; {if_missing}") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"'{path}' cannot be read as JSON ({error}); fix it") from None
    if not isinstance(content, dict):
        raise ValueError(f"'{path}' must hold {holds}, got a {type(content).__name__}")
    return content
