"""Commands are printed as they must be typed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from paretoseg.search.commands.own_command import own_command


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "my env" / "bin" / "paretoseg"
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    return path


def test_a_script_that_the_shell_does_not_find_is_named_by_its_path(script: Path) -> None:
    assert own_command(["my env/bin/paretoseg", "search"]) == "'my env/bin/paretoseg'"
    assert own_command([str(script)]) == "'my env/bin/paretoseg'"


def test_a_script_that_the_shell_finds_is_named_by_its_name(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(script.parent))
    assert own_command([str(script)]) == "paretoseg"


def test_another_script_that_the_shell_finds_is_not_taken_for_it(
    script: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "paretoseg"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(other.parent))
    assert own_command([str(script)]) == "'my env/bin/paretoseg'"


def test_a_module_is_started_with_the_same_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/opt/an env/bin/python")
    assert own_command(["/somewhere/paretoseg/__main__.py"]) == "'/opt/an env/bin/python' -m paretoseg"


def test_a_program_that_imports_us_gets_the_plain_name() -> None:
    assert own_command(["/usr/bin/pytest"]) == "paretoseg"
