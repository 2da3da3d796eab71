"""Plain values become the objects that they describe, or one line says which field is wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretoseg.spaces.domain import Choice, Float, Int
from paretoseg.spaces.records import decode, encode, parse_json, shorten
from paretoseg.spaces.search_space import DIMENSIONS, Candidate


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Part:
    name: str
    share: Annotated[float, Float(0.0, 1.0)] = 0.5


@dataclass(frozen=True)
class Whole:
    count: Annotated[int, Int(0, 8, step=2)]
    colour: Colour
    parts: tuple[Part, ...] = ()
    pair: tuple[float, float] = (0.0, 1.0)
    by_name: Mapping[str, Part] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    word: Annotated[str, Choice(("a", "b"))] = "a"
    limit: float | None = None
    free: Any = None


PLAIN = {
    "count": 4,
    "colour": "blue",
    "parts": [{"name": "one", "share": 0.25}],
    "pair": [1.0, 2.0],
    "by_name": {"two": {"name": "two", "share": 1.0}},
    "numbers": {"x": 0.1},
    "word": "b",
    "limit": 3.0,
    "free": {"any": [1, "thing"]},
}
WHOLE = Whole(
    4, Colour.BLUE, (Part("one", 0.25),), (1.0, 2.0), {"two": Part("two", 1.0)}, {"x": 0.1}, "b", 3.0, PLAIN["free"]
)


def test_values_become_an_object_and_the_object_the_same_values() -> None:
    assert decode(Whole, PLAIN) == WHOLE
    assert json.dumps(encode(WHOLE)) == json.dumps(PLAIN)


def test_a_missing_field_takes_its_default_and_a_number_is_a_float() -> None:
    found = decode(Whole, {"count": 0, "colour": "red", "pair": [0, 1], "numbers": {"x": 2}})
    assert found == Whole(0, Colour.RED, numbers={"x": 2.0})
    assert [type(value) for value in (*found.pair, *found.numbers.values())] == [float] * 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 3}, "count must lie in 0..8 in steps of 2, got 3"),
        ({"count": 4.0}, "count must be a whole number, got 4.0"),
        ({"count": True}, "count must be a whole number, got True"),
        ({"colour": "green"}, "colour must be one of red, blue, got 'green'"),
        ({"colour": ["red"]}, "colour must be one of red, blue, got ['red']"),
        ({"parts": {"name": "one"}}, "parts must be a list, got {'name': 'one'}"),
        ({"parts": "one"}, "parts must be a list, got 'one'"),
        ({"parts": [{"name": "a"}, {"name": 1}]}, "parts[1].name must be text, got 1"),
        ({"parts": [{"name": "a", "shar": 1}]}, "parts[0] has an unknown field 'shar'; did you mean 'share'?"),
        ({"parts": [7]}, "parts[0] must be an object with named fields, got 7"),
        ({"pair": [1.0]}, "pair must be a list of 2, got [1.0]"),
        ({"pair": [1.0, "x"]}, "pair must be a finite number, got 'x'"),
        ({"by_name": {"two": {}}}, "by_name[two].name is missing"),
        ({"numbers": {"x": float("nan")}}, "numbers[x] must be a finite number, got nan"),
        ({"numbers": {"x": 1e400}}, "numbers[x] must be a finite number, got inf"),
        ({"numbers": {"a\nb": None}}, "numbers['a\\nb'] must be a finite number, got None"),
        ({"numbers": {"x": False}}, "numbers[x] must be a finite number, got False"),
        ({"word": "c"}, "word must be one of a, b, got 'c'"),
        ({"limit": "3"}, "limit must be a finite number, got '3'"),
        ({"mood": 1}, "it has an unknown field 'mood'; known: count, colour"),
        ({"word": "\n" * 1000}, "word must be one of a, b, got '\\n"),
    ],
)
def test_what_is_not_allowed_is_refused_in_one_short_line_with_its_field(change: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)) as refused:
        decode(Whole, PLAIN | change)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("values", [None, 1, "text", [PLAIN], [], True])
def test_something_else_than_an_object_is_refused(values: object) -> None:
    with pytest.raises(ValueError, match="it must be an object with named fields"):
        decode(Whole, values)


def test_a_missing_field_without_a_default_is_named() -> None:
    with pytest.raises(ValueError, match=r"^colour is missing$"):
        decode(Whole, {"count": 2})


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(PLAIN)), values)
def test_no_value_of_any_field_gives_more_than_a_refusal(name: str, value: object) -> None:
    try:
        found = decode(Whole, PLAIN | {name: value})
    except ValueError as error:
        message = str(error)
    else:
        message = "" if decode(Whole, json.loads(json.dumps(encode(found)))) == found or name == "free" else "other"
    assert message == "" or message.startswith(name)
    assert "\n" not in message


@given(st.dictionaries(st.sampled_from([*DIMENSIONS, "other"]), values, max_size=4))
def test_a_candidate_lies_in_the_space_or_is_refused(changes: dict[str, object]) -> None:
    try:
        found = decode(Candidate, Candidate().as_dict() | changes)
    except ValueError:
        return
    assert all(DIMENSIONS[name].contains(value) for name, value in found.as_dict().items())


def test_a_candidate_is_one_flat_object_and_lacks_what_came_later() -> None:
    assert encode(Candidate()) == Candidate().as_dict()
    assert list(encode(Candidate())) == list(DIMENSIONS)
    assert decode(Candidate, {"depth": 3}).architecture.depth == 3
    assert decode(Candidate, {}) == Candidate()


def test_half_a_character_is_spelled_out() -> None:
    assert decode(Part, {"name": "caf\udce9"}) == Part("caf\\udce9")


def test_json_that_is_nested_too_deeply_is_refused_like_any_other_that_is_none() -> None:
    for content in ("[" * 100_000, b"\xff\xfe\x00", b"{", ""):
        with pytest.raises(ValueError, match=r"."):
            parse_json(content)


def test_a_value_in_a_message_is_never_long() -> None:
    for value in ("x" * 10**6, 10**4000, ["x" * 1000] * 1000, [[[[[[[[[1]]]]]]]]], {"x" * 1000: "y" * 1000}):
        assert len(shorten(value)) < 500


def test_cattrs_is_loaded_by_the_first_record_and_not_before() -> None:
    code = (
        "import sys, paretoseg.search.commands.cli; assert 'cattrs' not in sys.modules;"
        "from paretoseg.spaces.records import decode; from paretoseg.spaces.objective import Objective;"
        "decode(Objective, dict(name='a', unit='b', direction='maximise', reference=0)); assert 'cattrs' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
