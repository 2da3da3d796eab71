"""The metadata of an exported model. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

HOUSE_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

MAX_NAME = 100
"""Largest number of characters of a name."""


@dataclass(frozen=True)
class ModelRecord:
    """Name, origin, model card and scores of an exported model."""

    name: str
    """Name of the export, of at most MAX_NAME letters, digits, '.', '_' and '-'."""

    summary: str
    """Its origin, in one sentence."""

    card: str
    """The model card, as Markdown."""

    metrics: Mapping[str, float]
    """Its objectives on validation cases, and with the prefix 'test_' on test cases."""

    scores: Sequence[Mapping[str, float]]
    """For every network, its clean Dice by test case, as recorded by the study."""

    pictures: Mapping[str, bytes] = field(default_factory=dict)
    """What the card shows, by file name; the files lie beside it."""

    def __post_init__(self) -> None:
        assert self.name == to_safe_name(self.name), f"'{self.name}' is not safe as a name"


def to_safe_name(text: str) -> str:
    """The text with all but letters, digits, '.', '_' and '-' replaced by '_'; does not start with '.' or '-'."""
    safe = "".join(letter if letter in HOUSE_LETTERS else "_" for letter in text).lstrip(".-")
    return safe[:MAX_NAME] or "model"


def to_plain_text(text: str) -> str:
    """The text on one line, without the characters that a MONAI config evaluates or uses for references."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(line.translate(dict.fromkeys(map(ord, "$@%#"), "_")).split())
