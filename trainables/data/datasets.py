"""Cases, datasets and the interface of data sources. Free of torch.

The conventions of every dataset:

- An image is float32 with axes (channel, height, width), or (channel, depth, height, width) in three dimensions. Its
  values are in [0, 1].
- A label is uint8 with the axes of the image without the channel. 0 is background, k is `class_names[k]`, and
  `IGNORED` a pixel about which nothing is known, if the dataset has such. If classes overlap, `regions` says what
  they consist of.
- Spacing is `spacing_mm`, one number per spatial axis in the order of the axes.
- A subject (patient, specimen, composed picture) belongs to one split only, however many cases it has.
- A shift set has cases unlike those in training: another site, another size of objects, a harder blend. Its cases
  belong to the validation or the test split, by subject, and never to training.
- Case names are unique within a dataset: draws of corruptions and rows of results refer to them.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from jaxtyping import Float32, UInt8

from paretoseg.trainables.data.ignored import IGNORED
from paretoseg.trainables.data.placement import measure_round_trip
from paretoseg.trainables.data.preprocessing import Original
from paretoseg.trainables.data.regions import Regions
from paretoseg.trainables.trainable import MEAN, Split, SplitRow

MAX_GRID_CASES = 8
"""Largest number of cases from which the cost of the grid is estimated."""

MAX_GRID_VOXELS = 2**27
"""Largest number of voxels of these cases, counted once per class, if they are more than one: a few seconds."""

TRAIN = "train"
"""Name of the training split; `Split` has the other two, on which measurements are taken."""


@dataclass(frozen=True, eq=False)
class Case:
    """One image with its label.

    Raises:
        ValueError: if type, axes, values or size break the conventions of this module; the message names the case.
    """

    name: str
    """Unique within the dataset."""

    domain: str
    """Where it comes from: site, scanner, blend level."""

    subject: str
    """The patient or specimen; all cases of a subject are in one split."""

    split: str
    """'train', 'validation' or 'test'; never 'train' in a shift set."""

    image: Float32[np.ndarray, "c *spatial"]
    """Intensities in [0, 1]."""

    label: UInt8[np.ndarray, "..."]
    """Class of every pixel or voxel; has the axes of the image without the channel."""

    original: Original | None = None
    """The case before it was scaled and cropped, if it comes from files and is measured; None if that is the same."""

    def __post_init__(self) -> None:
        for role, array, dtype in (("image", self.image, np.float32), ("label", self.label, np.uint8)):
            if array.dtype != dtype:
                raise ValueError(f"case '{self.name}': {role} must be {np.dtype(dtype)}, got {array.dtype}")
        if self.image.shape[1:] != self.label.shape:
            raise ValueError(
                f"case '{self.name}': image and label must share their spatial axes, got {self.image.shape[1:]} and "
                f"{self.label.shape}; the image has the channel first"
            )
        if isinstance(self.image, np.memmap):
            return  # it was checked when it was written, and another check would read all of it from disk
        low, high = float(self.image.min()), float(self.image.max())
        if not (low >= 0.0 and high <= 1.0):
            raise ValueError(f"case '{self.name}': image values must lie in [0, 1], got {low:g}..{high:g}; scale them")


@dataclass(frozen=True, eq=False)
class Dataset:
    """The cases of a task in three splits, and those of its shift sets.

    Raises:
        ValueError: with all findings in one message: an empty split, a shift set without validation or test cases, a
            subject in two splits, a repeated name, a label without a class, another number of channels.
    """

    name: str
    train: Sequence[Case]
    validation: Sequence[Case]
    test: Sequence[Case]

    spacing_mm: tuple[float, ...]
    """Edge lengths of a pixel or voxel, in the order of the spatial axes."""

    num_channels: int
    """Channels of every image."""

    class_names: tuple[str, ...]
    """Names by label; the first is the background."""

    shift: Mapping[str, Sequence[Case]] = field(default_factory=dict)
    """Shift sets by name: validation and test cases that are unlike those in training."""

    shift_notes: Mapping[str, str] = field(default_factory=dict)
    """What is different in a shift set, in words, if its name does not say it."""

    simulated_families: frozenset[str] = frozenset()
    """The families of image changes, named as in `spaces.recipe.FAMILIES`, that make simulated shift sets."""

    has_ignored: bool = False
    """Whether labels may have pixels about which nothing is known."""

    regions: Regions | None = None
    """What the classes consist of, if they overlap; then class k holds all values of region k, not k alone."""

    def __post_init__(self) -> None:
        findings = [*self._split_findings(), *self._case_findings()]
        if findings:
            raise ValueError(f"dataset '{self.name}': " + "; ".join(findings))

    @property
    def num_classes(self) -> int:
        """Number of classes, background included."""
        return len(self.class_names)

    @property
    def num_outputs(self) -> int:
        """Output channels of a network: one per class, background included; without it if classes overlap."""
        return self.num_classes if self.regions is None else len(self.regions.values)

    @property
    def spatial_dims(self) -> int:
        """2 for pictures, 3 for volumes."""
        return len(self.spacing_mm)

    @property
    def largest_extents(self) -> tuple[int, ...]:
        """The largest extent along each axis of a case that networks are trained on, in pixels or voxels."""
        return tuple(max(extents) for extents in zip(*(case.label.shape for case in self.train), strict=True))

    def cases(self, split: Split) -> Sequence[Case]:
        """The cases of a split."""
        return self.validation if split is Split.VALIDATION else self.test

    def shift_cases(self, split: Split) -> Mapping[str, Sequence[Case]]:
        """The cases of a split in every shift set, by name of the set."""
        return {name: tuple(case for case in cases if case.split == split) for name, cases in self.shift.items()}

    @property
    def all_cases(self) -> tuple[Case, ...]:
        """The cases of all splits, then those of the shift sets."""
        held_out = (case for cases in self.shift.values() for case in cases)
        return (*self.train, *self.validation, *self.test, *held_out)

    def _split_findings(self) -> list[str]:
        findings, home = [], dict[str, str]()
        for split, cases in ((TRAIN, self.train), *((split.value, self.cases(split)) for split in Split)):
            if not cases:
                findings.append(f"split '{split}' must have at least one case, got none")
            for case in cases:
                if case.split != split:
                    findings.append(f"case '{case.name}' says split '{case.split}' but is listed in '{split}'")
        findings += self._shift_findings()
        for case in self.all_cases:
            if (first := home.setdefault(case.subject, case.split)) != case.split:
                findings.append(f"subject '{case.subject}' must be in one split, got {first}, {case.split}")
        return list(dict.fromkeys(findings))

    def _shift_findings(self) -> list[str]:
        findings = []
        for name, cases in self.shift.items():
            counts = Counter(case.split for case in cases)
            for split in Split:
                if not counts[split]:
                    findings.append(f"shift set '{name}' must have at least one {split} case, got none")
            for case in cases:
                if case.split not in list(Split):
                    findings.append(
                        f"case '{case.name}' of shift set '{name}' must be in validation or test, got '{case.split}'"
                    )
        return findings

    def _case_findings(self) -> list[str]:
        cases = self.all_cases
        counts = Counter(case.name for case in cases)
        findings = [f"case names must be unique, got '{name}' {n} times" for name, n in counts.items() if n > 1]
        if len(set(self.class_names)) < self.num_classes or MEAN in self.class_names:
            names = ", ".join(self.class_names)
            findings.append(f"class names must be distinct and none of them '{MEAN}', got {names}; rename one")
        for case in cases:
            if case.image.shape[0] != self.num_channels or case.label.ndim != self.spatial_dims:
                findings.append(
                    f"case '{case.name}' must have {self.num_channels} channels and {self.spatial_dims} spatial axes, "
                    f"got shape {case.image.shape}"
                )
            if not isinstance(case.label, np.memmap) and (highest := self._find_highest(case)) >= self.num_classes:
                findings.append(f"case '{case.name}' has label {highest}, known: 0..{self.num_classes - 1}")
        return findings

    def _find_highest(self, case: Case) -> int:
        known = case.label[case.label != IGNORED] if self.has_ignored else case.label
        return int(known.max(initial=0))


@dataclass(unsafe_hash=True)
class DataConfig(ABC):
    """Settings of a data source: the base class of all data sources in the config.

    Not frozen, and with plain fields only, because the config reader needs this. Hashable by value, so that a worker
    can cache its dataset; do not change a config that is in use.
    """

    root: str = ""
    """Folder with the data; the source defines what an empty one means."""

    shift: list[str] = field(default_factory=list, hash=False)
    """Shift sets, which are held out of training and measured separately; the source defines their names."""

    @property
    def shipped_calibration(self) -> str:
        """Name of the calibration shipped for this kind of data, or ''."""
        return ""

    @property
    def shipped_transfer(self) -> str:
        """Name of the transfer matrix shipped for this kind of data, or ''."""
        return ""

    @abstractmethod
    def findings(self) -> list[str]:
        """All faults of the settings and the files, one line each with file, field and way out."""

    @abstractmethod
    def load(self) -> Dataset:
        """The dataset; the same bytes for the same config."""

    def split_rows(self) -> list[SplitRow]:
        """One row per case with its split and the hashes of image and label."""
        dataset = load_once(self)
        shift_of = {case.name: name for name, cases in dataset.shift.items() for case in cases}
        return [
            SplitRow(
                case=case.name,
                split=case.split,
                subject=case.subject,
                domain=case.domain,
                image_sha256=_digest(case.image),
                label_sha256=_digest(case.label),
                shift=shift_of.get(case.name, ""),
            )
            for case in dataset.all_cases
        ]

    def find_repeated_sets(self) -> list[str]:
        """One finding if a shift set is named twice; else empty."""
        repeated = [name for name, count in Counter(self.shift).items() if count > 1]
        return [f"data.shift must be distinct, got {', '.join(repeated)} more than once"] if repeated else []

    def check(self) -> None:
        """Checks settings and files without loading more than necessary.

        Raises:
            ValueError: with all findings in one message.
        """
        findings = self.findings()
        if findings:
            raise ValueError("\n".join(findings))


def _digest(array: np.ndarray) -> str:
    """SHA-256 of type, shape and values."""
    hasher = hashlib.sha256(f"{array.dtype} {array.shape} ".encode())
    hasher.update(np.ascontiguousarray(array).data)
    return hasher.hexdigest()


@lru_cache(maxsize=4)
def load_once(data: DataConfig) -> Dataset:
    """The dataset of a config; cached, so that a worker that runs many trials loads it once."""
    return data.load()


def describe_shift_sets(dataset: Dataset) -> list[str]:
    """One line per shift set: its numbers of cases by split, and what is different in it."""
    lines = []
    for name, cases in dataset.shift.items():
        counts = Counter(case.split for case in cases)
        words = f"; {dataset.shift_notes[name]}" if name in dataset.shift_notes else ""
        lines.append(
            f"shift set '{name}': {counts[Split.VALIDATION]} validation and {counts[Split.TEST]} test cases, none in "
            f"training{words}"
        )
    return lines


def describe_grid_cost(dataset: Dataset, spared: int = MAX_GRID_CASES) -> list[str]:
    """One line on what a perfect network would lose on the grid of the files; empty if images are not resampled.

    Args:
        dataset: Its first validation cases are looked at.
        spared: Largest number of them.
    """
    originals = [case.original for case in dataset.validation if case.original and case.original.placement.is_resampled]
    if not originals:
        return []
    affordable = MAX_GRID_VOXELS // (dataset.num_classes * max(one.label.size for one in originals))
    looked_at = originals[: max(min(spared, affordable), 1)]
    scores = [measure_round_trip(one.label, one.placement, dataset.num_classes) for one in looked_at]
    spacing = ",".join(f"{edge:g}" for edge in dataset.spacing_mm)
    cases = f"{len(scores)} validation case{'s' * (len(scores) != 1)}"
    return [
        f"masks are scored on the grid of the files; at data.spacing_mm=[{spacing}] even a perfect network would reach "
        f"Dice {sum(scores) / len(scores):.3f} there (mean of {cases}), because of the way to that spacing and back"
    ]


def describe_small_cases(dataset: Dataset, patch: int) -> list[str]:
    """One line if images are smaller than a patch on any axis; else empty."""
    small = [case.name for case in dataset.all_cases if min(case.label.shape) < patch]
    if not small:
        return []
    named = ", ".join(small[:3]) + (f" and {len(small) - 3} more" if len(small) > 3 else "")
    return [
        f"{len(small)} of {len(dataset.all_cases)} images are smaller than the largest patch ({patch}) and are padded "
        f"with zeros: {named}"
    ]
