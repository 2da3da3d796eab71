"""Which calibration a study begins with: one that lies with the data, one that is shipped, or a file. Free of torch.

The shipped ones are of the texture task and of the hippocampus; `docs/calibration.md` shows beside them what the
default strengths lose there.
"""

from __future__ import annotations

from pathlib import Path

AUTO, NONE = "auto", "none"

FILE_NAME = "calibration.json"
"""Name under which a calibration lies with its data."""

_FOLDER = Path(__file__).parent / "calibrations"


def list_shipped() -> tuple[str, ...]:
    """Names of the shipped calibrations."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))


def locate_shipped(name: str) -> Path:
    """The file of a shipped calibration."""
    return _FOLDER / f"{name}.json"


def locate_calibration(setting: str, *, root: str, shipped: str) -> Path | None:
    """The file that a setting means, or None for the default strengths.

    Args:
        setting: `auto` (the file with the data, else the one that is shipped for it, else none), `none` or nothing,
            the name of a shipped one, or a path.
        root: Folder of the data, or ''.
        shipped: Name of the calibration that is shipped for this kind of data, or ''.
    """
    if setting == AUTO:
        beside = Path(root).expanduser() / FILE_NAME
        if root and beside.is_file():
            return beside
        return locate_shipped(shipped) if shipped else None
    if setting in ("", NONE):
        return None
    return locate_shipped(setting) if setting in list_shipped() else Path(setting).expanduser()
