"""The installed package: one import namespace with all of our folders."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("spaces", "trainables", "cluster", "search")
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
    """From a copy, so that no build folder is left behind or reused."""
    copy = tmp_path / "source"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    for name in ("paretoseg", *FOLDERS):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(copy)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is absent from" not in done.stdout + done.stderr
    [path] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
        [top_level] = [name for name in names if name.endswith("/top_level.txt")]
        assert wheel.read(top_level).decode().split() == ["paretoseg"]
    assert {name.partition("/")[0] for name in names} == {"paretoseg", top_level.partition("/")[0]}
    for folder in FOLDERS:
        for file in (copy / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                assert f"paretoseg/{file.relative_to(copy).as_posix()}" in names
