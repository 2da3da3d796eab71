"""Kubernetes quantities: amounts such as 500m, 4 or 16Gi."""

from __future__ import annotations

import re
from decimal import Decimal

_PATTERN = re.compile(r"(?P<number>[+-]?(\d+(\.\d*)?|\.\d+))(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


def parse_quantity(text: str) -> Decimal:
    """The amount in units: cores, bytes or devices.

    Raises:
        ValueError: if the text is not a quantity; the message gives examples.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"must be a quantity such as 4, 500m or 16Gi, got {text!r}{_suggest(text)}")
    number, suffix = Decimal(match["number"]), match["suffix"] or ""
    if suffix in _BINARY:
        return number * Decimal(1024) ** _BINARY[suffix]
    if suffix in _DECIMAL:
        return number.scaleb(_DECIMAL[suffix])
    return number.scaleb(int(suffix[1:]))


def _suggest(text: str) -> str:
    """A suggestion for common mistakes: 16GB, 16 Gi, 16gb."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt])i?b?", text.strip(), re.IGNORECASE)
    return f"; did you mean {match[1]}{match[2].upper()}i?" if match else ""
