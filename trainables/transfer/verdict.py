"""Which corruptions of a study are held out, which ones training shows, and of which it is not known. Free of torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

MOST_POINTS = 1.0
"""A kind of augmentation does not help against a corruption if it gains surely less than this, in Dice points."""

Bounds = Mapping[str, Mapping[str, float]]
"""Upper bounds of gains in Dice points, by kind of augmentation and corruption, where they were measured."""


@dataclass(frozen=True)
class TransferVerdict:
    """The corruptions of a study in three parts, each in the order of the battery."""

    held_out: tuple[str, ...]
    """No opened kind of augmentation helps against these."""

    trained: tuple[str, ...]
    """Some opened kind may help against these."""

    unknown: tuple[str, ...]
    """Of these, some opened kind was not measured, and no other is known to help."""

    def describe(self, kinds: Sequence[str]) -> list[str]:
        """The verdict in up to three lines for the user.

        Args:
            kinds: The opened kinds of augmentation.
        """
        opened = f"augmentation by {', '.join(kinds)}"
        lines = []
        if self.held_out:
            why = f"{opened} gains under {MOST_POINTS:g} Dice point" if kinds else "training shows no changes of images"
            lines.append(f"held out: {', '.join(self.held_out)} ({why})")
        if self.trained:
            lines.append(f"trained: {', '.join(self.trained)} ({opened} may help against these)")
        if self.unknown:
            lines.append(
                f"not known to be held out: {', '.join(self.unknown)}; `paretoseg transfer data=...` measures whether "
                f"{opened} helps against these"
            )
        return lines


def judge(corruptions: Sequence[str], kinds: Collection[str], bounds: Bounds) -> TransferVerdict:
    """Sorts corruptions by what the opened kinds of augmentation gain under them.

    Args:
        corruptions: Of the battery.
        kinds: The kinds of augmentation that some candidate of the study trains with. Without any, all is held out.
        bounds: What was measured.
    """
    held_out, trained, unknown = [], [], []
    for name in corruptions:
        highs = [bounds.get(kind, {}).get(name) for kind in kinds]
        if any(high is not None and high >= MOST_POINTS for high in highs):
            trained.append(name)
        elif None in highs:
            unknown.append(name)
        else:
            held_out.append(name)
    return TransferVerdict(tuple(held_out), tuple(trained), tuple(unknown))
