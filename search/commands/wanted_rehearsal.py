"""What a user asks of a rehearsal, with the defaults of the options."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wanted:
    """What the user asks for; None stands for a default that depends on the study."""

    strategies: tuple[str, ...] | None = None
    pruners: tuple[str, ...] | None = None
    workers: tuple[int, ...] = (1,)
    trials: int | None = None
    repetitions: int = 20
    failures: float = 0.0
    seed: int = 0
    output: str | None = None
