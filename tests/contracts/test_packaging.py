"""The installed package: one import namespace with all of our folders."""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.wheels import FOLDERS, ROOT, build_wheel

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_folder_is_listed_as_a_package_and_no_other() -> None:
    found = {"paretoseg"}
    for folder in FOLDERS:
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        found |= {f"paretoseg.{file.parent.relative_to(ROOT).as_posix().replace('/', '.')}" for file in files}
    listed = SETTINGS["tool"]["setuptools"]["packages"]
    assert len(set(listed)) == len(listed)
    assert sorted(listed) == sorted(found)


def test_every_module_lies_in_a_folder_with_a_face() -> None:
    for folder in ("paretoseg", *FOLDERS):
        for path in (ROOT / folder).rglob("*.py"):
            assert (path.parent / "__init__.py").is_file(), f"{path.parent} needs an __init__.py"


@pytest.mark.slow
def test_a_wheel_holds_one_top_level_package_with_all_files(tmp_path: Path) -> None:
    path, said = build_wheel(tmp_path)
    assert "is absent from" not in said
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
        [top_level] = [name for name in names if name.endswith("/top_level.txt")]
        assert wheel.read(top_level).decode().split() == ["paretoseg"]
    assert {name.partition("/")[0] for name in names} == {"paretoseg", top_level.partition("/")[0]}
    for folder in FOLDERS:
        for file in (tmp_path / "source" / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                assert f"paretoseg/{file.relative_to(tmp_path / 'source').as_posix()}" in names
