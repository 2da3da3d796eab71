"""A front in pieces, each with two directions: towards better networks, and along the front."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from paretoseg.search.fronts.front import Front
from paretoseg.spaces.objective import Objective

_NUM_PIECES = 3
_LEAST_MEMBERS = 4
"""A front of fewer members is one piece."""


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of a front of two objectives."""

    first: int
    last: int
    """The numbers of its ends; `first` is better in the first objective."""

    towards: Float[np.ndarray, " objectives"]
    """Weights of the standardised losses whose sum falls fastest across the piece; they sum to 1."""

    along: Float[np.ndarray, " objectives"]
    """Weights whose sum rises from its first end to its last; their absolute values sum to 1."""


def find_pieces(
    front: Front, objectives: Sequence[Objective], spread: Float[np.ndarray, " objectives"]
) -> tuple[Piece, ...]:
    """The pieces of a front, those best in the first objective first.

    The members are divided evenly. The weights of a piece are the normal and the direction of its chord.

    Args:
        front: The front.
        objectives: Pieces are for two; with others there are none.
        spread: The standard deviation of every loss over the candidates: the unit of both axes.
    """
    count = len(front.results)
    if len(objectives) != 2 or count < 2:
        return ()
    num_pieces = _NUM_PIECES if count >= _LEAST_MEMBERS else 1
    ends = [round(step * (count - 1) / num_pieces) for step in range(num_pieces + 1)]
    pieces = []
    for start, stop in itertools.pairwise(ends):
        chord = (front.losses[stop] - front.losses[start]) / spread
        length = float(np.abs(chord).sum())
        if length > 0.0:
            towards = np.abs(chord[::-1]) / length
            numbers = front.results[start].number, front.results[stop].number
            pieces.append(Piece(*numbers, towards=towards, along=chord / length))
    return tuple(pieces)
