"""Checks one case of a dataset: returns the prepared case, or all faults of its files.

Free of torch. A case without findings is cached, and not checked again until a file or a setting changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from jaxtyping import UInt8

from paretoseg.trainables.data.findings import Finding, to_lines
from paretoseg.trainables.data.ignored import IGNORED, has_foreground
from paretoseg.trainables.data.image_files import (
    COLOURS,
    Raw,
    fit_channels,
    join_channels,
    read_channels,
    read_image,
    read_label,
)
from paretoseg.trainables.data.listing import Entry
from paretoseg.trainables.data.prepared_cases import CaseCache, FileHashes, key_of
from paretoseg.trainables.data.preprocessing import (
    AFFINE_TOLERANCE,
    Original,
    Prepared,
    Preprocessing,
    find_original,
    prepare,
    turn,
)

EMPTY_LABELS = "empty labels"
"""The kind of the finding for a label of background only."""

_MAX_VALUES_NAMED = 6


@dataclass(frozen=True)
class Rules:
    """The rules for every case of a dataset."""

    num_channels: int
    """Channels of every image; 0 for any number."""

    num_classes: int
    """Number of classes, background included."""

    label_map: tuple[tuple[int, int], ...]
    """Pairs of value in the file and class; other values are classes themselves."""

    allows_empty_labels: bool
    preprocessing: Preprocessing


@dataclass(frozen=True, eq=False)
class RawCase:
    """A case as its files hold it, but for the order of its axes."""

    name: str
    image: np.ndarray
    """In the type and unit of the file, axes (channel, *spatial)."""

    label: UInt8[np.ndarray, "..."]
    """Class of every pixel or voxel."""

    spacing_mm: tuple[float, ...]
    """In the order of the axes."""


def to_raw_case(name: str, image: Raw, label: UInt8[np.ndarray, "..."], settings: Preprocessing) -> RawCase:
    """The case with its axes turned as the settings say, and nothing else changed."""
    array, turned, placement = turn(image, label, replace(settings, spacing_mm=[]))
    return RawCase(name, array, turned, placement.spacing_mm)


class Inspector:
    """Checks the cases of one dataset, and caches those without faults.

    Args:
        rules: The rules for the cases.
        cache: The cache of prepared cases.
        hashes: The hashes of their files.
    """

    def __init__(self, rules: Rules, cache: CaseCache, hashes: FileHashes) -> None:
        self._rules, self._cache, self._hashes = rules, cache, hashes
        self._settings = asdict(rules)

    def prepare(self, entry: Entry) -> tuple[Prepared | None, list[Finding]]:
        """The prepared case, memory-mapped, or None and what is wrong with it.

        Raises:
            ValueError: if the cache cannot be written.
        """
        digests = self._hashes.digest(*entry.images), self._hashes.digest(entry.label)
        if not all(digests):
            return inspect(entry, self._rules)
        key = key_of(*digests, self._settings)
        if (known := self._cache.find(key)) is not None:
            return known, []
        case, findings = inspect(entry, self._rules)
        return (None if case is None else self._cache.keep(key, case)), findings

    def find_original(self, entry: Entry) -> Original:
        """A case without faults, as it is before scaling and cropping, memory-mapped.

        Raises:
            ValueError: if the case has faults, or the cache cannot be written.
        """
        digests = self._hashes.digest(*entry.images), self._hashes.digest(entry.label)
        key = key_of(*digests, self._settings, "original") if all(digests) else ""
        if key and (known := self._cache.find_original(key)) is not None:
            return known
        pair, findings = read_pair(entry, self._rules)
        if pair is None:
            raise ValueError(f"case '{entry.name}': " + "; ".join(to_lines(findings)))
        original = find_original(*pair, self._rules.preprocessing)
        return self._cache.keep_original(key, original) if key else original


def inspect(entry: Entry, rules: Rules) -> tuple[Prepared | None, list[Finding]]:
    """The case after preprocessing, or None and what is wrong with it."""
    pair, findings = read_pair(entry, rules)
    if pair is None:
        return None, findings
    image, classes = pair
    try:
        case = prepare(image, classes, rules.preprocessing)
    except ValueError as error:
        return None, [Finding("images that cannot be prepared", entry.image.name, f"image '{entry.image}': {error}")]
    if has_foreground(classes) and not has_foreground(case.label):
        text = f"label '{entry.label}' is empty after preprocessing; look at data.spacing_mm and data.crop_foreground"
        return None, [Finding("labels empty after preprocessing", str(entry.label), text)]
    return case, []


def read_pair(entry: Entry, rules: Rules) -> tuple[tuple[Raw, UInt8[np.ndarray, "..."]] | None, list[Finding]]:
    """The image of a case and its label as classes, or None and what is wrong with the files."""
    findings: list[Finding] = []
    raws: list[Raw] = []
    for path, read in (*((path, read_image) for path in entry.images), (entry.label, read_label)):
        try:
            raws.append(read(path))
        except ValueError as error:
            kind = "files missing" if "is missing" in str(error) else "files unreadable"
            findings.append(Finding(kind, str(path), str(error)))
    if not findings:
        findings = _compare_channels(entry, raws[:-1])
    if findings:
        return None, findings
    image, label = join_channels(raws[:-1]), raws[-1]
    image, image_findings = _inspect_image(entry, image, rules)
    classes, label_findings = _inspect_label(entry, label, rules)
    findings = [*_compare_places(entry, image, label), *image_findings, *label_findings]
    return (None, findings) if findings else ((image, classes), [])


def count_channels(entries: Sequence[Entry]) -> int:
    """Channels of the first image that can be read; 0 if none can."""
    for entry in entries:
        try:
            return int(read_channels(entry.images).array.shape[0])
        except ValueError:
            continue
    return 0


def _inspect_image(entry: Entry, image: Raw, rules: Rules) -> tuple[Raw, list[Finding]]:
    place = str(entry.image)
    channels = rules.num_channels or image.array.shape[0]
    image = fit_channels(image, channels)
    array = image.array
    findings = []
    if array.shape[0] != channels:
        is_colour = channels == 1 and array.shape[0] == COLOURS
        got = "is in colour (3 channels), but grey is declared" if is_colour else (
            f"has {array.shape[0]} channels, but {channels} are declared"
        )  # fmt: skip
        text = f"image '{place}' {got}; set data.channels={array.shape[0]} if that is right for all, or convert it"
        findings.append(Finding("images with other channels", place, text))
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        text = f"image '{place}' has {count} voxels that are NaN or infinite; replace them, or take its case out"
        findings.append(Finding("images with NaN or infinite voxels", place, text))
    elif 1 in image.spatial_shape:
        text = (
            f"image '{place}' has shape {image.spatial_shape}: a single slice is no volume; save it as PNG or TIFF "
            "in two dimensions"
        )
        findings.append(Finding("slices declared as volumes", place, text))
    elif array.min() == array.max():
        text = f"image '{place}' is constant, {array.flat[0]} everywhere; take its case out"
        findings.append(Finding("constant images", place, text))
    return image, findings


def _inspect_label(entry: Entry, label: Raw, rules: Rules) -> tuple[UInt8[np.ndarray, "..."], list[Finding]]:
    """The label as classes, and what is wrong with it; values without a class become background."""
    place, array = str(entry.label), label.array[0]
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        text = f"label '{place}' has NaN or infinite voxels; replace them, or take its case out"
        return _blank(array), [Finding("labels with NaN or infinite voxels", place, text)]
    mapping: Mapping[int, int] = dict(rules.label_map)
    values, classes = find_values(array), _blank(array)
    known = {value: mapping.get(int(value), int(value)) for value in values if value == int(value)}
    classes_known = {*range(rules.num_classes), IGNORED if IGNORED in mapping.values() else 0}
    unknown = [value for value in values if known.get(value, -1) not in classes_known]
    if unknown:
        text = (
            f"label '{place}' has values {_name_values(unknown)} outside the classes 0..{rules.num_classes - 1}; say "
            f"what they are, as data.label_map=[{unknown[0]:g}:1], or fix the file"
        )
        return classes, [Finding("labels with values outside the classes", place, text)]
    for value, number in known.items():
        if number:
            classes[array == value] = number
    if not has_foreground(classes) and not rules.allows_empty_labels:
        text = (
            f"label '{place}' is empty: background only; set data.allow_empty_labels=true if that is right, or take "
            "its case out"
        )
        return classes, [Finding(EMPTY_LABELS, place, text)]
    return classes, []


def find_values(array: np.ndarray) -> list[float]:
    """The distinct values of an array, sorted; uses counting if possible, which is far faster than sorting."""
    values = np.flatnonzero(np.bincount(array.reshape(-1))) if array.dtype == np.uint8 else np.unique(array)
    return [float(value) for value in values]


def _blank(array: np.ndarray) -> UInt8[np.ndarray, "..."]:
    return np.zeros(array.shape, dtype=np.uint8)


def _name_values(values: Sequence[float]) -> str:
    named = ", ".join(f"{value:g}" for value in values[:_MAX_VALUES_NAMED])
    return named if len(values) <= _MAX_VALUES_NAMED else f"{named} and {len(values) - _MAX_VALUES_NAMED} more"


def _compare_places(entry: Entry, image: Raw, label: Raw) -> list[Finding]:
    """Findings if image and label are not on the same grid."""
    if image.spatial_shape != label.spatial_shape:
        text = (
            f"image '{entry.image}' has shape {image.spatial_shape}, but its label '{entry.label}' "
            f"{label.spatial_shape}; resample the label onto the image, or take the case out"
        )
        return [Finding("labels of another shape", str(entry.label), text)]
    if image.affine is None or label.affine is None:
        return []
    distance = find_distance(image.affine, label.affine, image.spatial_shape)
    if distance <= AFFINE_TOLERANCE:
        return []
    text = (
        f"image '{entry.image}' and its label '{entry.label}' lie {distance:.2g} voxels apart in space: their affines "
        "differ; resample the label onto the image, or correct the header that is wrong"
    )
    return [Finding("labels in another place", str(entry.label), text)]


def _compare_channels(entry: Entry, channels: Sequence[Raw]) -> list[Finding]:
    """Findings for channels in files of their own that are not on the grid of the first."""
    findings = []
    for path, raw in zip(entry.more_images, channels[1:], strict=True):
        if what := _describe_gap(channels[0], raw):
            text = f"channel '{path}' {what} than the first one, '{entry.image}'; resample it onto the first"
            findings.append(Finding("channels on another grid", str(path), text))
    return findings


def _describe_gap(first: Raw, other: Raw) -> str:
    """In what way another channel is not on the grid of the first, in words; '' if it is."""
    if other.spatial_shape != first.spatial_shape:
        return f"has another shape, {other.spatial_shape} and not {first.spatial_shape},"
    if first.affine is None or other.affine is None:
        return "has another spacing" if first.spacing_mm != other.spacing_mm else ""
    distance = find_distance(first.affine, other.affine, first.spatial_shape)
    return f"lies elsewhere in space, {distance:.2g} voxels away," if distance > AFFINE_TOLERANCE else ""


def find_distance(first: np.ndarray, second: np.ndarray, shape: tuple[int, ...]) -> float:
    """Largest distance between corners of two grids of one shape, in multiples of a voxel's shortest edge."""
    corners = np.array(np.meshgrid(*[(0, extent - 1) for extent in shape])).reshape(len(shape), -1)
    corners = np.vstack([corners, np.ones(corners.shape[1])])
    gaps = np.linalg.norm(((first - second) @ corners)[:3], axis=0)
    edges = np.linalg.norm(first[:3, :3], axis=0)
    return float(gaps.max() / edges.min())
