"""The cases of a data source in files, before any file is read. Free of torch."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from paretoseg.trainables.data.findings import Finding
from paretoseg.trainables.data.ignored import IGNORED
from paretoseg.trainables.data.image_files import is_volume, stem_of
from paretoseg.trainables.data.regions import Regions

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Entry:
    """The files and metadata of one case."""

    name: str
    """Unique in its listing."""

    image: Path
    label: Path

    domain: str
    """Site, scanner or the like; '' if unknown."""

    subject: str
    """The patient or specimen; all cases of a subject are in one split."""

    split: str = ""
    """'train', 'validation' or 'test' if given; '' if it will be drawn."""

    shift: str = ""
    """Name of its shift set, or ''."""

    more_images: tuple[Path, ...] = ()
    """Files of the further channels, if every channel is in a file of its own."""

    @property
    def images(self) -> tuple[Path, ...]:
        """All files of the image, in the order of its channels."""
        return (self.image, *self.more_images)


@dataclass(frozen=True)
class Listing:
    """The cases, classes and channels of a source."""

    name: str
    """Name of the dataset."""

    class_names: tuple[str, ...] = ()
    """Names by label; the first is the background."""

    num_channels: int = 0
    """Declared channels of every image; 0 if not declared."""

    entries: tuple[Entry, ...] = ()
    findings: tuple[Finding, ...] = ()
    """Faults of the list itself."""

    ignored_value: int | None = None
    """The value of pixels in label files about whose class nothing is known; None if there is none."""

    channel_names: tuple[str, ...] = ()
    """Names of the channels, such as CT or T1; empty if the source does not give them."""

    regions: Regions | None = None
    """What the classes consist of, if they overlap."""


def locate(root: Path, words: str, place: str) -> Path:
    """The path of a file that a list names, inside the data's folder.

    Links inside the folder may point elsewhere, because the folder's owner made them.

    Raises:
        ValueError: if the path leads out of the folder.
    """
    path = Path(os.path.normpath(root / PurePosixPath(words)))
    if not path.is_relative_to(root):
        raise ValueError(
            f"{place}: '{words}' leads out of data.root '{root}'; put the file inside and name it relative to it"
        )
    return path


def name_of(path: Path, root: Path) -> str:
    """A name that is unique among files: the path below the root without the ending."""
    return stem_of(path.relative_to(root).as_posix())


def shorten_names(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries, named by the last part of their names if these are unique."""
    short = [entry.name.rpartition("/")[2] for entry in entries]
    if len(set(short)) < len({entry.name for entry in entries}):
        return tuple(entries)
    return tuple(replace(entry, name=name) for entry, name in zip(entries, short, strict=True))


def find_subject(name: str, pattern: str) -> str:
    """The subject of a case: the first group of the pattern's match in its name, the whole match, or the name itself.

    Args:
        name: Name of the case.
        pattern: A regular expression, or '' for none.
    """
    found = re.search(pattern, name) if pattern else None
    if found is None:
        return name
    return found.group(1) if found.re.groups and found.group(1) is not None else found.group(0)


def find_repetitions(entries: Iterable[Entry], digests: Mapping[str, str]) -> list[Finding]:
    """Findings for cases that are listed twice: the same file, or a copy of it under another name.

    Args:
        entries: All entries.
        digests: SHA-256 of the image by name of the case, where known.
    """
    entries = list(entries)
    findings = []
    for path, count in Counter(entry.image for entry in entries).items():
        if count > 1:
            text = f"image '{path}' is listed {count} times; list every case once"
            findings.append(Finding("cases listed twice", str(path), text))
    owner: dict[str, Entry] = {}
    for entry in entries:
        first = owner.setdefault(digests.get(entry.name, entry.name), entry)
        if first.image != entry.image:
            text = f"images '{first.image}' and '{entry.image}' are the same; list every case once"
            findings.append(Finding("cases listed twice", str(entry.image), text))
    return findings


def find_too_many_classes(listing: Listing) -> list[Finding]:
    """A finding if labels of 8 bit cannot hold all classes beside the mark of pixels that nobody labelled."""
    number = len(listing.class_names)
    if number <= IGNORED:
        return []
    text = f"'{listing.name}' has {number} classes, and at most {IGNORED} fit; merge some with data.label_map"
    return [Finding("numbers of classes", listing.name, text)]


def find_mixture(entries: Sequence[Entry]) -> list[Finding]:
    """Findings for pictures among volumes, and for images of another kind than their label."""
    findings = []
    first = entries[0]
    for entry in entries:
        for path in (*entry.images, entry.label):
            if is_volume(path) != is_volume(first.image):
                kinds = ("volume", "picture") if is_volume(path) else ("picture", "volume")
                text = f"file '{path}' is a {kinds[0]}, but '{first.image}' is a {kinds[1]}; keep them in two datasets"
                findings.append(Finding("files of another kind", str(path), text))
    return findings
