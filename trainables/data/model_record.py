"""What an export tells of a model besides its weights. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HOUSE_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

MAX_NAME = 100
"""How many letters a name may have."""


@dataclass(frozen=True)
class ModelRecord:
    """What is known of the model that is exported."""

    name: str
    """Name of the export, of at most MAX_NAME letters, digits, '.', '_' and '-'."""

    summary: str
    """Where it comes from, in one sentence."""

    card: str
    """The model card, as Markdown."""

    metrics: Mapping[str, float]
    """What it reached: objectives on validation cases, and with 'test_' before the name on test cases."""

    scores: Mapping[str, float]
    """Clean Dice by test case, as the study recorded it."""

    def __post_init__(self) -> None:
        assert self.name == to_safe_name(self.name), f"'{self.name}' is not safe as a name"


def to_safe_name(text: str) -> str:
    """The text with everything but letters, digits, '.', '_' and '-' replaced by '_'; begins with none of '.', '-'."""
    safe = "".join(letter if letter in HOUSE_LETTERS else "_" for letter in text).lstrip(".-")
    return safe[:MAX_NAME] or "model"


def to_plain_text(text: str) -> str:
    """The text on one line, without the characters that a MONAI config evaluates or refers with."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(line.translate(dict.fromkeys(map(ord, "$@%#"), "_")).split())
