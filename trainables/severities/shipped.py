"""Finds the calibration of a study: one beside the data, a shipped one, or a file. Free of torch.

The shipped ones are of the texture task and of the hippocampus; `docs/calibration.md` compares them with the default
strengths.
"""

from __future__ import annotations

from pathlib import Path

AUTO, NONE = "auto", "none"

FILE_NAME = "calibration.json"
"""File name of a calibration beside its data."""

_FOLDER = Path(__file__).parent / "calibrations"


def list_shipped() -> tuple[str, ...]:
    """Names of the shipped calibrations."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))


def locate_shipped(name: str) -> Path:
    """The path of a shipped calibration."""
    return _FOLDER / f"{name}.json"


def locate_calibration(setting: str, *, root: str, shipped: str) -> Path | None:
    """The path that a setting refers to, or None for the default strengths.

    Args:
        setting: `auto` (the file beside the data, else the one shipped for it, else none), `none` or '', the name of a
            shipped one, or a path.
        root: Folder of the data, or ''.
        shipped: Name of the calibration shipped for this kind of data, or ''.
    """
    if setting == AUTO:
        beside = Path(root).expanduser() / FILE_NAME
        if root and beside.is_file():
            return beside
        return locate_shipped(shipped) if shipped else None
    if setting in ("", NONE):
        return None
    return locate_shipped(setting) if setting in list_shipped() else Path(setting).expanduser()
