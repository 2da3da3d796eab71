"""Which candidate a further seed is worth most for: the one whose new value would most likely change the front.

A candidate with r seeds is known up to a variance of sigma^2 / r. After one more seed its mean is another by a normal
draw of variance sigma^2 / r - sigma^2 / (r + 1), as in the knowledge gradient (Frazier, Powell and Dayanik, SIAM J.
Control Optim. 47(5), 2008). The worth of the seed is the share of such draws that change who is on the front.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import floor, isinf

import numpy as np
from jaxtyping import Bool, Float, Int

from paretoseg.search.candidates.result import Result
from paretoseg.search.candidates.seed_effects import SeedEffects
from paretoseg.search.fronts.dominance import find_nondominated
from paretoseg.spaces.objective import Objective, to_losses
from paretoseg.spaces.search_space import Candidate

NUM_DRAWS = 200
"""How often the value after one more seed is drawn for each candidate."""

LEAST_WORTH = 0.05
"""A further seed that changes the front less often than this is not worth a trial."""

_LEAST_CANDIDATES = 6
"""With fewer candidates there is no front yet whose membership could be undecided."""


def is_due(number: int, num_replicates: int, *, num_trials: int | float, share: float) -> bool:
    """Whether trial `number` of a budget may go to a further seed of a known candidate.

    After n of N trials, up to share x N x (n / N)^2 of them are replicates: few early, while the front still moves.

    Args:
        number: The next trial.
        num_replicates: The replicates so far.
        num_trials: The budget; infinite if nothing of it is spent yet, and then there is no such trial.
        share: What replicates may take of it, in [0, 1].
    """
    if isinf(num_trials):
        return False
    return num_replicates < floor(share * num_trials * ((number + 1) / num_trials) ** 2)


def choose_replicate(
    results: Sequence[Result],
    objectives: Sequence[Objective],
    effects: SeedEffects,
    *,
    tried: Collection[Candidate],
    generator: np.random.Generator,
) -> Result | None:
    """The candidate whose further seed most likely changes the front; None if no seed is worth a trial.

    While no candidate has several seeds, the noise is not known, and the front's members come first: the one that the
    others crowd least, as most depends on it.

    Args:
        results: All candidates that may be on the front.
        objectives: What it is made of.
        effects: Of seeds; the noise of one training is their covariance.
        tried: Candidates that cannot have a further seed: all their seeds are used, or one is running.
        generator: Source of the draws.
    """
    if len(results) < _LEAST_CANDIDATES:
        return None
    losses = to_losses(objectives, [result.objectives for result in results])
    members = find_nondominated(losses)
    if effects.covariance is None:
        places = _list_open(results, members, tried)
        return results[int(places[_find_room(losses, places).argmax()])] if len(places) else None
    noise = generator.multivariate_normal(np.zeros(len(objectives)), effects.covariance, NUM_DRAWS, method="eigh")
    slopes = _find_slopes(objectives, results)
    scales = np.array([(1.0 / count - 1.0 / (count + 1)) ** 0.5 for count in (len(one.trials) for one in results)])
    best_case = losses + scales[:, None] * np.minimum(slopes * noise.min(axis=0), slopes * noise.max(axis=0))
    places = _list_open(results, members | ~_is_dominated(best_case, losses[members]), tried)
    if not len(places):
        return None
    moved = losses[places, None] + slopes[places, None] * noise * scales[places, None, None]
    worth = find_worths(losses, places, moved)
    best = int(worth.argmax())
    return results[int(places[best])] if worth[best] >= LEAST_WORTH else None


def _list_open(
    results: Sequence[Result], is_wanted: Bool[np.ndarray, " candidates"], tried: Collection[Candidate]
) -> Int[np.ndarray, " places"]:
    """The places of the wanted candidates that can have a further seed."""
    found = [place for place in np.flatnonzero(is_wanted).tolist() if results[place].candidate not in tried]
    return np.array(found, dtype=int)


def find_worths(
    losses: Float[np.ndarray, "candidates objectives"],
    places: Int[np.ndarray, " places"],
    moved: Float[np.ndarray, "places draws objectives"],
) -> Float[np.ndarray, " places"]:
    """Of some candidates, the share of draws in which the front has other members once that one has moved.

    A candidate off the front changes it where no member dominates it: if it dominates one itself, no other dominates
    it. If a member moves, those take its place that it alone has dominated.

    Args:
        losses: Of all candidates; lower is better.
        places: Those that move, one at a time.
        moved: Where they move to.
    """
    members = find_nondominated(losses)
    rows = np.flatnonzero(members)
    front = losses[rows]
    worths = np.zeros(len(places))
    is_member = members[places]
    if (~is_member).any():
        away = moved[~is_member]
        beaten = _is_dominated(away.reshape(-1, losses.shape[1]), front).reshape(away.shape[:2])
        worths[~is_member] = (~beaten).mean(axis=1)
    if is_member.any():
        dominated = np.array([_dominates(one, losses) for one in front])
        only_one = dominated.sum(axis=0) == 1
        for place in np.flatnonzero(is_member).tolist():
            row = int(np.searchsorted(rows, places[place]))
            freed = losses[dominated[row] & only_one]
            freed = freed[find_nondominated(freed)] if len(freed) else freed
            worths[place] = _find_worth_of_member(np.delete(front, row, axis=0), freed, moved[place])
    return worths


def _find_worth_of_member(
    others: Float[np.ndarray, "others objectives"],
    freed: Float[np.ndarray, "freed objectives"],
    moved: Float[np.ndarray, "draws objectives"],
) -> float:
    """The share of draws in which a member leaves the front, dominates another, or no longer dominates one."""
    is_beaten = _is_dominated(moved, np.vstack([others, freed]))
    beats_other = _dominates(moved[:, None], others).any(axis=1)
    frees_one = ~_dominates(moved[:, None], freed).all(axis=1)
    return float((is_beaten | beats_other | frees_one).mean())


def _find_slopes(
    objectives: Sequence[Objective], results: Sequence[Result]
) -> Float[np.ndarray, "candidates objectives"]:
    """How much a loss moves with its objective: 1 or -1, and less for a large value on a logarithmic scale."""
    slopes = np.empty((len(results), len(objectives)))
    for column, objective in enumerate(objectives):
        if objective.ideal is None:
            slopes[:, column] = objective.sign
        else:
            slopes[:, column] = [objective.find_slope(result.objectives[objective.name]) for result in results]
    return slopes


def _dominates(
    one: Float[np.ndarray, "*rows objectives"], other: Float[np.ndarray, "*others objectives"]
) -> np.ndarray:
    """Whether losses are nowhere higher than others and somewhere lower; the shapes broadcast."""
    return np.asarray((one <= other).all(axis=-1) & (one < other).any(axis=-1))


def _is_dominated(
    points: Float[np.ndarray, "candidates objectives"], front: Float[np.ndarray, "members objectives"]
) -> Bool[np.ndarray, " candidates"]:
    """Whether a member dominates a point. A candidate whose best case is dominated cannot change the front.

    With two objectives, a point is compared with the one member that may dominate it: of those that are no worse in
    the first objective, the best in the second.
    """
    if not len(front):
        return np.zeros(len(points), dtype=bool)
    if front.shape[1] == 2:
        ordered = front[np.lexsort((-front[:, 1], front[:, 0]))]
        rival = ordered[np.maximum(np.searchsorted(ordered[:, 0], points[:, 0], side="right") - 1, 0)]
        return _dominates(rival, points)
    found = np.zeros(len(points), dtype=bool)
    for member in front:
        found |= _dominates(member, points)
    return found


def _find_room(
    losses: Float[np.ndarray, "candidates objectives"], places: Int[np.ndarray, " places"]
) -> Float[np.ndarray, " places"]:
    """The distance of candidates to their nearest neighbours, each objective scaled to its range."""
    spread = losses.max(axis=0) - losses.min(axis=0)
    scaled = losses / np.where(spread > 0.0, spread, 1.0)
    distances = np.linalg.norm(scaled[places, None] - scaled, axis=2)
    distances[np.arange(len(places)), places] = np.inf
    nearest: np.ndarray = distances.min(axis=1)
    return nearest
