"""A cache of preprocessed cases, shared by the processes of a machine and memory-mapped. Free of torch.

The key of a case depends on its content and its preprocessing, so that a changed file or setting never gets an old
result, and studies with the same settings share cases. Several processes may write at the same time: a case is moved
into place when it is complete, and the first one stays. Deleting the folder at any time only costs time: processes that
have mapped a case keep it, and other processes prepare it again.

    <cache>/cases/<key>/arrays.npy   the bytes of image (float32) and label (uint8), one after the other
    <cache>/cases/<key>/about.json   shape and spacing, or the placement of a case that is not yet scaled
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
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from paretoseg.spaces.atomic_file import write_atomically
from paretoseg.trainables.data.image_files import digest_of, find_companions, join_digests
from paretoseg.trainables.data.placement import Placement
from paretoseg.trainables.data.preprocessing import Original, Prepared, Rescaling

VERSION = 1
"""Part of every key: increase it when the same settings give other arrays than before."""

_ABANDONED_SECONDS = 86400.0
"""Age in seconds from which an unfinished case counts as abandoned."""

_ARRAYS, _ABOUT = "arrays.npy", "about.json"


def default_cache() -> Path:
    """The folder of a user's caches, after the XDG base directory specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "paretoseg"


def key_of(*parts: object) -> str:
    """A file name derived from these parts, equal in every process."""
    text = json.dumps([VERSION, *parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class CaseCache:
    """The cached cases in a folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "cases"
        self._used: set[str] = set()
        self._has_grown = False

    def find(self, key: str) -> Prepared | None:
        """The case, memory-mapped; None if it is missing or damaged.

        Writing into the arrays changes only this process's copy.
        """
        found = self._read(key)
        if found is None:
            return None
        about, content = found
        try:
            shape = tuple(about["shape"])
            size = math.prod(shape)
            image = content[:-size].view(np.float32).reshape(-1, *shape)
            return Prepared(image, content[-size:].reshape(shape), tuple(about["spacing_mm"]))
        except (ValueError, KeyError, TypeError):
            return None

    def keep(self, key: str, case: Prepared) -> Prepared:
        """Writes a case and returns it as `find` does.

        Raises:
            ValueError: if the folder cannot be written.
        """
        about = {"shape": case.label.shape, "spacing_mm": case.spacing_mm}
        self._write(key, about, case.image, case.label)
        return self.find(key) or case

    def find_original(self, key: str) -> Original | None:
        """The case before scaling and cropping, as `find` does."""
        found = self._read(key)
        if found is None:
            return None
        about, content = found
        try:
            placement = Placement(**{name: _to_tuples(value) for name, value in about["placement"].items()})
            size = math.prod(placement.shape)
            image = content[:-size].view(np.float32).reshape(-1, *placement.resampled_shape)
            rescaling, percentiles = Rescaling(about["rescaling"]), _to_tuples(about["percentiles"])
            label = content[-size:].reshape(placement.shape)
            return Original(image, label, placement, rescaling, percentiles, about["is_cropped"])
        except (ValueError, KeyError, TypeError):
            return None

    def keep_original(self, key: str, original: Original) -> Original:
        """Writes a case before scaling and cropping; returns and raises as `keep` does."""
        about = {
            "placement": asdict(original.placement),
            "rescaling": original.rescaling.value,
            "percentiles": original.percentiles,
            "is_cropped": original.is_cropped,
        }
        self._write(key, about, original.image, original.label)
        return self.find_original(key) or original

    def shrink(self, most_bytes: float) -> int:
        """Removes the least recently used cases until the rest fits, if any was added; returns the number removed.

        Cases that this object has found or kept are not removed. Safe while other processes read and write: see the
        module's docstring.
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

    def _is_damaged(self, key: str) -> bool:
        return self.find(key) is None and self.find_original(key) is None

    def _read(self, key: str) -> tuple[dict[str, Any], np.ndarray] | None:
        """What is known of an entry, and the bytes of its arrays, memory-mapped; None if it is missing or damaged."""
        place = self._folder / key
        try:
            about = json.loads((place / _ABOUT).read_text())
            # One file for both arrays, because every mapping keeps a file open.
            content = np.load(place / _ARRAYS, mmap_mode="c")
        except (OSError, ValueError):
            return None
        self._used.add(key)
        with suppress(OSError):
            os.utime(place)  # records the last use; a cache that cannot be written is never shrunk
        return about, content

    def _write(self, key: str, about: dict[str, Any], image: np.ndarray, label: np.ndarray) -> None:
        unfinished = self._folder / f".{key}.{uuid.uuid4().hex[:8]}"
        try:
            unfinished.mkdir(parents=True)
            with (unfinished / _ARRAYS).open("wb") as file:
                np.save(file, np.concatenate([image.reshape(-1).view(np.uint8), label.reshape(-1)]))
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

    def _move(self, unfinished: Path, key: str) -> None:
        """Moves a case into place, unless another process was first; replaces a damaged case."""
        place = self._folder / key
        if place.is_dir() and self._is_damaged(key):
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
            # It existed and was removed again, because a third process is shrinking the cache.


def _to_tuples(value: Any) -> Any:
    """Lists as tuples, also inside of lists."""
    return tuple(map(_to_tuples, value)) if isinstance(value, list) else value


def _remove(place: Path) -> None:
    """Removes a case in one step, so that no process finds half of it."""
    going = place.with_name(f".{place.name.lstrip('.')}.{uuid.uuid4().hex[:8]}")
    with suppress(FileNotFoundError):
        place.rename(going)
    shutil.rmtree(going, ignore_errors=True)


def raise_open_file_limit() -> None:
    """Raises this process's limit of open files to the system's maximum, because every mapped case is an open file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class FileHashes:
    """The hashes of the files of one dataset; a file is read again only if its size or modification time differs.

    Args:
        folder: The cache.
        key: Key of the dataset.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._path = folder / "files" / f"{key}.json"
        try:
            known = json.loads(self._path.read_text())
            self._known: dict[str, list[object]] = known if isinstance(known, dict) else {}
        except (OSError, ValueError):
            self._known = {}
        self._is_changed = False

    def digest(self, *paths: Path) -> str:
        """SHA-256 of a file, or of all files of an image together; '' if one of them cannot be read."""
        digests = [self._digest(path) for path in paths]
        return join_digests(digests) if all(digests) else ""

    def _digest(self, path: Path) -> str:
        try:
            stats = [part.stat() for part in (path, *find_companions(path))]
            found = self._known.get(str(path))
            state = [sum(stat.st_size for stat in stats), max(stat.st_mtime_ns for stat in stats)]
            if isinstance(found, list) and found[:2] == state:
                return str(found[2])
            digest = digest_of(path)
        except OSError:
            return ""
        self._known[str(path)] = [*state, digest]
        self._is_changed = True
        return digest

    def keep(self) -> None:
        """Writes the hashes; ignores a cache that cannot be written."""
        if not self._is_changed:
            return
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps(self._known).encode())
