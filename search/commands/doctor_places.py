"""What `paretoseg doctor` checks of cores, memory, disks and the storage of studies."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from pathlib import Path

from paretoseg.search.health.check import Finding, Verdict
from paretoseg.search.store.folder import Folder, StorageError

_SHARED_MEMORY = Path("/dev/shm")
_GB = 1e9
_LEAST_MEMORY_GB, _LEAST_SHARED_GB = 4.0, 0.5
_LITTLE_DISK_GB, _NO_DISK_GB = 10.0, 1.0


def check_cores() -> list[Finding]:
    """Warns if the memory is little for even one trial beside the search."""
    cores, memory_gb = len(os.sched_getaffinity(0)), find_memory_gb()
    text = f"{cores} core{'s' * (cores != 1)}, {memory_gb:.1f} GB"
    if memory_gb < _LEAST_MEMORY_GB:
        fix = "search one trial at a time with resources.max_concurrent=1, and small patches"
        return [Finding("CPU and memory", Verdict.WARN, text, fix)]
    return [Finding("CPU and memory", Verdict.PASS, text)]


def find_memory_gb() -> float:
    """The memory that this process may use: that of the machine, or less in a container."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GB
    for path in (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")):
        try:
            return min(total, int(path.read_text()) / _GB)
        except (OSError, ValueError):
            continue
    return total


def check_shared_memory() -> list[Finding]:
    """Warns if Ray's shared memory is small, as it is in a container that was started without --shm-size."""
    if not _SHARED_MEMORY.is_dir():
        return []
    free_gb = shutil.disk_usage(_SHARED_MEMORY).free / _GB
    text = f"{free_gb:.2f} GB free in {_SHARED_MEMORY}"
    if free_gb < _LEAST_SHARED_GB:
        return [Finding("shared memory", Verdict.WARN, text, "start the container with --shm-size=2g")]
    return [Finding("shared memory", Verdict.PASS, text)]


def check_disks(storage: str) -> list[Finding]:
    """Warns or fails if there is little room for studies, or for temporary files."""
    places = {"temporary files": Path(tempfile.gettempdir())}
    if "://" not in storage:  # opening a URI may fail, which `check_storage` says
        places = {"studies": Path(storage).expanduser().absolute()} | places
    return [_judge_disk(name, path) for name, path in places.items()]


def _judge_disk(name: str, path: Path) -> Finding:
    there = next(place for place in (path, *path.parents) if place.exists())
    free_gb = shutil.disk_usage(there).free / _GB
    text = f"{free_gb:.1f} GB free for {name} in {there}"
    verdict = Verdict.FAIL if free_gb < _NO_DISK_GB else Verdict.WARN if free_gb < _LITTLE_DISK_GB else Verdict.PASS
    fix = "make room, or choose another place with " + ("storage=PATH" if name == "studies" else "TMPDIR")
    return Finding("disk", verdict, text, "" if verdict is Verdict.PASS else fix)


def check_storage(storage: str) -> list[Finding]:
    """Fails if a file cannot be written to the storage of studies, read back and removed."""
    name = f".doctor-{uuid.uuid4().hex[:8]}"
    try:
        folder = Folder(storage if "://" in storage else str(Path(storage).expanduser()))
        path = folder.local_path
        missing = [place for place in (path, *path.parents) if not place.exists()] if path is not None else []
        folder.write(name, b"paretoseg")
        is_same = folder.read(name) == b"paretoseg"
        folder.delete(name)
        for place in missing:  # what writing has made, from the inside out
            place.rmdir()
    except (StorageError, OSError, ValueError) as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        fix = "check path, keys and permissions, or choose another place with storage=PATH|URI"
        return [Finding("storage", Verdict.FAIL, f"cannot be written: {cause}", fix)]
    if not is_same:
        text = f"{folder.location} gives back something else than was written"
        return [Finding("storage", Verdict.FAIL, text, "choose another place with storage=PATH|URI")]
    return [Finding("storage", Verdict.PASS, f"{folder.location} can be written")]
