"""Why a trial was stopped early: who was better, by how much, and how much of that may be luck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from paretoseg.spaces.domain import Int

_Count = Annotated[int, Int(0, 2**63 - 1)]


@dataclass(frozen=True)
class Dominator:
    """A trial of the same rung that is better by more than training seeds explain."""

    trial_id: _Count
    """The first trial of the better candidate."""

    leads: Mapping[str, float]
    """By how much it is better in every objective that decides, in the objective's unit; not negative. The means of
    costs are those of their logarithms."""

    margins: Mapping[str, float]
    """Of each lead, how large it had to be: what seeds may explain."""


@dataclass(frozen=True)
class Receipt:
    """What a pruner knew when it stopped a trial, or let one go on as a control that it would have stopped."""

    step: _Count
    """The step of the rung."""

    place: _Count
    """How many candidates of the rung came before it."""

    num_members: _Count
    """How many candidates the rung held, this one included."""

    dominators: tuple[Dominator, ...]
    """The candidates that dominate it beyond the noise, best first; at most `MOST_DOMINATORS`."""

    num_dominators: _Count
    """How many there are in all."""

    noise_dof: _Count
    """Degrees of freedom of the noise that was measured at the rung; 0 if it was assumed."""

    taus: Mapping[str, float] = field(default_factory=dict)
    """Kendall's tau-b of every objective at the rung with the end, as far as it was known."""

    @property
    def judged_by(self) -> tuple[str, ...]:
        """The objectives that decided."""
        return tuple(self.dominators[0].leads) if self.dominators else ()


MOST_DOMINATORS = 5
"""How many dominators a receipt lists."""
