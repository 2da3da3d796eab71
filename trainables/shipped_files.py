"""Files with what a command measured on some data: beside the data, shipped, or anywhere. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

AUTO, NONE = "auto", "none"


@dataclass(frozen=True)
class ShippedFiles:
    """The files of one command."""

    name: str
    """File name beside the data."""

    folder: Path
    """Folder of the shipped ones."""

    def names(self) -> tuple[str, ...]:
        """Names of the shipped ones."""
        return tuple(sorted(path.stem for path in self.folder.glob("*.json")))

    def path_of(self, name: str) -> Path:
        """The path of a shipped one."""
        return self.folder / f"{name}.json"

    def locate(self, setting: str, *, root: str, shipped: str) -> Path | None:
        """The path that a setting refers to, or None for none.

        Args:
            setting: `auto` (the file beside the data, else the one shipped for it, else none), `none` or '', the name
                of a shipped one, or a path.
            root: Folder of the data, or ''.
            shipped: Name under which files for this kind of data are shipped, or ''.
        """
        if setting == AUTO:
            beside = Path(root).expanduser() / self.name
            if root and beside.is_file():
                return beside
            return self.path_of(shipped) if shipped in self.names() else None
        if setting in ("", NONE):
            return None
        return self.path_of(setting) if setting in self.names() else Path(setting).expanduser()
