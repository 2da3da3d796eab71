"""When a search ends."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

USUAL_TRIALS = 50
"""How many trials a search may start if nothing else ends it."""


@dataclass(unsafe_hash=True)
class Budget:
    """When a search ends. Not frozen, as the config composes it."""

    trials: int | None = None
    """How many trials may be started in all; None for `USUAL_TRIALS`, or for no limit if hours or voxels end it."""

    hours: float | None = None
    """How long the search may run, summed over its sessions; None for no limit."""

    voxels: float | None = None
    """How many voxels trainings may see, summed over trials; None for no limit. No trial starts once they are seen."""

    max_failures: int = 5
    """How many trials in a row may fail before the search gives up."""

    def __post_init__(self) -> None:
        if self.trials is not None and self.trials < 1:
            raise ValueError(f"budget.trials must be at least 1, got {self.trials}")
        if self.hours is not None and not 0 < self.hours < inf:
            raise ValueError(f"budget.hours must be above 0 and finite, or null for no limit, got {self.hours}")
        if self.voxels is not None and not 0 < self.voxels < inf:
            raise ValueError(f"budget.voxels must be above 0 and finite, or null for no limit, got {self.voxels}")
        if self.max_failures < 1:
            raise ValueError(f"budget.max_failures must be at least 1, got {self.max_failures}")

    @property
    def trial_limit(self) -> int | None:
        """How many trials may be started in all; None if hours or voxels alone end the search."""
        if self.trials is not None:
            return self.trials
        return USUAL_TRIALS if self.hours is None and self.voxels is None else None

    def describe(self) -> str:
        """What ends the search, in words."""
        parts = [
            *([f"{self.trial_limit} trial{'s' * (self.trial_limit != 1)}"] if self.trial_limit is not None else []),
            *([f"{self.hours:g} hour{'s' * (self.hours != 1)}"] if self.hours is not None else []),
            *([f"{self.voxels:g} voxels"] if self.voxels is not None else []),
        ]
        return " or ".join(parts)
