"""Families of plug-ins: their dimensions enter a space that names them, and nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paretoseg.spaces.families import FAMILIES
from paretoseg.spaces.records import decode, encode
from paretoseg.spaces.search_space import DIMENSIONS, OPENED, Candidate, SearchSpace
from paretoseg.spaces.shown_dimensions import list_dimensions
from tests.packages import write_package

HEAD = """
from dataclasses import dataclass
from typing import Annotated
from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.domain import Choice, Float, Int
from paretoseg.spaces.families import NetworkFamily
"""

WAVES = (
    HEAD
    + """
@dataclass(frozen=True)
class Waves(Architecture):
    waves_count: Annotated[int, Int(1, 6)] = 3
    waves_kind: Annotated[str, Choice(("sine", "square"))] = "square"
    waves_decay: Annotated[float, Float(0.1, 1.0)] = 0.5
    total_stride = 2

FAMILY = NetworkFamily(Waves, uses=("width",), build=lambda *parts, **others: None)
"""
)

OWN = ["waves_count", "waves_kind", "waves_decay"]


@pytest.fixture
def waves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "wavy", raising=False)
    monkeypatch.syspath_prepend(write_package(tmp_path, "wavy", {"family:waves": "FAMILY"}, WAVES))


@pytest.mark.usefixtures("waves")
@pytest.mark.parametrize("preset", ["core", "families", "full"])
def test_an_installed_family_changes_no_space_that_does_not_name_it(preset: str) -> None:
    space = SearchSpace(preset=preset)
    assert "waves" in FAMILIES
    assert space.full_domains == DIMENSIONS
    assert not space.domains["family"].contains("waves")
    assert SearchSpace({"family": "all"}).domains["family"] == OPENED["family"]


@pytest.mark.usefixtures("waves")
def test_its_dimensions_are_searched_where_it_is_named_and_belong_to_its_candidates_alone() -> None:
    space = SearchSpace({"family": ["composable", "waves"], "waves_count": [4, 6], "patch": [16, 32]})
    assert list(space.searched)[-3:] == OWN
    generator = np.random.default_rng(0)
    drawn = [space.sample(generator) for _ in range(200)]
    families = {candidate.architecture.family for candidate in drawn}
    assert families == {"composable", "waves"}
    for candidate in drawn:
        values = candidate.as_dict()
        is_ours = candidate.architecture.family == "composable"
        assert [name for name in values if name in OWN] == ([] if is_ours else OWN)
        if not is_ours:
            assert 4 <= values["waves_count"] <= 6
            assert values["skip"] == "concatenation"  # it does not use it
        assert space.repair(candidate) == candidate
        assert space.decode(space.encode(candidate)) == candidate
        assert Candidate.from_dict(values) == candidate
    assert {candidate.as_dict().get("waves_kind") for candidate in drawn} == {None, "sine", "square"}
    assert list(list_dimensions(drawn)) == [*DIMENSIONS, *OWN]


@pytest.mark.usefixtures("waves")
def test_only_values_that_matter_tell_candidates_apart() -> None:
    space = SearchSpace({"family": ["composable", "waves"]})
    ours = space.complete({"family": "composable", "waves_count": 5})
    assert ours == space.complete({"family": "composable"}) == Candidate()
    other, same = (space.complete({"family": "waves", "depth": depth, "waves_count": 5}) for depth in (2, 3))
    assert other == same
    assert other != space.complete({"family": "waves"})
    assert len({one.short_hash for one in (ours, other, space.complete({"family": "waves"}))}) == 3


@pytest.mark.usefixtures("waves")
def test_a_space_of_this_family_alone_lets_patches_follow_its_stride() -> None:
    space = SearchSpace({"family": "waves", "depth": 6})
    assert space.default().architecture.family == "waves"
    assert space.default().recipe.patch == 32


@pytest.mark.usefixtures("waves")
def test_candidates_survive_the_journal_and_a_value_out_of_range_is_refused() -> None:
    candidate = SearchSpace({"family": "waves"}).complete({"waves_count": 2, "waves_decay": 0.25})
    values = json.loads(json.dumps(encode(candidate)))
    assert decode(Candidate, values) == candidate
    for changes, said in (
        ({"waves_count": 9}, "waves_count must lie in 1..6, got 9"),
        ({"waves_kinds": "sine"}, "unknown dimension 'waves_kinds'; did you mean 'waves_kind'?"),
        ({"family": "composable"}, "unknown dimension 'waves_"),
        ({"family": "swell"}, "unknown dimension 'waves_"),
    ):
        with pytest.raises(ValueError, match="waves") as caught:
            decode(Candidate, values | changes)
        assert said in str(caught.value)


@pytest.mark.usefixtures("waves")
@pytest.mark.parametrize(
    ("restrictions", "said"),
    [
        ({"family": "wave"}, "unknown family 'wave'; did you mean 'waves'? known: composable, "),
        ({"family": ["composable", "wave"]}, "unknown family 'wave'"),
        ({"family": "waves", "waves_count": 7}, "dimension 'waves_count' must lie in 1..6, got 7"),
        ({"waves_count": 3}, "unknown dimension 'waves_count'"),
    ],
)
def test_a_mistake_names_what_is_known(restrictions: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match="wave") as caught:
        SearchSpace(restrictions)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("FAMILY = 3", "it must be a NetworkFamily, got 3"),
        ("FAMILY = NetworkFamily(int, (), print)", "its architecture must be a frozen dataclass that derives from"),
        (
            "@dataclass(frozen=True)\nclass A(Architecture):\n  a_x: int = 3\nFAMILY = NetworkFamily(A, (), print)",
            "A.a_x must be annotated with a domain",
        ),
        (
            "@dataclass(frozen=True)\nclass A(Architecture):\n  a_x: Annotated[int, Int(1, 2)] = 3\n"
            "FAMILY = NetworkFamily(A, (), print)",
            "the default of A.a_x must lie in 1..2",
        ),
        (
            "@dataclass(frozen=True)\nclass A(Architecture):\n  patch: Annotated[int, Int(1, 2)] = 1\n"
            "FAMILY = NetworkFamily(A, (), print)",
            "A.patch is a dimension of training already",
        ),
        (
            "@dataclass(frozen=True)\nclass A(Architecture):\n  pass\nFAMILY = NetworkFamily(A, ('widht',), print)",
            "uses names 'widht'; did you mean 'width'?",
        ),
    ],
)
def test_what_is_no_family_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    monkeypatch.delitem(sys.modules, "odd", raising=False)
    monkeypatch.syspath_prepend(write_package(tmp_path, "odd", {"family:odd": "FAMILY"}, HEAD + code))
    with pytest.raises(ValueError, match=r"^the plug-in family 'odd' of odd 1\.0 cannot be used: ") as caught:
        SearchSpace({"family": "odd"})
    assert said in str(caught.value)


@pytest.mark.usefixtures("waves")
def test_two_families_with_a_dimension_of_one_name_are_not_searched_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "twin", raising=False)
    monkeypatch.syspath_prepend(write_package(tmp_path, "twin", {"family:twins": "FAMILY"}, WAVES))
    SearchSpace({"family": ["composable", "twins"]})
    with pytest.raises(ValueError, match=r"two families of space\.family have a dimension 'waves_count'"):
        SearchSpace({"family": ["waves", "twins"]})
