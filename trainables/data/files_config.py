"""Data in files: the settings that all such sources share, the check of the whole dataset, and its cases.

Free of torch. A source derives from `FilesConfig` and lists its cases; this module does the rest.
"""

from __future__ import annotations

import math
import re
import sys
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TypeVar

from paretoseg.trainables.data.datasets import TRAIN, Case, DataConfig, Dataset
from paretoseg.trainables.data.findings import Finding, to_lines
from paretoseg.trainables.data.ignored import IGNORED, find_foreground_share
from paretoseg.trainables.data.inspection import (
    EMPTY_LABELS,
    Inspector,
    RawCase,
    Rules,
    count_channels,
    read_pair,
    to_raw_case,
)
from paretoseg.trainables.data.label_map import read_label_map
from paretoseg.trainables.data.listing import (
    Entry,
    Listing,
    find_mixture,
    find_repetitions,
    find_subject,
    find_too_many_classes,
    shorten_names,
)
from paretoseg.trainables.data.prepared_cases import CaseCache, FileHashes, default_cache, key_of, raise_open_file_limit
from paretoseg.trainables.data.preprocessing import Prepared, Preprocessing
from paretoseg.trainables.data.shift_sets import (
    HeldOut,
    find_strata,
    hold_out_domains,
    hold_out_strata,
    name_set,
    read_sites,
    resolve_path,
)
from paretoseg.trainables.data.spacings import find_other_axes, find_other_spacings
from paretoseg.trainables.data.splits import assign_splits
from paretoseg.trainables.trainable import SplitRow

Visited = TypeVar("Visited")

PROGRESS_SECONDS = 5.0
"""Seconds between two lines of progress of a check."""


@dataclass(unsafe_hash=True)
class FilesConfig(Preprocessing, DataConfig):
    """Images and labels in files below `root`."""

    channels: int = 0
    """Channels of every image; 0 for the number that the source gives, or that of the first image."""

    label_map: list[str] = field(default_factory=list, hash=False)
    """Values of label files and their classes, as 255:1 or 255:nucleus; any other value is its own class."""

    subject_pattern: str = ""
    """Regular expression that finds the subject in a case's name, if the source does not give it."""

    split_seed: int = 0
    """Decides which subjects are for training, validation and test."""

    validation_share: float = 0.2
    test_share: float = 0.2

    train_domains: list[str] = field(default_factory=list, hash=False)
    """Domains of training, validation and test, without the shift sets; empty for all."""

    from_plan: bool = False
    """Whether a new study takes spacing and scaling of intensities from its plan, where they are not set."""

    allow_empty_labels: bool = False
    """Whether cases without foreground are allowed."""

    cache: str = ""
    """Folder for preprocessed cases; empty for one below the user's cache folder."""

    cache_gb: float = 200.0
    """Largest size of the cache, in gigabytes (10^9 bytes); the cases of this data always stay. 0 for no limit."""

    def __post_init__(self) -> None:
        # Workers have working directories of their own.
        self.root = str(Path(self.root).expanduser().absolute()) if self.root else ""
        self.shift = [resolve_path(name) for name in self.shift]

    @abstractmethod
    def list_cases(self) -> Listing:
        """The cases of the source, and everything wrong with its own files, as findings; raises nothing."""

    def at_another(self, root: str) -> FilesConfig:
        """The same source at another root, which is a shift set."""
        return replace(self, root=root, shift=[])

    def count_files_per_image(self) -> int:
        """Files of an image: more than one if every channel is in a file of its own."""
        return 1

    @property
    def preprocessing(self) -> Preprocessing:
        """The preprocessing of every case."""
        return Preprocessing(**{item.name: getattr(self, item.name) for item in fields(Preprocessing)})

    def findings(self) -> list[str]:
        """Everything wrong with settings, lists and files; also prepares all cases that are right."""
        settings = [*self.preprocessing.findings(), *self._setting_findings()]
        if settings:
            return settings
        listing, findings = self._gather()
        if not listing.entries or any(finding.kind == "label maps" for finding in findings):
            return to_lines(findings)
        hashes, cache = self._hashes(), CaseCache(self.cache_folder)
        inspector = self._inspector(listing, hashes, cache)
        spacings: dict[str, tuple[float, ...]] = {}
        shares: dict[str, float] = {}
        num_before, has_foreground = len(findings), False
        for entry in _show_progress(listing.entries):
            case, found = inspector.prepare(entry)
            findings += found
            has_foreground = has_foreground or (case is not None and bool(case.label.any()))
            if case is not None:
                spacings[entry.name] = case.spacing_mm
                shares |= self._read_share(entry, case)
        if not has_foreground and all(finding.kind == EMPTY_LABELS for finding in findings[num_before:]):
            findings[num_before:] = [_refuse_all_empty(listing)]
        digests = {entry.name: hashes.digest(*entry.images) or entry.name for entry in listing.entries}
        hashes.keep()
        findings += self._place(listing, shares).findings
        cache.shrink(self._most_cache_bytes)
        return to_lines([*findings, *find_repetitions(listing.entries, digests), *find_other_spacings(spacings)])

    def load(self) -> Dataset:
        """The dataset, with arrays mapped into memory from the cache; prepares the cases that are not in it.

        Raises:
            ValueError: with what is wrong, naming settings, case and file.
        """
        listing, findings = self._gather()
        _refuse(findings)
        raise_open_file_limit()
        hashes, cache = self._hashes(), CaseCache(self.cache_folder)
        inspector = self._inspector(listing, hashes, cache)
        prepared = {entry.name: _prepare(entry, inspector) for entry in listing.entries}
        spacings = {name: case.spacing_mm for name, case in prepared.items()}
        shares: dict[str, float] = {}
        for entry in listing.entries:
            shares |= self._read_share(entry, prepared[entry.name])
        placed = self._place(listing, shares)
        _refuse([*placed.findings, *find_other_spacings(spacings)])
        groups: dict[str, list[Case]] = {}
        for entry in placed.entries:
            arrays = prepared[entry.name].image, prepared[entry.name].label
            original = None if entry.split == TRAIN else inspector.find_original(entry)
            case = Case(entry.name, entry.domain, entry.subject, entry.split, *arrays, original)
            groups.setdefault(f"shift/{entry.shift}" if entry.shift else entry.split, []).append(case)
        hashes.keep()
        cache.shrink(self._most_cache_bytes)
        return Dataset(
            name=listing.name,
            train=tuple(groups.get("train", ())),
            validation=tuple(groups.get("validation", ())),
            test=tuple(groups.get("test", ())),
            shift={name: tuple(groups[f"shift/{name}"]) for name in map(name_set, self.shift)},
            shift_notes=placed.notes,
            spacing_mm=next(iter(spacings.values())),
            num_channels=next(iter(prepared.values())).image.shape[0],
            class_names=listing.class_names,
            regions=listing.regions,
            has_ignored=any(number == IGNORED for _, number in self._read_label_map(listing)),
        )

    def visit_training_cases(self, visit: Callable[[RawCase], Visited]) -> tuple[Listing, list[Visited]]:
        """Reads every training case as its files hold it, and nothing of the others; spacings may differ.

        Strata are not held out, because they are known only after preprocessing.

        Args:
            visit: Is given one case after the other.

        Returns:
            The list of all cases, and what `visit` returned for each.

        Raises:
            ValueError: with everything that is wrong with settings, lists and the files read.
        """
        if settings := [*self.preprocessing.findings(), *self._setting_findings()]:
            raise ValueError("\n".join(settings))
        listing, findings = self._gather()
        if not listing.entries:
            _refuse(findings)
        placed = self._place(listing, {})
        rules, visited = self._rules(listing), []
        num_axes: dict[str, int] = {}
        for entry in _show_progress([entry for entry in placed.entries if entry.split == TRAIN]):
            pair, found = read_pair(entry, rules)
            findings += found
            if pair is not None:
                num_axes[entry.name] = len(pair[0].spatial_shape)
                visited.append(visit(to_raw_case(entry.name, *pair, self.preprocessing)))
        _refuse([*findings, *placed.findings, *find_other_axes(num_axes)])
        return listing, visited

    def split_rows(self) -> list[SplitRow]:
        """Every case with its split and the hashes of its files."""
        listing, _ = self._gather()
        hashes = self._hashes()
        shares: dict[str, float] = {}
        if find_strata(self.shift, listing.entries):
            inspector = self._inspector(listing, hashes, CaseCache(self.cache_folder))
            for entry in listing.entries:
                shares |= self._read_share(entry, _prepare(entry, inspector))
        rows = []
        for entry in self._place(listing, shares).entries:
            digests = hashes.digest(*entry.images), hashes.digest(entry.label)
            rows.append(SplitRow(entry.name, entry.split, entry.subject, entry.domain, *digests, entry.shift))
        hashes.keep()
        return rows

    def find_image(self, name: str) -> Path:
        """The image file of a case, the first one if every channel has its own."""
        listing, _ = self._gather()
        return next(entry.image for entry in listing.entries if entry.name == name)

    def _gather(self) -> tuple[Listing, list[Finding]]:
        """The cases in use, and what is wrong so far; cases of shift sets are marked, except those of strata."""
        listing = self.list_cases()
        if not listing.entries:
            return listing, list(listing.findings)
        named = [
            entry if entry.subject else replace(entry, subject=find_subject(entry.name, self.subject_pattern))
            for entry in shorten_names(listing.entries)
        ]
        own = hold_out_domains(named, self.shift, used_domains=self.train_domains)
        sites = read_sites(
            self.shift,
            listing,
            list_root=lambda root: self.at_another(root).list_cases(),
            root=self.root,
            subject_pattern=self.subject_pattern,
        )
        entries = (*own.entries, *sites.entries)
        _, map_findings = read_label_map(self.label_map, listing.class_names)
        map_findings += find_too_many_classes(listing)
        findings = [*listing.findings, *own.findings, *sites.findings, *find_mixture([*named, *sites.entries])]
        return replace(listing, entries=entries), [*findings, *map_findings]

    def _place(self, listing: Listing, shares: Mapping[str, float]) -> HeldOut:
        """The cases with their splits and shift sets, and what is wrong with them.

        Args:
            listing: From `_gather`.
            shares: Foreground share by case, if there are strata.
        """
        held_out = hold_out_strata(listing.entries, find_strata(self.shift, listing.entries), shares=shares)
        of_splits = {"validation": self.validation_share, "test": self.test_share}
        of_splits["train"] = 1.0 - sum(of_splits.values())
        return assign_splits(held_out, of_splits, self.split_seed)

    def _read_share(self, entry: Entry, case: Prepared) -> dict[str, float]:
        """The foreground share of a case that may be in a stratum; empty if there are no strata."""
        if entry.shift or not find_strata(self.shift, ()):
            return {}
        return {entry.name: find_foreground_share(case.label)}

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
        if both := sorted({*self.train_domains} & {*self.shift}):
            findings.append(f"domains must be in data.train_domains or data.shift, got {both} in both")
        findings += self.find_repeated_sets()
        try:
            re.compile(self.subject_pattern)
        except re.error as error:
            findings.append(
                f"data.subject_pattern must be a regular expression, got '{self.subject_pattern}' ({error})"
            )
        return findings

    def _inspector(self, listing: Listing, hashes: FileHashes, cache: CaseCache) -> Inspector:
        return Inspector(self._rules(listing), cache, hashes)

    def _rules(self, listing: Listing) -> Rules:
        return Rules(
            num_channels=self.channels or listing.num_channels or count_channels(listing.entries),
            num_classes=len(listing.class_names),
            label_map=self._read_label_map(listing),
            allows_empty_labels=self.allow_empty_labels,
            preprocessing=self.preprocessing,
        )

    def _read_label_map(self, listing: Listing) -> tuple[tuple[int, int], ...]:
        """Pairs of value in the files and class, with the value of ignored pixels."""
        label_map, _ = read_label_map(self.label_map, listing.class_names)
        known = {value for value, _ in label_map}
        if listing.ignored_value is None or listing.ignored_value in known:
            return label_map
        return (*label_map, (listing.ignored_value, IGNORED))

    def _hashes(self) -> FileHashes:
        return FileHashes(self.cache_folder, key_of(self.root))

    @property
    def _most_cache_bytes(self) -> float:
        return self.cache_gb * 1e9 or math.inf

    @property
    def cache_folder(self) -> Path:
        """The folder of preprocessed cases."""
        return Path(self.cache).expanduser().absolute() if self.cache else default_cache()


def _prepare(entry: Entry, inspector: Inspector) -> Prepared:
    prepared, found = inspector.prepare(entry)
    if prepared is None:
        raise ValueError(f"case '{entry.name}': " + "; ".join(to_lines(found)))
    return prepared


def _refuse(findings: Sequence[Finding]) -> None:
    if findings:
        raise ValueError("\n".join(to_lines(findings)))


def _refuse_all_empty(listing: Listing) -> Finding:
    """The finding for a dataset that nothing can be learned from."""
    first, num = listing.entries[0], len(listing.entries)
    text = (
        f"all {num} labels are empty, as '{first.label}': they hold 0 alone, so there is nothing to learn; write class "
        "numbers from 1 into the files, or name the folder with the real masks"
    )
    return Finding(EMPTY_LABELS, str(first.label), text)


def _show_progress(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Yields the entries, and prints a line of progress from time to time if checking them takes long."""
    last = time.monotonic()
    for number, entry in enumerate(entries):
        if time.monotonic() - last > PROGRESS_SECONDS:
            last = time.monotonic()
            print(f"Checking the data: {number} of {len(entries)} cases.", file=sys.stderr, flush=True)
        yield entry
