"""Finds the calibration of a study: one beside the data, a shipped one, or a file. Free of torch.

The shipped ones are of the texture task and of the hippocampus; `docs/calibration.md` compares them with the default
strengths.
"""

from __future__ import annotations

from pathlib import Path

from paretoseg.trainables.shipped_files import ShippedFiles

FILE_NAME = "calibration.json"
"""File name of a calibration beside its data."""

_FILES = ShippedFiles(FILE_NAME, Path(__file__).parent / "calibrations")


def list_shipped() -> tuple[str, ...]:
    """Names of the shipped calibrations."""
    return _FILES.names()


def locate_shipped(name: str) -> Path:
    """The path of a shipped calibration."""
    return _FILES.path_of(name)


def locate_calibration(setting: str, *, root: str, shipped: str) -> Path | None:
    """The path that a setting refers to, or None for the default strengths; see `ShippedFiles.locate`.

    Args:
        setting: `auto`, `none` or '', the name of a shipped one, or a path.
        root: Folder of the data, or ''.
        shipped: Name of the calibration shipped for this kind of data, or ''.
    """
    return _FILES.locate(setting, root=root, shipped=shipped)
