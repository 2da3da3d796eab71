"""Preprocessed cases, kept once per machine and mapped into memory by whoever needs them. Free of torch.

A case is known by its content and by what is done to it, so that a changed file or setting never meets an old result,
and studies with the same settings share it. Processes may write at once: a case is moved into place when it is
complete, and the first one stays. Deleting the folder at any time costs time only: who has a case mapped keeps it, and
who looks for it prepares it again.

    <cache>/cases/<key>/arrays.npy   the bytes of image (float32) and label (uint8), one behind the other
    <cache>/cases/<key>/about.json   shape and spacing
    <cache>/files/<key>.json         size, time of change and hash of the files of one dataset
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import resource
import shutil
import time
import uuid
from contextlib import suppress
from pathlib import Path

import numpy as np

from paretoseg.spaces.atomic_file import write_atomically
from paretoseg.trainables.data.image_files import digest_of
from paretoseg.trainables.data.preprocessing import Prepared

VERSION = 1
"""Part of every key: raise it when the same settings give other arrays than before."""

_ABANDONED_SECONDS = 86400.0
"""How old an unfinished case is of which nobody will come back."""

_ARRAYS, _ABOUT = "arrays.npy", "about.json"


def default_cache() -> Path:
    """The folder that a user's caches lie in, after the XDG base directory specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "paretoseg"


def key_of(*parts: object) -> str:
    """A file name that stands for these parts, equal in every process."""
    text = json.dumps([VERSION, *parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class CaseCache:
    """The cases under one folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "cases"
        self._used: set[str] = set()
        self._has_grown = False

    def find(self, key: str) -> Prepared | None:
        """The case, its arrays mapped into memory; None if it is not there or damaged.

        Writing into the arrays changes this process's copy alone.
        """
        place = self._folder / key
        try:
            about = json.loads((place / _ABOUT).read_text())
            # One file for both arrays: every mapping holds a file open.
            content = np.load(place / _ARRAYS, mmap_mode="c")
            shape = tuple(about["shape"])
            size = math.prod(shape)
            image = content[:-size].view(np.float32).reshape(-1, *shape)
            found = Prepared(image, content[-size:].reshape(shape), tuple(about["spacing_mm"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        self._used.add(key)
        with suppress(OSError):
            os.utime(place)  # says when the case was last used; a cache that cannot be written is none to shrink
        return found

    def keep(self, key: str, case: Prepared) -> Prepared:
        """Writes a case and returns it as `find` does.

        Raises:
            ValueError: if the folder cannot be written.
        """
        unfinished = self._folder / f".{key}.{uuid.uuid4().hex[:8]}"
        about = {"shape": case.label.shape, "spacing_mm": case.spacing_mm}
        try:
            unfinished.mkdir(parents=True)
            with (unfinished / _ARRAYS).open("wb") as file:
                np.save(file, np.concatenate([case.image.reshape(-1).view(np.uint8), case.label.reshape(-1)]))
                file.flush()
                os.fsync(file.fileno())
            (unfinished / _ABOUT).write_text(json.dumps(about))
            self._move(unfinished, key)
            self._has_grown = True
        except OSError as error:
            raise ValueError(
                f"'{self._folder}' cannot be written ({error.strerror}); free some space, or name another folder with "
                "data.cache=PATH"
            ) from None
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        return self.find(key) or case

    def shrink(self, most_bytes: float) -> int:
        """Takes out what was not used for longest until the rest fits, if anything was added; returns how many.

        What this cache has found or kept itself stays. Safe while others read and write: see the module's text.
        """
        if not self._has_grown:
            return 0
        self._has_grown = False
        ages: list[tuple[float, int, Path]] = []
        for place in self._folder.iterdir():
            with suppress(OSError):  # gone meanwhile
                size = sum(file.stat().st_size for file in place.iterdir())
                ages.append((place.stat().st_mtime, size, place))
        total, removed = sum(size for _, size, _ in ages), 0
        for last_used, size, place in sorted(ages):
            if total <= most_bytes:
                break
            is_unfinished = place.name.startswith(".")
            if place.name in self._used or (is_unfinished and time.time() - last_used < _ABANDONED_SECONDS):
                continue
            _remove(place)
            total, removed = total - size, removed + 1
        return removed

    def _move(self, unfinished: Path, key: str) -> None:
        """Into place, unless another process was first; what is there but damaged makes way."""
        place = self._folder / key
        if place.is_dir() and self.find(key) is None:
            _remove(place)
        while True:
            try:
                unfinished.rename(place)
                return
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
            if place.is_dir():
                return
            # It was there and went again, as a third process makes room.


def _remove(place: Path) -> None:
    """Out of the way at once, so that nobody finds half a case."""
    going = place.with_name(f".{place.name.lstrip('.')}.{uuid.uuid4().hex[:8]}")
    with suppress(FileNotFoundError):
        place.rename(going)
    shutil.rmtree(going, ignore_errors=True)


def allow_many_files() -> None:
    """Lets this process hold as many files open as the system permits: every mapped case is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class FileHashes:
    """The hashes of the files of one dataset; a file is read again only when its size or time of change differs.

    Args:
        folder: The cache.
        key: Stands for the dataset.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._path = folder / "files" / f"{key}.json"
        try:
            known = json.loads(self._path.read_text())
            self._known: dict[str, list[object]] = known if isinstance(known, dict) else {}
        except (OSError, ValueError):
            self._known = {}
        self._is_changed = False

    def digest(self, path: Path) -> str:
        """SHA-256 of a file, or '' if it cannot be read."""
        try:
            stat = path.stat()
            found = self._known.get(str(path))
            state = [stat.st_size, stat.st_mtime_ns]
            if isinstance(found, list) and found[:2] == state:
                return str(found[2])
            digest = digest_of(path)
        except OSError:
            return ""
        self._known[str(path)] = [*state, digest]
        self._is_changed = True
        return digest

    def keep(self) -> None:
        """Writes what was learned; a cache that cannot be written is no reason to stop here."""
        if not self._is_changed:
            return
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps(self._known).encode())
