"""What `dataset.json` and `splits_final.json` of nnU-Net v2 say, and what is wrong with them. Free of torch."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paretoseg.spaces.suggestion import suggest
from paretoseg.trainables.data.description import read_description
from paretoseg.trainables.data.findings import Finding
from paretoseg.trainables.data.ignored import IGNORE_NAME
from paretoseg.trainables.data.image_files import PICTURE_SUFFIXES, VOLUME_SUFFIXES
from paretoseg.trainables.data.regions import Regions, find_unpaintable

CHANNELS, LABELS, ENDING, NUMBER, ORDER = (
    "channel_names", "labels", "file_ending", "numTraining", "regions_class_order",
)  # fmt: skip
BACKGROUND = "background"


@dataclass(frozen=True)
class Labels:
    """The classes of a dataset."""

    names: tuple[str, ...] = ()
    """By class, the background first."""

    ignored_value: int | None = None
    """The value of pixels about whose class nothing is known; None if there is none."""

    regions: Regions | None = None
    """What the classes consist of, if they overlap."""


@dataclass(frozen=True)
class DatasetList:
    """The content of `dataset.json`."""

    name: str
    channels: tuple[str, ...]
    labels: Labels
    ending: str
    """Of every image and label file, such as '.nii.gz'."""

    num_cases: int | None
    """How many cases there are to be, if the file says so."""


def read_dataset(path: Path) -> tuple[DatasetList, list[Finding]]:
    """What `dataset.json` says, and what is wrong with it; parts that are wrong are empty."""
    try:
        content = _read_json(path)
    except ValueError as error:
        return DatasetList("", (), Labels(), "", None), [Finding("lists", str(path), str(error))]
    channels, faults = _read_channels(content)
    labels, label_faults = read_labels(content)
    ending, ending_faults = _read_ending(content)
    number = content.get(NUMBER)
    if number is not None and not isinstance(number, int):
        ending_faults.append(f"{NUMBER} must be a number, got {number!r}")
    findings = [
        Finding("lists", f"{path} {number}", f"'{path}': {fault}")
        for number, fault in enumerate([*faults, *label_faults, *ending_faults])
    ]
    count = number if isinstance(number, int) else None
    return DatasetList(str(content.get("name") or path.parent.name), channels, labels, ending, count), findings


def read_labels(content: Mapping[str, Any]) -> tuple[Labels, list[str]]:
    """The classes that the list declares, and what is wrong with them."""
    values = content.get(LABELS)
    if not isinstance(values, Mapping) or not values:
        return Labels(), [f'{LABELS} must map names to values, as {{"{BACKGROUND}": 0, "organ": 1}}, got {values!r}']
    wrong = [name for name, value in values.items() if not _is_value(value)]
    if wrong:
        return Labels(), [
            f"{LABELS}: '{name}' must be a whole number from 0 up, or a list of them, got {values[name]!r}"
            for name in wrong
        ]
    ignored = next((value for name, value in values.items() if str(name) == IGNORE_NAME), None)
    regions = {str(name): _to_values(value) for name, value in values.items() if str(name) != IGNORE_NAME}
    used = sorted({value for region in regions.values() for value in region})
    if isinstance(ignored, list) or (ignored is not None and ignored != len(used)):
        return Labels(), [f"{LABELS}: '{IGNORE_NAME}' must have the highest value, {len(used)}, got {ignored}"]
    if used != list(range(len(used))) or len(used) < 2:
        return Labels(), [
            f"{LABELS} must name the values 0 ({BACKGROUND}), 1 and so on without gaps and at least one class, got "
            f"{dict(values)}; renumber them, and map the values of the files with data.label_map"
        ]
    if any(isinstance(value, list) and value != [0] for value in values.values()):
        return _order_regions(regions, content.get(ORDER), ignored)
    if len(regions) != len(used):
        return Labels(), [f"{LABELS} must give every value one name, got {dict(values)}"]
    return Labels(tuple(sorted(regions, key=lambda name: regions[name])), ignored), []


def _order_regions(
    regions: Mapping[str, tuple[int, ...]], order: object, ignored: int | None
) -> tuple[Labels, list[str]]:
    """The regions as classes, each numbered by the value with which it is painted."""
    names = [name for name, values in regions.items() if values != (0,)]
    background = next((name for name, values in regions.items() if values == (0,)), BACKGROUND)
    shown = ", ".join(names)
    if not isinstance(order, list) or len(order) != len(names) or not all(map(_is_count, order)):
        return Labels(), [
            f"{ORDER} must give a value for each region, in the order of {LABELS} ({shown}), as "
            f"{list(range(1, len(names) + 1))}, got {order!r}"
        ]
    if any(0 in regions[name] for name in names):
        return Labels(), [f"{LABELS}: no region may hold the value 0, which is the background, got {dict(regions)}"]
    lost = find_unpaintable([regions[name] for name in names], order)
    if sorted(order) != list(range(1, len(names) + 1)) or lost:
        why = f"the value {lost[0]} would be lost" if lost else "each value from 1 up must be painted by one region"
        return Labels(), [
            f"{ORDER}: painting {shown} one over the other with the values {order} must give back the label, but "
            f"{why}; correct the order, or the regions"
        ]
    by_class = dict(zip(order, names, strict=True))
    classes = [by_class[number] for number in sorted(by_class)]
    found = Regions(tuple(regions[name] for name in classes), tuple(order))
    return Labels((background, *classes), ignored, found), []


def read_fold(path: Path, fold: int, cases: Collection[str]) -> tuple[dict[str, str], list[Finding]]:
    """The split of every case in a fold of `splits_final.json`, and what is wrong with it.

    The fold's validation cases are test cases here, and validation cases are drawn from its training cases.

    Args:
        path: The file.
        fold: Counted from 0.
        cases: The cases that there are.
    """
    try:
        folds = _read_folds(path)
        if fold >= len(folds):
            raise ValueError(f"'{path}' has the folds 0 to {len(folds) - 1}, so there is no data.fold={fold}")
        splits = _to_splits(folds[fold], path, fold)
    except ValueError as error:
        return {}, [Finding("splits", str(path), str(error))]
    findings = []
    for name in splits:
        if name not in cases:
            text = f"'{path}', fold {fold}: unknown case '{name}'; {suggest(name, list(cases))}it is not in imagesTr/"
            findings.append(Finding("unknown cases in splits", name, text))
    for name in cases:
        if name not in splits:
            text = f"'{path}', fold {fold}: case '{name}' is missing; add it to train or val, or set data.fold=-1"
            findings.append(Finding("cases without a split", name, text))
    return splits, findings


def _read_json(path: Path) -> Mapping[str, Any]:
    content = read_description(
        path, holds="an object", if_missing="data.root must be a folder as nnUNet_raw/Dataset001_Name"
    )
    if CHANNELS not in content and "training" in content:
        raise ValueError(
            f"'{path}' lists its cases under training, as the Decathlon and nnU-Net 1 do; use data=decathlon, or "
            "convert it to nnU-Net 2"
        )
    return content


def _read_channels(content: Mapping[str, Any]) -> tuple[tuple[str, ...], list[str]]:
    names = content.get(CHANNELS)
    if not isinstance(names, Mapping) or not names:
        return (), [f'{CHANNELS} must map numbers to names, as {{"0": "MRI"}}, got {names!r}']
    if sorted(map(str, names)) != sorted(str(number) for number in range(len(names))):
        return (), [f"{CHANNELS} must be numbered 0, 1 and so on, got {', '.join(map(str, names))}"]
    return tuple(str(names[key]) for key in sorted(names, key=int)), []


def _read_ending(content: Mapping[str, Any]) -> tuple[str, list[str]]:
    ending, known = content.get(ENDING), (*VOLUME_SUFFIXES, *PICTURE_SUFFIXES)
    if isinstance(ending, str) and ending.lower() in known:
        return ending, []
    hint = suggest(str(ending), known) if ending else ""
    return "", [f"{ENDING} must be one of {', '.join(known)}, got {ending!r}; {hint}convert the files"]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_value(value: object) -> bool:
    return all(map(_is_count, value)) and bool(value) if isinstance(value, list) else _is_count(value)


def _to_values(value: int | list[int]) -> tuple[int, ...]:
    return tuple(sorted(set(value))) if isinstance(value, list) else (value,)


def _read_folds(path: Path) -> Sequence[Any]:
    try:
        folds = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ValueError(
            f"'{path}' is missing; copy it there from nnUNet_preprocessed, name it with data.splits=PATH, or set "
            "data.fold=-1"
        ) from None
    except (OSError, ValueError) as error:
        raise ValueError(f"'{path}' cannot be read as JSON ({error}); fix it, or set data.fold=-1") from None
    if not isinstance(folds, list) or not folds:
        raise ValueError(f"'{path}' must hold a list of folds, got {type(folds).__name__}; set data.fold=-1")
    return folds


def _to_splits(content: Any, path: Path, fold: int) -> dict[str, str]:
    parts = {key: content.get(key) if isinstance(content, Mapping) else None for key in ("train", "val")}
    if not all(isinstance(names, list) and names for names in parts.values()):
        raise ValueError(f"'{path}', fold {fold}: train and val must be lists of case names, and not empty")
    both = sorted({*map(str, parts["train"] or ())} & {*map(str, parts["val"] or ())})
    if both:
        raise ValueError(f"'{path}', fold {fold}: {', '.join(both)} must be in train or val, and not in both")
    roles = {"train": "train", "val": "test"}
    return {str(name): roles[key] for key, names in parts.items() for name in names or ()}
