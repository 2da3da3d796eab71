"""Data that lies in files: settings that all such sources share, the check of the whole dataset, and its cases.

Free of torch. A source derives from `FilesConfig` and says which cases there are; all else is done here.
"""

from __future__ import annotations

import math
import re
import sys
import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from trainables.datasets import SHIFT, Case, DataConfig, Dataset
from trainables.findings import Finding, suggest, to_lines
from trainables.inspection import Inspector, Rules, count_channels
from trainables.label_map import read_label_map
from trainables.listing import Entry, Listing, find_mixture, find_repetitions, find_subject, shorten_names
from trainables.prepared_cases import CaseCache, FileHashes, allow_many_files, default_cache, key_of
from trainables.preprocessing import Preprocessing, find_other_spacings
from trainables.splits import draw_splits, find_conflicts, find_overlap
from trainables.trainable import SplitRow

PROGRESS_SECONDS = 5.0
"""How long a check may be silent."""


@dataclass(unsafe_hash=True)
class FilesConfig(DataConfig):
    """Images and labels in files below `root`."""

    channels: int = 0
    """Channels of every image; 0 for what the source says, or what the first image has."""

    label_map: list[str] = field(default_factory=list, hash=False)
    """Values of label files and their classes, as 255:1 or 255:nucleus; others stand for themselves."""

    subject_pattern: str = ""
    """Regular expression that finds the subject in a case's name, where the source does not say it."""

    split_seed: int = 0
    """Decides which subjects train, choose and test."""

    validation_share: float = 0.2
    test_share: float = 0.2

    train_domains: list[str] = field(default_factory=list, hash=False)
    """Domains that training, validation and test are restricted to; empty for all."""

    shift_domains: list[str] = field(default_factory=list, hash=False)
    """Domains that are held out: in no split, but each a shift set of its own."""

    orientation: str = "RAS"
    spacing_mm: list[float] = field(default_factory=list, hash=False)
    pixel_mm: float = 1.0
    intensity: str = "auto"
    low_percentile: float = 0.5
    high_percentile: float = 99.5
    window: list[float] = field(default_factory=list, hash=False)
    crop_foreground: bool = False

    allow_empty_labels: bool = False
    """Whether cases without foreground are right."""

    cache: str = ""
    """Folder for preprocessed cases; empty for one below the user's cache folder."""

    cache_gb: float = 200.0
    """What all cases there may take, in gigabytes (10^9 bytes); those of this data always stay. 0 for no limit."""

    def __post_init__(self) -> None:
        # Workers have working directories of their own.
        self.root = str(Path(self.root).expanduser().absolute()) if self.root else ""

    @abstractmethod
    def list_cases(self) -> Listing:
        """What the source offers, as far as its own files tell; nothing is raised."""

    @property
    def preprocessing(self) -> Preprocessing:
        """What is done to every case."""
        return Preprocessing(
            orientation=self.orientation,
            spacing_mm=tuple(self.spacing_mm),
            pixel_mm=self.pixel_mm,
            intensity=self.intensity,
            low_percentile=self.low_percentile,
            high_percentile=self.high_percentile,
            window=tuple(self.window),
            crop_foreground=self.crop_foreground,
        )

    def findings(self) -> list[str]:
        """Everything wrong with settings, lists and files; cases in order are prepared on the way."""
        settings = [*self.preprocessing.findings(), *self._setting_findings()]
        if settings:
            return settings
        listing, findings = self._arrange()
        if not listing.entries or any(finding.kind == "label maps" for finding in findings):
            return to_lines(findings)
        hashes, cache = self._hashes(), CaseCache(self.cache_folder)
        inspector = self._inspector(listing, hashes, cache)
        spacings: dict[str, tuple[float, ...]] = {}
        for entry in _show_progress(listing.entries):
            case, found = inspector.prepare(entry)
            findings += found
            if case is not None:
                spacings[entry.name] = case.spacing_mm
        digests = {entry.name: hashes.digest(entry.image) or entry.name for entry in listing.entries}
        hashes.keep()
        cache.shrink(self._most_cache_bytes)
        return to_lines([*findings, *find_repetitions(listing.entries, digests), *find_other_spacings(spacings)])

    def load(self) -> Dataset:
        """The dataset, its arrays mapped into memory from the cache; cases that it lacks are prepared.

        Raises:
            ValueError: with what is wrong, naming settings, case and file.
        """
        listing, findings = self._arrange()
        if findings:
            raise ValueError("\n".join(to_lines(findings)))
        allow_many_files()
        hashes, cache = self._hashes(), CaseCache(self.cache_folder)
        inspector = self._inspector(listing, hashes, cache)
        groups: dict[str, list[Case]] = {}
        spacings: dict[str, tuple[float, ...]] = {}
        for entry in listing.entries:
            prepared, found = inspector.prepare(entry)
            if prepared is None:
                raise ValueError(f"case '{entry.name}': " + "; ".join(to_lines(found)))
            spacings[entry.name] = prepared.spacing_mm
            case = Case(entry.name, entry.domain, entry.subject, entry.split, prepared.image, prepared.label)
            groups.setdefault(f"{SHIFT}/{entry.domain}" if entry.split == SHIFT else entry.split, []).append(case)
        hashes.keep()
        cache.shrink(self._most_cache_bytes)
        if others := find_other_spacings(spacings):
            raise ValueError("\n".join(to_lines(others)))
        return Dataset(
            name=listing.name,
            train=tuple(groups.get("train", ())),
            validation=tuple(groups.get("validation", ())),
            test=tuple(groups.get("test", ())),
            shift={name: tuple(groups[f"{SHIFT}/{name}"]) for name in self.shift_domains},
            spacing_mm=next(iter(spacings.values())),
            num_channels=next(iter(groups.values()))[0].image.shape[0],
            class_names=listing.class_names,
        )

    def split_rows(self) -> list[SplitRow]:
        """Every case with its split and the hashes of its files."""
        listing, _ = self._arrange()
        hashes = self._hashes()
        rows = []
        for entry in listing.entries:
            digests = hashes.digest(entry.image), hashes.digest(entry.label)
            rows.append(SplitRow(entry.name, entry.split, entry.subject, entry.domain, *digests))
        hashes.keep()
        return rows

    def find_image(self, name: str) -> Path:
        """The file that the image of a case comes from."""
        listing, _ = self._arrange()
        return next(entry.image for entry in listing.entries if entry.name == name)

    def _arrange(self) -> tuple[Listing, list[Finding]]:
        """The listing of the cases that are used, each with its split, and what is wrong so far."""
        listing = self.list_cases()
        findings = list(listing.findings)
        if not listing.entries:
            return listing, findings
        entries = [
            entry if entry.subject else replace(entry, subject=find_subject(entry.name, self.subject_pattern))
            for entry in shorten_names(listing.entries)
        ]
        findings += self._domain_findings(entries)
        findings += find_mixture(entries)
        _, map_findings = read_label_map(self.label_map, listing.class_names)
        findings += map_findings
        held_out = [replace(entry, split=SHIFT) for entry in entries if entry.domain in self.shift_domains]
        used = [
            entry
            for entry in entries
            if entry.domain not in self.shift_domains and (not self.train_domains or entry.domain in self.train_domains)
        ]
        shares = {"validation": self.validation_share, "test": self.test_share}
        shares["train"] = 1.0 - sum(shares.values())
        splits = draw_splits(used, shares, self.split_seed)
        findings += find_conflicts(used, splits)
        findings += find_overlap(used, held_out)
        placed = [replace(entry, split=splits[entry.subject]) for entry in used]
        return replace(listing, entries=(*placed, *held_out)), findings

    def _setting_findings(self) -> list[str]:
        findings = []
        if not self.root:
            findings.append("data.root must name the folder of the data; add data.root=PATH")
        elif not Path(self.root).is_dir():
            findings.append(f"data.root must be an existing folder, got '{self.root}'")
        shares = (self.validation_share, self.test_share)
        if not (min(shares) > 0.0 and sum(shares) < 1.0):
            findings.append(
                "data.validation_share and data.test_share must be positive and leave a share for training, got "
                f"{shares[0]:g} and {shares[1]:g}"
            )
        for key in ("channels", "cache_gb"):
            if not 0 <= getattr(self, key) < math.inf:
                findings.append(f"data.{key} must be at least 0 and finite, got {getattr(self, key)}")
        if both := sorted({*self.train_domains} & {*self.shift_domains}):
            findings.append(f"domains must be in data.train_domains or data.shift_domains, got {both} in both")
        try:
            re.compile(self.subject_pattern)
        except re.error as error:
            findings.append(
                f"data.subject_pattern must be a regular expression, got '{self.subject_pattern}' ({error})"
            )
        return findings

    def _domain_findings(self, entries: Sequence[Entry]) -> list[Finding]:
        known = sorted({entry.domain for entry in entries if entry.domain})
        shown = f"known: {', '.join(known)}" if known else "this data names no domains"
        findings = []
        for key in ("train_domains", "shift_domains"):
            for domain in getattr(self, key):
                if domain not in known:
                    text = f"data.{key}: unknown domain '{domain}'; {suggest(domain, known)}{shown}"
                    findings.append(Finding("unknown domains", domain, text))
        return findings

    def _inspector(self, listing: Listing, hashes: FileHashes, cache: CaseCache) -> Inspector:
        label_map, _ = read_label_map(self.label_map, listing.class_names)
        rules = Rules(
            num_channels=self.channels or listing.num_channels or count_channels(listing.entries),
            num_classes=len(listing.class_names),
            label_map=label_map,
            allows_empty_labels=self.allow_empty_labels,
            preprocessing=self.preprocessing,
        )
        return Inspector(rules, cache, hashes)

    def _hashes(self) -> FileHashes:
        return FileHashes(self.cache_folder, key_of(self.root))

    @property
    def _most_cache_bytes(self) -> float:
        return self.cache_gb * 1e9 or math.inf

    @property
    def cache_folder(self) -> Path:
        """Where preprocessed cases are kept."""
        return Path(self.cache).expanduser().absolute() if self.cache else default_cache()


def _show_progress(entries: Sequence[Entry]) -> Iterator[Entry]:
    """The entries, with a line on the way from time to time if looking at them takes long."""
    last = time.monotonic()
    for number, entry in enumerate(entries):
        if time.monotonic() - last > PROGRESS_SECONDS:
            last = time.monotonic()
            print(f"Checking the data: {number} of {len(entries)} cases.", file=sys.stderr, flush=True)
        yield entry
