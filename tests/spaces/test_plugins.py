"""Names that installed packages add: found, checked, refused in one line, and compared with what a study used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from paretoseg.spaces.plugins import (
    Plugin,
    PluginError,
    Table,
    describe_changes,
    find_plugins,
    list_kinds,
    refuse_missing,
)
from tests.packages import write_package

SHAPE = Plugin("shape", "ring", "shapes-a", "1.0")


def read_number(found: Any) -> int:
    if not isinstance(found, int):
        raise ValueError(f"it must be a number, got {found!r}")
    return found


def table() -> Table[int]:
    return Table("shape", {"disc": 1}, read_number, reserved=("all",))


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def write(name: str, points: dict[str, str], code: str = "", version: str = "1.0") -> None:
        monkeypatch.syspath_prepend(write_package(tmp_path, name, points, code, version))

    return write


def test_without_packages_there_are_our_own_entries() -> None:
    assert dict(table()) == {"disc": 1}
    assert "ring" not in table()
    with pytest.raises(KeyError):
        table()["ring"]
    assert not {"shape"} & {*list_kinds()}


def test_a_package_adds_a_name_that_is_imported_when_it_is_taken(install: Any) -> None:
    install("shapes-a", {"shape:ring": "RING", "shape:arc": "ARC"}, "RING, ARC = 7, 8")
    found = table()
    assert list(found) == ["disc", "arc", "ring"]
    assert find_plugins("shape")["ring"] == (SHAPE,)
    assert found["ring"] == 7
    assert found.find_plugin("ring") == SHAPE
    assert found.find_plugin("disc") is None
    assert found.name_of(8) == "arc"
    assert found.find_broken() == {}


def test_an_unknown_name_is_answered_with_the_nearest_one_also_of_a_package(install: Any) -> None:
    install("shapes-a", {"shape:ring": "RING"}, "RING = 7")
    with pytest.raises(ValueError, match=r"^unknown shape 'rings'; did you mean 'ring'\? known: disc, ring$"):
        table().check("rings")


@pytest.mark.parametrize(
    ("attribute", "code", "said"),
    [
        (
            "RING",
            "import not_there",
            "entry point shapes_b:RING raises ModuleNotFoundError: No module named 'not_there'",
        ),
        ("RING", "RING = 'round'", "cannot be used: it must be a number, got 'round'"),
        ("NONE", "RING = 7", "entry point shapes_b:NONE raises AttributeError: module 'shapes_b' has no attribute"),
        ("RING", "raise SystemError", "entry point shapes_b:RING raises SystemError: ; fix or uninstall shapes-b"),
    ],
)
def test_a_broken_package_is_named_in_one_line_and_breaks_nothing_else(
    install: Any, attribute: str, code: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(__import__("sys").modules, "shapes_b", raising=False)
    install("shapes-b", {"shape:ring": attribute}, code)
    assert table().list_usable() == {"disc": 1}
    with pytest.raises(PluginError) as caught:
        table().check("ring")
    assert "\n" not in str(caught.value)
    assert "the plug-in shape 'ring' of shapes-b 1.0 " in str(caught.value)
    assert said in str(caught.value)
    assert table().find_broken() == {"ring": str(caught.value)}


def test_a_name_that_is_ours_stays_ours(install: Any) -> None:
    install("shapes-a", {"shape:disc": "RING", "shape:all": "RING"}, "RING = 7")
    assert dict(table()) == {"disc": 1}
    faults = table().find_broken()
    assert faults["disc"] == (
        "the name of the plug-in shape 'disc' of shapes-a 1.0 is taken by paretoseg; rename the entry point"
    )
    assert faults.keys() == {"disc", "all"}


def test_a_name_of_two_packages_is_refused(install: Any) -> None:
    install("shapes-a", {"shape:ring": "RING"}, "RING = 7")
    install("shapes-c", {"shape:ring": "RING"}, "RING = 7")
    with pytest.raises(PluginError, match=r"^shapes-c and shapes-a both add shape 'ring'; uninstall one of them$"):
        table().check("ring")


def test_of_a_package_that_is_installed_twice_the_first_one_counts(install: Any) -> None:
    install("shapes-a", {"shape:ring": "RING"}, "RING = 7")
    install("shapes-a", {"shape:ring": "RING"}, "RING = 7", version="2.0")
    assert find_plugins("shape")["ring"] == (Plugin("shape", "ring", "shapes-a", "2.0"),)


def test_what_a_study_used_must_be_installed_in_any_version(install: Any) -> None:
    used = (SHAPE, Plugin("shape", "arc", "shapes-z", "3.1"))
    install("shapes-a", {"shape:ring": "RING"}, "RING = 7", version="1.1")
    refuse_missing(used[:1])
    assert describe_changes(used) == [
        "the study was started with shape 'ring' of shapes-a 1.0; now it is of shapes-a 1.1"
    ]
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        refuse_missing(used)
    assert str(caught.value) == (
        "the study uses shape 'arc' of shapes-z 3.1, which is not installed; install with: pip install shapes-z==3.1"
    )
