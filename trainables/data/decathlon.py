"""Data listed in a `dataset.json` of the Medical Segmentation Decathlon (Antonelli et al. 2022). Free of torch.

    {"name": "hippocampus",
     "modality": {"0": "MRI"},
     "labels": {"0": "background", "1": "anterior", "2": "posterior"},
     "training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}, ...]}

Volumes (NIfTI) or pictures (PNG, TIFF, ...). A case may also give `domain`, `subject` and `split`. Cases with a label
in the lists `validation` and `test` belong to these splits. The Decathlon's own `test` lists images without labels,
which are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paretoseg.spaces.suggestion import suggest
from paretoseg.trainables.data.description import read_description
from paretoseg.trainables.data.files_config import FilesConfig
from paretoseg.trainables.data.findings import Finding
from paretoseg.trainables.data.listing import SPLITS, Entry, Listing, locate, name_of

LIST_FILE = "dataset.json"
_LISTS = {"training": "", "validation": "validation", "test": "test"}


@dataclass(unsafe_hash=True)
class DecathlonConfig(FilesConfig):
    """The cases of `dataset.json` in `root`."""

    def list_cases(self) -> Listing:
        """The cases that `dataset.json` lists."""
        path = Path(self.root) / LIST_FILE
        try:
            content = _read(path)
            class_names = read_class_names(content["labels"], path)
        except ValueError as error:
            return Listing("", findings=(Finding("lists", str(path), str(error)),))
        entries, findings = _read_entries(content, path)
        name = str(content.get("name") or Path(self.root).name)
        modality = content.get("modality")
        channels, channel_names = count_declared_channels(modality), name_channels(modality)
        return Listing(name, class_names, channels, tuple(entries), tuple(findings), channel_names=channel_names)


def read_class_names(labels: object, path: Path) -> tuple[str, ...]:
    """Class names by number; `labels` maps numbers to names, or names to numbers.

    Raises:
        ValueError: if the numbers are not 0, 1, 2 and so on.
    """
    names: dict[int, str] = {}
    for key, value in labels.items() if isinstance(labels, Mapping) else ():
        number, name = (key, value) if str(key).isdigit() else (value, key)
        if str(number).isdigit():
            names[int(str(number))] = str(name)
    wanted = list(range(len(labels))) if isinstance(labels, Mapping) else []
    if len(wanted) < 2 or sorted(names) != wanted:
        raise ValueError(
            f"'{path}': labels must name the classes 0 (background), 1 and so on without gaps, got {labels}; renumber "
            "them there, and map the values of the files with data.label_map"
        )
    return tuple(names[number] for number in wanted)


def name_channels(modality: object) -> tuple[str, ...]:
    """Names of the channels of an image, three of an entry with RGB; empty if not given."""
    names = modality.values() if isinstance(modality, Mapping) else modality if isinstance(modality, list) else ()
    colours = [["red", "green", "blue"] if "RGB" in str(name).upper().split() else [str(name)] for name in names]
    return tuple(name for group in colours for name in group)


def count_declared_channels(modality: object) -> int:
    """Channels of an image: one per modality, three for RGB; 0 if not given."""
    return len(name_channels(modality))


def _read(path: Path) -> dict[str, Any]:
    content = read_description(
        path,
        holds="an object with labels and training",
        if_missing="put it there, or take data=folder for images/ and masks/",
    )
    missing = [key for key in ("labels", "training") if key not in content]
    if missing:
        known = ", ".join(content) or "none"
        raise ValueError(f"'{path}' lacks {' and '.join(missing)}; found: {known}; add what is missing")
    if not isinstance(content["training"], list) or not content["training"]:
        raise ValueError(f"'{path}': training must be a list of cases with image and label, and not empty")
    return content


def _read_entries(content: Mapping[str, Any], path: Path) -> tuple[list[Entry], list[Finding]]:
    entries, findings = [], []
    for key, split in _LISTS.items():
        cases = content.get(key) or []
        for number, case in enumerate(cases if isinstance(cases, list) else []):
            if split and not (isinstance(case, Mapping) and "label" in case):
                continue
            place = f"'{path}', {key}[{number}]"
            try:
                entries.append(_read_entry(case, split, path.parent, place))
            except ValueError as error:
                findings.append(Finding("cases that cannot be used", place, str(error)))
    return entries, findings


def _read_entry(case: object, split: str, root: Path, place: str) -> Entry:
    if not isinstance(case, Mapping):
        raise ValueError(f"{place} must be an object with image and label, got {case!r}")
    for key in ("image", "label"):
        if not (isinstance(case.get(key), str) and case[key]):
            raise ValueError(f"{place} must name its {key} as a path below data.root, got {case.get(key)!r}")
    split = str(case.get("split") or split)
    if split and split not in SPLITS:
        raise ValueError(f"{place}: unknown split '{split}'; {suggest(split, SPLITS)}known: {', '.join(SPLITS)}")
    image, label = (locate(root, case[key], place) for key in ("image", "label"))
    subject, domain = (str(case.get(key) or "") for key in ("subject", "domain"))
    return Entry(name_of(image, root), image, label, domain, subject, split)
