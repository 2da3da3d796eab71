"""Records of images, labels and splits, and what every data source must say. Free of torch.

The conventions that every dataset keeps:

- An image is float32 with axes (channel, height, width), or (channel, depth, height, width) in three dimensions. Its
  values lie in [0, 1]; a source scales whatever it reads to that range with constants of its own, never with statistics
  of the case, so that a corruption of a given size means the same on every image.
- A label is uint8 with the axes of the image less the channel. 0 is background, k is `class_names[k]`.
- Spacing is `spacing_mm`, one number per spatial axis in the order of the axes.
- A subject (patient, specimen, composed picture) belongs to one split only, however many cases it has.
- Case names are unique within a dataset: the draws of corruptions and the rows of results are known by them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float32, UInt8

from trainables.trainable import Split

TRAIN = "train"
"""Name of the split that weights are fitted on; `Split` names the two that measurements are taken on."""


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
    """Whom it shows; all cases of a subject share a split."""

    split: str
    """'train', 'validation' or 'test'."""

    image: Float32[np.ndarray, "c *spatial"]
    """Intensities in [0, 1]."""

    label: UInt8[np.ndarray, "..."]
    """Class of every pixel or voxel; the axes of the image less the channel."""

    def __post_init__(self) -> None:
        for role, array, dtype in (("image", self.image, np.float32), ("label", self.label, np.uint8)):
            if array.dtype != dtype:
                raise ValueError(f"case '{self.name}': {role} must be {np.dtype(dtype)}, got {array.dtype}")
        if self.image.shape[1:] != self.label.shape:
            raise ValueError(
                f"case '{self.name}': image and label must share their spatial axes, got {self.image.shape[1:]} and "
                f"{self.label.shape}; the image has the channel first"
            )
        low, high = float(self.image.min()), float(self.image.max())
        if not (low >= 0.0 and high <= 1.0):
            raise ValueError(f"case '{self.name}': image values must lie in [0, 1], got {low:g}..{high:g}; scale them")


@dataclass(frozen=True, eq=False)
class Dataset:
    """The cases of a task in three splits.

    Raises:
        ValueError: with all findings in one message: an empty split, a subject in two splits, a name used twice, a
            label without a class, a different number of channels.
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

    def __post_init__(self) -> None:
        findings = [*self._split_findings(), *self._case_findings()]
        if findings:
            raise ValueError(f"dataset '{self.name}': " + "; ".join(findings))

    @property
    def num_classes(self) -> int:
        """Number of classes, background included."""
        return len(self.class_names)

    @property
    def spatial_dims(self) -> int:
        """2 for pictures, 3 for volumes."""
        return len(self.spacing_mm)

    def cases(self, split: Split) -> Sequence[Case]:
        """The cases that a measurement on this split is taken on."""
        return self.validation if split is Split.VALIDATION else self.test

    def _split_findings(self) -> list[str]:
        findings, home = [], dict[str, str]()
        for split, cases in ((TRAIN, self.train), ("validation", self.validation), ("test", self.test)):
            if not cases:
                findings.append(f"split '{split}' must have at least one case, got none")
            for case in cases:
                if case.split != split:
                    findings.append(f"case '{case.name}' says split '{case.split}' but is listed in '{split}'")
                if home.setdefault(case.subject, split) != split:
                    findings.append(f"subject '{case.subject}' must be in one split, got {home[case.subject]}, {split}")
        return list(dict.fromkeys(findings))

    def _case_findings(self) -> list[str]:
        cases = [*self.train, *self.validation, *self.test]
        counts = Counter(case.name for case in cases)
        findings = [f"case names must be unique, got '{name}' {n} times" for name, n in counts.items() if n > 1]
        for case in cases:
            if case.image.shape[0] != self.num_channels or case.label.ndim != self.spatial_dims:
                findings.append(
                    f"case '{case.name}' must have {self.num_channels} channels and {self.spatial_dims} spatial axes, "
                    f"got shape {case.image.shape}"
                )
            if case.label.max() >= self.num_classes:
                findings.append(f"case '{case.name}' has label {case.label.max()}, known: 0..{self.num_classes - 1}")
        return findings


@dataclass(unsafe_hash=True)
class DataConfig(ABC):
    """Where the cases come from: the base of every data source that a config can name.

    Not frozen, and with plain fields only, because the config reader needs it so. Hashable by value, so that a worker
    can keep the dataset it has loaded; do not change a config once it is in use.
    """

    root: str = ""
    """Folder that the data is read from; what an empty one means is said by the source."""

    @abstractmethod
    def findings(self) -> list[str]:
        """Everything that is wrong with the settings and the files, each naming file, field and way out."""

    @abstractmethod
    def load(self) -> Dataset:
        """The dataset; the same bytes for the same config."""

    def check(self) -> None:
        """Looks at settings and files without loading more than it must.

        Raises:
            ValueError: with all findings in one message.
        """
        findings = self.findings()
        if findings:
            raise ValueError("\n".join(findings))


@lru_cache(maxsize=4)
def load_once(data: DataConfig) -> Dataset:
    """The dataset of a config, kept by this process: a worker that runs many trials loads it once."""
    return data.load()
