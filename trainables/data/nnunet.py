"""Data in the raw format of nnU-Net v2 (Isensee et al. 2021), as it lies. Free of torch.

    Dataset004_Hippocampus/
        dataset.json            channel_names, labels, file_ending, numTraining
        imagesTr/CASE_0000.ext  a file per channel, or one picture in colour
        labelsTr/CASE.ext
        splits_final.json       only with data.fold

Images without labels (`imagesTs/`) are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from paretoseg.trainables.data.files_config import FilesConfig
from paretoseg.trainables.data.findings import Finding
from paretoseg.trainables.data.image_files import PICTURE_SUFFIXES, suffix_of
from paretoseg.trainables.data.listing import Entry, Listing
from paretoseg.trainables.data.nnunet_list import NUMBER, DatasetList, read_dataset, read_fold

LIST_FILE, SPLITS_FILE = "dataset.json", "splits_final.json"
IMAGES, LABELS = "imagesTr", "labelsTr"

_CHANNEL = re.compile(r"(.+)_(\d{4})")


@dataclass(unsafe_hash=True)
class NnunetConfig(FilesConfig):
    """The cases of `imagesTr/` and `labelsTr/` in `root`."""

    fold: int = -1
    """Fold of `splits_final.json`, from 0: its validation cases are the test cases; -1 to divide subjects instead."""

    splits: str = ""
    """The file of the folds; empty for `splits_final.json` in `root`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.splits = str(Path(self.splits).expanduser().absolute()) if self.splits else ""

    def list_cases(self) -> Listing:
        """The labelled cases, and a finding for every file that is missing or out of place."""
        root = Path(self.root)
        described, findings = read_dataset(root / LIST_FILE)
        if not described.ending:
            return Listing("", findings=tuple(findings))
        entries, named, file_findings = _pair_files(root, described)
        findings += file_findings
        if self.fold != -1:
            splits, split_findings = self._read_fold(named)
            findings += split_findings
            entries = [replace(entry, split=splits.get(entry.name, "")) for entry in entries]
        labels, channels = described.labels, described.channels
        if not labels.names or not channels:
            return Listing("", findings=tuple(findings))
        return Listing(
            described.name,
            labels.names,
            len(channels),
            tuple(entries),
            tuple(findings),
            labels.ignored_value,
            channels,
            labels.regions,
        )

    def at_another(self, root: str) -> NnunetConfig:
        """The same source at another root, whose cases have no folds of their own."""
        return replace(self, root=root, shift=[], fold=-1)

    def count_files_per_image(self) -> int:
        """Files of an image: more than one if every channel is in a file of its own."""
        return max((len(entry.images) for entry in self.list_cases().entries), default=1)

    def _read_fold(self, names: list[str]) -> tuple[dict[str, str], list[Finding]]:
        if self.fold < -1:
            text = f"data.fold must be a fold of {SPLITS_FILE} from 0 up, or -1, got {self.fold}"
            return {}, [Finding("splits", "data.fold", text)]
        return read_fold(Path(self.splits or Path(self.root) / SPLITS_FILE), self.fold, names)


def _pair_files(root: Path, described: DatasetList) -> tuple[list[Entry], list[str], list[Finding]]:
    """The cases with all of their files, the names of all that have image and label, and what is wrong with the files.

    A case without all of its channels is named, so that the splits may name it too.
    """
    missing = [name for name in (IMAGES, LABELS) if not (root / name).is_dir()]
    if missing:
        text = "'{}' must be a folder; data=nnunet takes imagesTr/CASE_0000.ext and labelsTr/CASE.ext"
        return [], [], [Finding("folders", name, text.format(root / name)) for name in missing]
    images, findings = _find_images(root / IMAGES, described.ending)
    labels, label_findings = _find_files(root / LABELS, described.ending)
    findings += [*label_findings, *_find_unmatched(images, labels, described.ending)]
    both = sorted(images.keys() & labels.keys())
    entries = []
    for name in both:
        paths, fault = _order_channels(images[name], described)
        if fault:
            findings.append(Finding("cases without all channels", name, f"case '{name}' in '{root / IMAGES}' {fault}"))
        else:
            entries.append(Entry(name, paths[0], labels[name], "", "", more_images=tuple(paths[1:])))
    if described.num_cases not in (None, len(both)):
        text = (
            f"'{root / LIST_FILE}': {NUMBER} says {described.num_cases}, but {len(both)} cases have image and label; "
            "correct it, or complete the files"
        )
        findings.append(Finding("numbers of cases", NUMBER, text))
    return entries, both, findings


def _find_files(folder: Path, ending: str) -> tuple[dict[str, Path], list[Finding]]:
    """Files by name without the ending, and a finding for each image file of another ending."""
    files: dict[str, Path] = {}
    findings = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file() or not suffix_of(path.name):
            continue
        if path.name.endswith(ending):
            files[path.name.removesuffix(ending)] = path
        else:
            text = f"'{path}' does not end in '{ending}', the file_ending of {LIST_FILE}; convert it, or take it out"
            findings.append(Finding("files of another ending", str(path), text))
    return files, findings


def _find_images(folder: Path, ending: str) -> tuple[dict[str, dict[int, Path]], list[Finding]]:
    """By case, the files of its channels by number, and a finding for each file without such a number."""
    files, findings = _find_files(folder, ending)
    images: dict[str, dict[int, Path]] = {}
    for name, path in files.items():
        if found := _CHANNEL.fullmatch(name):
            images.setdefault(found.group(1), {})[int(found.group(2))] = path
        else:
            text = f"'{path}' lacks the number of its channel; rename it, as '{name}_0000{ending}'"
            findings.append(Finding("images without a channel number", str(path), text))
    if not files:
        text = f"'{folder}' holds no file ending in '{ending}'; correct file_ending in {LIST_FILE}, or put files there"
        findings.append(Finding("folders", str(folder), text))
    return images, findings


def _order_channels(files: Mapping[int, Path], described: DatasetList) -> tuple[list[Path], str]:
    """The files of a case in the order of its channels, and what is wrong with them, or ''.

    A picture in colour holds three channels in one file, as nnU-Net reads it.
    """
    wanted = len(described.channels)
    if described.ending.lower() in PICTURE_SUFFIXES and list(files) == [0]:
        return [files[0]], ""
    missing, extra = sorted({*range(wanted)} - {*files}), sorted({*files} - {*range(wanted)})
    if missing:
        return [], f"lacks channel {_name(missing)} of {wanted}; add the files, or take the case out"
    if extra:
        return [], f"has channel {_name(extra)}, but channel_names has {wanted}; correct {LIST_FILE}, or take it out"
    return [files[number] for number in range(wanted)], ""


def _find_unmatched(images: Iterable[str], labels: Mapping[str, Path], ending: str) -> list[Finding]:
    findings = []
    for name in sorted({*images} ^ {*labels}):
        lacks = f"{LABELS}/{name}{ending}" if name in images else f"{IMAGES}/{name}_0000{ending}"
        text = f"case '{name}' has no {lacks}; add it, or take the case out"
        findings.append(Finding("cases without partner", name, text))
    return findings


def _name(numbers: Iterable[int]) -> str:
    return ", ".join(f"{number:04d}" for number in numbers)
