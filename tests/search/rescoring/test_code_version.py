"""A rescoring records the version of the code that made it."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from paretoseg.search.rescoring import code_version


def commit(folder: Path) -> None:
    """A repository with one commit."""
    (folder / "file").write_text("content")
    words = ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "first"]
    for command in (["init", "--quiet"], ["add", "file"], words):
        subprocess.run(["git", *command], cwd=folder, check=True)


def test_the_version_names_the_commit_of_the_repository_that_holds_the_code() -> None:
    repository = Path(code_version.__file__).parents[2]
    assert (repository / "search" / "rescoring" / "code_version.py").samefile(code_version.__file__)
    has_commit = (repository / ".git").exists()
    assert ("+" in code_version.name_version()) == has_commit


def test_a_changed_repository_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(tmp_path)
    monkeypatch.setattr(code_version, "_REPOSITORY", tmp_path)
    clean = code_version.name_version()
    assert clean.startswith(f"{version('paretoseg')}+")
    (tmp_path / "file").write_text("other content")
    assert code_version.name_version() == f"{clean}-dirty"


def test_a_repository_around_the_installation_is_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(tmp_path)
    (tmp_path / "installed").mkdir()
    monkeypatch.setattr(code_version, "_REPOSITORY", tmp_path / "installed")
    assert code_version.name_version() == version("paretoseg")
