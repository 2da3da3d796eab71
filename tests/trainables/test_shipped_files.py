"""Where a study finds what a command measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from paretoseg.trainables.shipped_files import ShippedFiles


@pytest.fixture
def files(tmp_path: Path) -> ShippedFiles:
    folder = tmp_path / "shipped"
    folder.mkdir()
    (folder / "textures.json").write_text("{}")
    return ShippedFiles("transfer.json", folder)


def test_auto_is_the_file_beside_the_data_then_the_shipped_one_then_none(files: ShippedFiles, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    assert files.names() == ("textures",)
    assert files.locate("auto", root=str(root), shipped="textures") == files.path_of("textures")
    assert files.locate("auto", root=str(root), shipped="hippocampus") is None
    assert files.locate("auto", root="", shipped="") is None
    (root / "transfer.json").write_text("{}")
    assert files.locate("auto", root=str(root), shipped="textures") == root / "transfer.json"


def test_a_name_is_a_shipped_one_and_anything_else_a_path(files: ShippedFiles) -> None:
    assert files.locate("textures", root="", shipped="") == files.path_of("textures")
    assert files.locate("mine.json", root="", shipped="textures") == Path("mine.json")
    assert files.locate("none", root="", shipped="textures") is files.locate("", root="", shipped="textures") is None
