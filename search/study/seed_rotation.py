"""Which seed a candidate is trained with next."""

from __future__ import annotations

from collections.abc import Sequence


def choose_seed(used: Sequence[int], base: int, num_proposed: int, count: int) -> int:
    """The next seed of a candidate.

    The first seeds of candidates rotate over the seeds of a confirmation, so that an unlucky one does not colour the
    whole study. Each further one is the next in the rotation that the candidate has not had, then the lowest.

    Args:
        used: The seeds that the candidate has had, first to last.
        base: The study's seed.
        num_proposed: How many new candidates the study had so far.
        count: How many seeds a confirmation has.
    """
    first = used[0] - base if used else num_proposed % count
    rotation = [*((first + step) % count for step in range(count)), *range(count, count + len(used) + 1)]
    seeds: list[int] = [base + place for place in rotation]
    return next(seed for seed in seeds if seed not in used)
