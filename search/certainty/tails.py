"""Kinds of robustness that look at the worst cases, or the worst group, alone: what their intervals are worth."""

from __future__ import annotations

from paretoseg.trainables.scoring.robustness_kinds import Robustness

TAILS = frozenset({Robustness.percentile_5, Robustness.cvar_5})
"""They look at the worst cases; `benchmarks/tail_intervals.py` simulates their intervals."""

MINIMA = frozenset({Robustness.worst_corruption, Robustness.worst_group})
"""They are the lowest of several means; nothing simulates their intervals."""


def describe_kind(kind: Robustness) -> str:
    """What an interval of this kind of robustness does not say, in a sentence; '' for means."""
    if kind in TAILS:
        return (
            f"Robustness ({kind}) looks at the worst cases alone. Few subjects hold few of them, so its values and "
            "intervals tend to lie too high; the difference of two candidates does not."
        )
    if kind in MINIMA:
        return (
            f"Robustness ({kind}) is the lowest of several means: how often its intervals hold the truth was not "
            "simulated."
        )
    return ""
