"""Reads what a user types to pick one candidate: a rule, conditions, weights, or a number.

A pick is a number alone, or terms with commas between them: `knee`, `most-accurate`, `most-robust`; conditions such as
`accuracy>=0.9` and `memory_gb<=8`; `lose<=0.005`; weights such as `accuracy=0.7`. Conditions may stand beside a rule or
beside weights.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from paretoseg.spaces.constraint import Constraint
from paretoseg.spaces.suggestion import suggest

KNEE = "knee"
"""The best compromise, see `knees.py`."""

LOSE = "lose"
"""What may be lost in accuracy against the most accurate candidate."""

ENDS: Mapping[str, str] = {"most-accurate": "accuracy", "most-robust": "robustness"}
"""The rules that are best in one objective, with its name."""

_TERM = re.compile(r"(?P<name>[^\s<>=]+)\s*(?P<operator>>=|<=|=)\s*(?P<value>[^\s<>=]+)")
_QUOTE = "put quotes around the pick, as in --pick 'accuracy>=0.9': the shell takes > and < for its own"


@dataclass(frozen=True)
class Pick:
    """What the user wants."""

    text: str
    """As it was typed."""

    number: int | None = None
    """The number of a candidate; then nothing else is set."""

    rule: str = ""
    """`KNEE`, a name in `ENDS`, or '' if none was named."""

    conditions: tuple[Constraint, ...] = ()
    lose: float | None = None
    """How much accuracy may be lost against the most accurate candidate, in its unit; None if that is free."""

    weights: Mapping[str, float] = field(default_factory=dict)
    """By objective, how much it weighs; their sum is 1. Empty if no weights were given."""


def read_pick(text: str, objectives: Collection[str], costs: Collection[str] = ()) -> Pick:
    """The pick that a user typed.

    Args:
        text: What was typed.
        objectives: The names of the objectives, which may have conditions and weights.
        costs: The names of the costs, which may have conditions.

    Raises:
        ValueError: if a term cannot be read, a name is unknown, or terms do not go together; in one line.
    """
    if re.fullmatch(r"0|[1-9][0-9]*", text):
        return Pick(text, number=int(text))
    terms = [term.strip() for term in text.split(",")]
    known = _list_rules(objectives)
    rules = [term for term in terms if term in known]
    matches = [_read_term(term, text, objectives, costs) for term in terms if term not in known]
    bounds = [(name, operator, value) for name, operator, value in matches if operator != "="]
    pick = Pick(
        text,
        rule=rules[0] if rules else "",
        conditions=tuple(Constraint(name, operator == ">=", value) for name, operator, value in bounds if name != LOSE),
        lose=min((value for name, _, value in bounds if name == LOSE), default=None),
        weights=_read_weights({name: value for name, operator, value in matches if operator == "="}, objectives),
    )
    if len(rules) + bool(pick.weights) > 1:
        raise ValueError(f"--pick names more than one rule in {text!r}; keep one of the rules, or the weights")
    return pick


def describe_known(objectives: Collection[str], costs: Collection[str] = ()) -> str:
    """What a pick may hold, in a phrase."""
    names = ", ".join([*objectives, *costs])
    return f"{', '.join(_list_rules(objectives))}, a number, or conditions and weights on {names}"


def _list_rules(objectives: Collection[str]) -> list[str]:
    return [KNEE, *(rule for rule, name in ENDS.items() if name in objectives)]


def _read_term(term: str, text: str, objectives: Collection[str], costs: Collection[str]) -> tuple[str, str, float]:
    """Name, operator and number of a condition or weight."""
    match = _TERM.fullmatch(term)
    if match is None:
        raise ValueError(_explain(term, text, objectives, costs))
    name, operator = match["name"], match["operator"]
    allowed = [*objectives] if operator == "=" else [*objectives, *costs, *([LOSE] if "accuracy" in objectives else [])]
    if name not in allowed:
        raise ValueError(_refuse_name(name, operator, allowed))
    value = _read_number(match["value"], term)
    if name == LOSE and (operator != "<=" or value < 0.0):
        raise ValueError(f"--pick takes lose<=X with X from 0 up, got {term!r}")
    return name, operator, value


def _explain(term: str, text: str, objectives: Collection[str], costs: Collection[str]) -> str:
    """Why a term is none."""
    if term in (*objectives, *costs, LOSE):
        return f"--pick {text!r} says nothing about {term!r}; {_QUOTE}"
    if re.search("[<>]", term):
        return f"cannot read {term!r} in --pick; conditions have the form name>=number or name<=number"
    known = describe_known(objectives, costs)
    return f"unknown pick {term!r}; {suggest(term, _list_rules(objectives))}known: {known}"


def _refuse_name(name: str, operator: str, allowed: Collection[str]) -> str:
    what = "objective" if operator == "=" else "name"
    return f"unknown {what} {name!r} in --pick; {suggest(name, allowed)}known: {', '.join(allowed)}"


def _read_number(word: str, term: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"--pick needs a number in {term!r}, got {word!r}")
    return value


def _read_weights(weights: Mapping[str, float], objectives: Collection[str]) -> dict[str, float]:
    """The weights, scaled to a sum of 1; objectives without one weigh nothing."""
    if not weights:
        return {}
    if min(weights.values()) < 0.0 or not sum(weights.values()) > 0.0:
        shown = ",".join(f"{name}={value:g}" for name, value in weights.items())
        raise ValueError(f"weights in --pick must be 0 or more, and one of them above 0, got {shown}")
    total = sum(weights.values())
    return {name: weights.get(name, 0.0) / total for name in objectives}
