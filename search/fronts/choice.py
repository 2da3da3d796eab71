"""Picks one candidate: the knee, either end, by conditions, by weights, or by its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float

from paretoseg.search.fronts.dominance import find_nondominated
from paretoseg.search.fronts.knees import CHORD, find_knees, scale
from paretoseg.search.fronts.picks import ENDS, KNEE, LOSE, Pick, describe_known, read_pick
from paretoseg.spaces.objective import Objective

_AUGMENTATION = 1e-3
"""How much the sum of all objectives counts beside the largest one, so that ties are broken towards the front."""

_ROUNDING = 1e-12
"""Values that differ by less are equal: .9 - .005 is not quite .895."""

_WORDS = {name: rule.replace("-", " ") for rule, name in ENDS.items()}


@dataclass(frozen=True, eq=False)
class Options:
    """The finished candidates of a study, from which one is picked."""

    losses: Float[np.ndarray, "candidates objectives"]
    """Finite, lower is better."""

    objectives: tuple[Objective, ...]
    """What the losses are made of."""

    numbers: tuple[int, ...]
    """The number by which the user knows each candidate."""

    is_on_front: Bool[np.ndarray, " candidates"]
    costs: Mapping[str, Float[np.ndarray, " candidates"]] = field(default_factory=dict)
    """By name, in the units of the tables; NaN where a candidate has none."""

    noun: str = "candidate"
    """What messages call a candidate."""

    @property
    def names(self) -> list[str]:
        """The names of the objectives."""
        return [objective.name for objective in self.objectives]

    def values_of(self, name: str) -> Float[np.ndarray, " candidates"]:
        """An objective or a cost of every candidate, in the units of the tables."""
        if name not in self.names:
            return self.costs[name]
        place = self.names.index(name)
        objective = self.objectives[place]
        found = [objective.from_loss(loss) for loss in self.losses[:, place].tolist()]
        if objective.ideal is None:
            return np.array(found)
        return np.array([float(f"{value:.12g}") for value in found])  # logarithm and power leave the last digits open


@dataclass(frozen=True)
class Choice:
    """The candidate that was picked, and why."""

    index: int
    """Its row."""

    how: str
    """The rule that picked it, such as 'the most robust of 4 candidates with accuracy>=0.9'."""

    is_on_front: bool
    disagreements: Mapping[str, int] = field(default_factory=dict)
    """By method in words, the row that another definition of the knee picks; empty if all agree."""

    alternative: int | None = None
    """If the choice is off the front: the row that the same pick takes among the members of the front, if any."""


def choose(options: Options, text: str) -> Choice:
    """The candidate that a pick names; `picks.py` has the grammar.

    - A number is any finished candidate, on the front or off it.
    - A rule alone (`knee`, `most-accurate`, `most-robust`), or weights alone, choose among the members of the front.
    - With conditions, they choose among all candidates that satisfy these and that no other of them dominates. Such
      a candidate may lie off the front if a cost has a condition.
    - Conditions alone: if they bound all objectives but one on the worse side, the best in the one that is left is
      taken (the epsilon-constraint method: Haimes, Lasdon and Wismer, IEEE Transactions on Systems, Man, and
      Cybernetics 1, 1971); else the knee of what remains.
    - `lose<=X` keeps those that lose at most X in accuracy against the most accurate one that satisfies the other
      conditions, and takes the most robust of them, unless a rule or weights are named.
    - Weights take the smallest max(w z) + 0.001 sum(z), with the objectives z scaled from 0 to 1 over what is chosen
      from (augmented Tchebycheff: Steuer and Choo, Mathematical Programming 26, 1983).

    Of equally good rows, the first is taken.

    Raises:
        ValueError: if there are no candidates, the pick cannot be read, or none satisfies it; in one line.
    """
    if not options.numbers:
        raise ValueError("the front is empty, so there is nothing to pick; let the search finish some trials first")
    pick = read_pick(text, options.names, [*options.costs])
    if pick.number is not None:
        row = _find_number(options, pick.number)
        return Choice(row, "the one with this number", bool(options.is_on_front[row]))
    found = _apply(options, pick)
    if found is None:
        raise ValueError(_explain_nothing(options, pick))
    row = found.row
    is_on_front = bool(options.is_on_front[row])
    others = _apply(options, pick, options.is_on_front) if not is_on_front else None
    return Choice(
        index=row,
        how=_describe(options, pick, found),
        is_on_front=is_on_front,
        disagreements=_compare_knees(options, found) if found.rule == KNEE else {},
        alternative=others.row if others else None,
    )


def share_of_draws(
    draws: Float[np.ndarray, "draws candidates objectives"], options: Options, text: str
) -> Float[np.ndarray, " candidates"]:
    """In which share of draws the pick takes each candidate; in [0, 1].

    In every draw the front is read again, and the same rule chooses from it. Draws in which no candidate satisfies the
    conditions count for none, so the shares can sum to less than 1.

    Args:
        draws: The losses in every draw, as `options.losses`; at least one draw.
        options: The candidates; costs do not vary over draws.
        text: The pick, as in `choose`.

    Raises:
        ValueError: as `choose`, but not if no candidate satisfies the conditions.
    """
    pick = read_pick(text, options.names, [*options.costs])
    taken = np.zeros(len(options.numbers))
    if pick.number is not None:
        taken[_find_number(options, pick.number)] = 1.0
        return taken
    for losses in draws:
        drawn = replace(options, losses=losses, is_on_front=find_nondominated(losses))
        if found := _apply(drawn, pick):
            taken[found.row] += 1.0 / len(draws)
    return taken


def describe_choice(options: Options, choice: Choice) -> list[str]:
    """The choice in sentences: which rule took it, whether it is on the front, and where methods disagree."""
    noun, numbers = options.noun.capitalize(), options.numbers
    lines = [f"{noun} {numbers[choice.index]} is {choice.how}."]
    if choice.disagreements:
        others = ", ".join(f"the {method} picks {numbers[row]}" for method, row in choice.disagreements.items())
        lines.append(f"The knee depends on how it is defined: the {CHORD} picks {numbers[choice.index]}, {others}.")
    if not choice.is_on_front:
        instead = f"; on the front, the same pick is {options.noun} {{}}" if choice.alternative is not None else ""
        instead = instead.format(numbers[choice.alternative] if choice.alternative is not None else "")
        lines.append(f"{noun} {numbers[choice.index]} is not on the front{instead}.")
    return lines


@dataclass(frozen=True, eq=False)
class _Found:
    row: int
    rule: str
    """`KNEE`, the name of an objective that is best, or '' for weights."""

    pool: Sequence[int]
    """The rows from which the rule chose."""

    num_kept: int
    """How many candidates satisfy the conditions."""


def _apply(options: Options, pick: Pick, is_allowed: Bool[np.ndarray, " candidates"] | None = None) -> _Found | None:
    """What a pick takes among the allowed candidates; None if none of them satisfies its conditions."""
    kept = np.ones(len(options.numbers), bool) if is_allowed is None else is_allowed.copy()
    for condition in pick.conditions:
        values = options.values_of(condition.name)
        kept &= values >= condition.bound if condition.is_least else values <= condition.bound
    if not kept.any():
        return None
    if pick.lose is not None:
        accuracy = options.losses[:, options.names.index("accuracy")]
        kept &= accuracy <= accuracy[kept].min() + pick.lose + _ROUNDING
    rows = np.flatnonzero(kept)
    is_bound = bool(pick.conditions) or pick.lose is not None
    pool = rows[find_nondominated(options.losses[rows])] if is_bound else np.flatnonzero(options.is_on_front)
    rule = "" if pick.weights else _find_rule(options, pick)
    return _Found(int(pool[_follow(options, pick, rule, options.losses[pool])]), rule, pool.tolist(), len(rows))


def _find_rule(options: Options, pick: Pick) -> str:
    """`KNEE`, or the objective in which the best is taken."""
    if pick.rule:
        return ENDS.get(pick.rule, KNEE)
    bounded = {
        objective.name
        for objective in options.objectives
        for condition in pick.conditions
        if condition.name == objective.name and condition.is_least == (objective.sign < 0.0)
    }
    if pick.lose is not None:
        if ENDS["most-robust"] in options.names:
            return ENDS["most-robust"]
        bounded.add("accuracy")
    free = [name for name in options.names if name not in bounded]
    return free[0] if bounded and len(free) == 1 else KNEE


def _follow(options: Options, pick: Pick, rule: str, losses: Float[np.ndarray, "members objectives"]) -> int:
    """The row of the losses that the rule takes."""
    if pick.weights:
        scaled = scale(losses)
        weights = np.array([pick.weights[name] for name in options.names])
        return int(((weights * scaled).max(axis=1) + _AUGMENTATION * scaled.sum(axis=1)).argmin())
    if rule == KNEE:
        return find_knees(losses)[CHORD]
    return int(losses[:, options.names.index(rule)].argmin())


def _compare_knees(options: Options, found: _Found) -> dict[str, int]:
    """The rows that other definitions of the knee pick, if their losses differ."""
    knees = {method: found.pool[row] for method, row in find_knees(options.losses[found.pool]).items()}
    return {
        method: row
        for method, row in knees.items()
        if not np.array_equal(options.losses[row], options.losses[found.row])
    }


def _find_number(options: Options, number: int) -> int:
    if number in options.numbers:
        return options.numbers.index(number)
    members = ", ".join(str(options.numbers[row]) for row in np.flatnonzero(options.is_on_front))
    known = describe_known(options.names, [*options.costs])
    raise ValueError(
        f"unknown pick '{number}': no {options.noun} of this number has finished soundly; on the front: {members}; "
        f"known: {known}"
    )


def _describe(options: Options, pick: Pick, found: _Found) -> str:
    weights = ", ".join(f"{name}={weight:.3g}" for name, weight in pick.weights.items())
    best = _WORDS.get(found.rule, f"best in {found.rule}")
    what = f"best for the weights {weights}" if weights else "knee" if found.rule == KNEE else best
    words = [str(condition) for condition in pick.conditions]
    words += [f"{LOSE}<={pick.lose:g}"] if pick.lose is not None else []
    if not words:
        return f"the {what} of the front"
    noun = options.noun if found.num_kept == 1 else f"{options.noun}s"
    return f"the {what} of {found.num_kept} {noun} with {' and '.join(words)}"


def _explain_nothing(options: Options, pick: Pick) -> str:
    """Which candidate comes nearest to the conditions, and by how much it fails which of them."""
    gaps = np.stack(
        [
            (condition.bound - options.values_of(condition.name)) * (1.0 if condition.is_least else -1.0)
            for condition in pick.conditions
        ]
    )
    spans = [_find_span(options.values_of(condition.name), condition.bound) for condition in pick.conditions]
    misses = np.where(np.isnan(gaps), np.inf, np.maximum(gaps, 0.0)) / np.array(spans)[:, None]
    words = " and ".join(map(str, pick.conditions))
    row = int(misses.sum(axis=0).argmin())
    failed = [
        _describe_gap(condition.name, float(options.values_of(condition.name)[row]), float(gap), condition.is_least)
        for condition, gap in zip(pick.conditions, gaps[:, row], strict=True)
        if not gap <= 0.0
    ]
    return (
        f"no {options.noun} satisfies {words}; {options.noun} {options.numbers[row]} comes nearest: {', '.join(failed)}"
    )


def _find_span(values: Float[np.ndarray, " candidates"], bound: float) -> float:
    """The range of the known values, or another size if they are all equal: a unit in which gaps are compared."""
    known = values[~np.isnan(values)]
    return float(np.ptp(known) if known.size else 0.0) or abs(bound) or 1.0


def _describe_gap(name: str, value: float, gap: float, is_least: bool) -> str:
    if np.isnan(value):
        return f"its {name} is not known"
    return f"its {name} of {_show(value, 4)} is {_show(gap, 2)} too {'low' if is_least else 'high'}"


def _show(value: float, digits: int) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"
