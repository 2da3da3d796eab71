"""How much memory the kernel's control groups leave to this process.

A container, a Slurm step or a service manager puts a process into a group, which lies in another one, and each may have
a limit. What counts is the smallest remainder along the path from the group of the process up. There are two versions
of groups; see cgroups(7). A mount may show a part of all groups, so paths are relative to what it shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class _Files:
    """The names of a version: limit, use, and the line of `memory.stat` with what the kernel gives back on demand."""

    limit: str
    used: str
    cached: str


_FILES = {
    "cgroup2": _Files("memory.max", "memory.current", "inactive_file"),
    "cgroup": _Files("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
_NO_LIMIT = 2.0**60
"""Version 1 says a number near 2^63 where there is no limit."""


def find_memory_left(process: Path = Path("/proc/self"), top: Path = Path("/")) -> float | None:
    """The smallest remainder of the groups of a process, in bytes; None if none has a limit.

    Args:
        process: The folder of the process in /proc.
        top: The root of the file system that its mounts are in.
    """
    left = [found for folder, files in _list_groups(process, top) if (found := _read_left(folder, files)) is not None]
    return min(left, default=None)


def _list_groups(process: Path, top: Path) -> Iterator[tuple[Path, _Files]]:
    """The folders of the groups of a process, from its own one up, as far as they are mounted."""
    own = dict(_read_own_groups(process))
    for kind, root, place in _read_mounts(process):
        path = PurePosixPath(own.get(kind, root))
        # Without a namespace of its own, a container reads the path outside, of which the mount shows nothing.
        inner = path.relative_to(root) if path.is_relative_to(root) else PurePosixPath()
        for depth in range(len(inner.parts), -1, -1):
            yield top / place.relative_to("/") / PurePosixPath(*inner.parts[:depth]), _FILES[kind]


def _read_own_groups(process: Path) -> Iterator[tuple[str, str]]:
    """The version and the path of each group that the process is in and that may limit memory."""
    for line in _read_lines(process / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield "cgroup2", path
        elif "memory" in controllers.split(","):
            yield "cgroup", path


def _read_mounts(process: Path) -> Iterator[tuple[str, str, PurePosixPath]]:
    """Version, root and place of each mount of groups that may limit memory; see proc(5)."""
    for line in _read_lines(process / "mountinfo"):
        fields, _, rest = line.partition(" - ")
        kind, _, options = rest.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "memory" in options.split(",")):
            root, place = fields.split(" ")[3:5]
            yield kind, root, PurePosixPath(place)


def _read_left(folder: Path, files: _Files) -> float | None:
    limits, used = _read_lines(folder / files.limit), _read_lines(folder / files.used)
    if not limits or not used or limits[0] == "max" or float(limits[0]) > _NO_LIMIT:
        return None
    stat = dict(line.split(" ", 1) for line in _read_lines(folder / "memory.stat"))
    return float(limits[0]) - max(float(used[0]) - float(stat.get(files.cached, 0)), 0.0)


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
