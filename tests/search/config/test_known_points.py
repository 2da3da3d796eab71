import pytest

from paretoseg.search.config.known_points import read_known
from paretoseg.spaces.search_space import Limits, SearchSpace


def test_what_a_point_leaves_open_takes_the_defaults_of_the_space():
    space = SearchSpace({"learning_rate": [1e-4, 1e-3]})
    [candidate] = read_known([{"width": 8, "mirroring": True}], space)
    assert candidate == space.complete({"width": 8, "mirroring": "on"})
    assert candidate.recipe.learning_rate == space.default().recipe.learning_rate


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([{}, {"widht": 8}], r"strategy.known\[1\]: unknown dimension 'widht'; did you mean 'width'?"),
        (
            [{"width": 8}, {"depth": 9}],
            r"strategy.known\[1\]: dimension 'depth' .*; change the value, or open the space",
        ),
        ([{"depth": [2, 4]}], r"strategy.known\[0\]: dimension 'depth' needs one value here, got \[2, 4\]"),
        ([{"skip": "dense"}], r"strategy.known\[0\]: dimension 'skip' "),
        (
            [{"depth": 4, "patch": 16}],
            r"strategy.known\[0\]: patch=16 does not go with the other values.*; patch=\d+ does",
        ),
        ([{"width": 8}, {"width": 8}], r"strategy.known\[1\] is the same candidate as strategy.known\[0\]"),
    ],
)
def test_a_point_that_does_not_fit_is_refused_by_its_key(points, message):
    space = SearchSpace({"skip": ["none", "addition"], "depth": [2, 4], "patch": [16, 64]})
    with pytest.raises(ValueError, match=message):
        read_known(points, space)


def test_a_point_outside_the_limits_is_refused():
    default = SearchSpace().default()
    space = SearchSpace().with_limits(Limits(lambda candidate: candidate == default, default))
    assert read_known([{}], space) == [default]
    with pytest.raises(ValueError, match=r"strategy.known\[0\] breaks a constraint"):
        read_known([{"width": 8}], space)
