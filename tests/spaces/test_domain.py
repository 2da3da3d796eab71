import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretoseg.spaces.domain import Choice, Domain, Float, Int


@st.composite
def floats(draw):
    is_log = draw(st.booleans())
    low = draw(st.floats(1e-4, 10)) if is_log else draw(st.floats(-10, 10))
    return Float(low, low + draw(st.floats(0, 100)), log=is_log)


@st.composite
def ints(draw):
    low, step = draw(st.integers(-20, 20)), draw(st.integers(1, 5))
    return Int(low, low + step * draw(st.integers(0, 12)), step=step)


choices = st.lists(st.text("abcdef", min_size=1, max_size=3), min_size=1, max_size=6, unique=True).map(
    lambda options: Choice(tuple(options))
)
domains = st.one_of(floats(), ints(), choices)
units = st.floats(0, 1)


def test_a_float_stands_at_its_share_of_the_range():
    assert Float(2, 6).to_unit(3) == 0.25
    assert Float(2, 6).from_unit(0.25) == 3.0


def test_a_logarithmic_float_stands_at_its_share_of_the_decades():
    domain = Float(1e-4, 1e-1, log=True)
    assert domain.to_unit(1e-3) == pytest.approx(1 / 3)
    assert domain.from_unit(2 / 3) == 1e-2


def test_a_float_is_rounded_to_four_digits():
    assert Float(0, 1).from_unit(0.123456) == 0.1235


def test_an_int_stands_in_the_middle_of_its_cell():
    domain = Int(32, 128, step=32)
    assert [domain.to_unit(value) for value in (32, 64, 96, 128)] == [0.125, 0.375, 0.625, 0.875]
    assert [domain.from_unit(unit) for unit in (0.0, 0.24, 0.26, 0.99, 1.0)] == [32, 32, 64, 128, 128]


def test_a_choice_stands_in_the_middle_of_its_cell():
    domain = Choice(("a", "b"))
    assert [domain.to_unit(option) for option in "ab"] == [0.25, 0.75]
    assert [domain.from_unit(unit) for unit in (0.0, 0.49, 0.51, 1.0)] == ["a", "a", "b", "b"]


@pytest.mark.parametrize(
    ("domain", "outside"),
    [
        (Float(0, 1), (-0.1, 1.1, math.nan, math.inf, True, "0.5", None, [0.5])),
        (Int(2, 6, step=2), (0, 3, 8, 4.0, True, "4", None)),
        (Choice(("none", "gate")), ("", "None", 0, None, ["none"])),
    ],
)
def test_what_is_outside_is_neither_contained_nor_encoded(domain, outside):
    for value in outside:
        assert not domain.contains(value)
        with pytest.raises(ValueError, match="got"):
            domain.to_unit(value)


@pytest.mark.parametrize("domain", [Float(0, 1), Int(2, 6), Choice(("none", "gate"))])
def test_a_wish_outside_is_refused_with_what_is_known(domain):
    for wish in ("no", -7, ["no", "no"], []):
        with pytest.raises(ValueError, match=r"0\.\.1|2\.\.6|none, gate"):
            domain.restrict(wish)


def test_a_wish_pins_or_narrows():
    assert Float(0, 1).restrict(0.5) == Float(0.5, 0.5)
    assert Float(1e-4, 1, log=True).restrict([0.1, 1]) == Float(0.1, 1.0, log=True)
    assert Int(0, 10, step=2).restrict([2, 6]) == Int(2, 6, step=2)
    assert Choice(("a", "b", "c")).restrict(["c", "a"]) == Choice(("a", "c"))
    assert Choice(("a", "b", "c")).restrict("b") == Choice(("b",))


def test_bounds_in_the_wrong_order_are_refused():
    for domain in (Float(0, 10), Int(0, 10)):
        with pytest.raises(ValueError, match=r"lower end first, as \[2,5\], got \[5,2\]"):
            domain.restrict([5, 2])


@pytest.mark.parametrize(
    "build",
    [
        lambda: Float(1, 0),
        lambda: Float(0, 1, log=True),
        lambda: Int(3, 2),
        lambda: Int(0, 5, step=2),
        lambda: Int(0, 5, step=0),
        lambda: Choice(()),
        lambda: Choice(("a", "a")),
    ],
)
def test_an_impossible_domain_is_refused(build):
    with pytest.raises(ValueError, match="must"):
        build()


def test_neighbours_by_hand():
    assert Int(2, 6).neighbours(2) == (3,)
    assert Int(2, 6).neighbours(4) == (3, 5)
    assert Choice(("a", "b", "c")).neighbours("b") == ("a", "c")
    assert Float(0, 1).neighbours(0.5) == (0.4, 0.6)
    assert Float(0, 1).neighbours(0.05) == (0.15,)
    assert Float(3, 3).neighbours(3) == ()


@given(domains, units)
def test_decoding_gives_a_contained_value(domain, unit):
    assert isinstance(domain, Domain)
    assert domain.contains(domain.from_unit(unit))


@given(domains, units)
def test_encoding_and_decoding_is_a_round_trip(domain, unit):
    value = domain.from_unit(unit)
    assert 0 <= domain.to_unit(value) <= 1
    assert domain.from_unit(domain.to_unit(value)) == value


@given(domains, st.floats(-10, 10))
def test_places_beyond_the_cube_are_clipped(domain, place):
    assert domain.from_unit(place) == domain.from_unit(min(max(place, 0.0), 1.0))


@given(domains, units)
def test_neighbours_are_contained_and_ascend(domain, unit):
    value = domain.from_unit(unit)
    near = domain.neighbours(value)
    assert all(domain.contains(other) for other in near)
    places = [domain.to_unit(other) for other in near]
    assert places == sorted(places)
    if not isinstance(domain, Float):
        assert value not in near


@given(st.one_of(ints(), choices), units)
def test_discrete_neighbours_are_mutual(domain, unit):
    value = domain.from_unit(unit)
    assert all(value in domain.neighbours(other) for other in domain.neighbours(value))


@given(domains, units, units)
def test_a_narrowed_domain_lies_inside_the_full_one(domain, first, second):
    ends = sorted((domain.from_unit(first), domain.from_unit(second)), key=domain.to_unit)
    narrow = domain.restrict(ends)
    assert all(narrow.contains(end) for end in ends)
    for place in (0.0, 0.3, 1.0):
        assert domain.contains(narrow.from_unit(place))


@given(domains, units)
def test_a_pinned_domain_has_one_value(domain, unit):
    value = domain.from_unit(unit)
    pinned = domain.restrict(value)
    assert {pinned.from_unit(place) for place in (0.0, 0.5, 1.0)} == {value}
    assert pinned.neighbours(value) == ()
