"""From the share of drawn fronts that hold a candidate to the probability that the candidate is on the front.

The share says too much where it is large and the study is noisy, and too little where it is small: the model behind the
draws is simpler than studies are. What shares of what kind turned out to be was measured on simulated studies, and
`benchmarks/front_membership.py` writes it to `recalibration.json`.

The map is that of beta calibration (Kull, Silva Filho and Flach, Electronic Journal of Statistics 11, 2017): the logit
of the probability is

    a ln(share) - b ln(1 - share) + c,  a, b > 0.

It rises with the share, leads from 0 to 0 and from 1 to 1. There is one for every number of seeds of a candidate, for
studies with few and with many candidates. Its coefficients go linearly from those of a study without doubt to those of
one in full doubt.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

PATH = Path(__file__).parent / "recalibration.json"
"""Coefficients a, b, c without doubt and in full doubt, by kind of study and number of seeds."""

NUM_TERMS = 6
"""Coefficients of a map: a, b and c without doubt, then the same in full doubt."""

_MOST_SEEDS = 3
"""Candidates with more seeds have the map of those with so many."""

Maps = dict[str, dict[int, Float[np.ndarray, " terms"]]]
"""Coefficients by kind of study and number of seeds."""


def recalibrate(
    shares: Float[np.ndarray, " candidates"],
    num_seeds: Int[np.ndarray, " candidates"],
    *,
    is_shrunk: bool,
    maps: Maps | None = None,
) -> Float[np.ndarray, " candidates"]:
    """The probabilities of being on the front, in [0, 1]; 0 and 1 for shares of 0 and 1 alone.

    Args:
        shares: Of the drawn fronts that hold the candidate, in [0, 1].
        num_seeds: That the candidate ran with, at least 1.
        is_shrunk: Whether the candidates were enough to shrink what was drawn.
        maps: Those that are shipped, if None.
    """
    # Late, as loading it takes long, and what was computed before can be shown without it.
    from scipy.special import expit

    by_seeds = (_read() if maps is None else maps)[find_kind(is_shrunk=is_shrunk)]
    coefficients = np.stack([by_seeds[min(int(number), _MOST_SEEDS)] for number in num_seeds])
    inside = (shares > 0.0) & (shares < 1.0)
    logits = (find_terms(np.where(inside, shares, 0.5), find_doubt(shares)) * coefficients).sum(axis=1)
    # An odd of e^30 is no certainty either, but the nearest float is 1.
    return np.asarray(np.where(inside, expit(np.clip(logits, -30.0, 30.0)), shares))


def find_kind(*, is_shrunk: bool) -> str:
    """Name of the kind of study in `recalibration.json`."""
    return "many candidates" if is_shrunk else "few candidates"


def find_doubt(shares: Float[np.ndarray, " candidates"]) -> float:
    """How far the members of drawn fronts change from draw to draw, in [0, 1]: 0 if all draws give the same front.

    It is the mean of 1 - share over the members of drawn fronts.
    """
    total = float(shares.sum())
    return 1.0 - float((shares**2).sum()) / total if total > 0.0 else 0.0


def find_terms(shares: Float[np.ndarray, " candidates"], doubt: float) -> Float[np.ndarray, "candidates terms"]:
    """What the coefficients multiply, for shares strictly inside (0, 1)."""
    terms = np.stack([np.log(shares), -np.log1p(-shares), np.ones_like(shares)], axis=1)
    return np.concatenate([(1.0 - doubt) * terms, doubt * terms], axis=1)


@cache
def _read() -> Maps:
    found = json.loads(PATH.read_text())["maps"]
    return {
        kind: {
            int(number): np.array([*map_["without_doubt"], *map_["in_full_doubt"]], float)
            for number, map_ in maps.items()
        }
        for kind, maps in found.items()
    }
