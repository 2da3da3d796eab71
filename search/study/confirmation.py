"""Settings of seeds: how many candidates get, and which candidates are confirmed when the search is over."""

from __future__ import annotations

from dataclasses import dataclass, field

from paretoseg.search.certainty.confirming import LEAST_SEEDS
from paretoseg.spaces.earlier import BEFORE

MAX_SEEDS = 20
"""More seeds of one candidate than anybody needs; a typo is refused."""


@dataclass(unsafe_hash=True)
class Confirmation:
    """How often candidates are trained, and which are confirmed at the end. Not frozen, as the config composes it."""

    seeds: int = field(default=3, metadata={BEFORE: 1})
    """Seeds of every candidate that is confirmed, and over which the first seeds of all candidates rotate; 1 trains
    every candidate once and confirms none."""

    candidates: int = 8
    """How many candidates are confirmed at most."""

    replicates: float = 0.3
    """Share of the trials that may go to further seeds of candidates whose place on the front is undecided."""

    least_probability: float = 0.1
    """A candidate is confirmed if its probability of being on the front is at least this."""

    def __post_init__(self) -> None:
        if self.seeds != 1 and not LEAST_SEEDS <= self.seeds <= MAX_SEEDS:
            raise ValueError(
                f"confirm.seeds must be 1, or lie in {LEAST_SEEDS}..{MAX_SEEDS}: fewer say nothing; got {self.seeds}"
            )
        if self.candidates < 1:
            raise ValueError(f"confirm.candidates must be at least 1, got {self.candidates}")
        if not 0 <= self.replicates <= 0.9:
            raise ValueError(f"confirm.replicates must lie in 0..0.9, got {self.replicates}")
        if not 0 <= self.least_probability <= 1:
            raise ValueError(f"confirm.least_probability must lie in 0..1, got {self.least_probability}")
