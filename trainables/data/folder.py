"""Data in two folders, `images/` and `masks/`, whose files are matched by name without the ending. Free of torch.

    root/images/a.png       root/masks/a.png
    root/images/site2/b.png root/masks/site2/b.png      the domain of b is 'site2'

Folders inside `images/`, if there are any, are the domains. With `pair_pattern`, names may differ by more than the
ending, as `a_image.png` and `a_mask.png` do.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paretoseg.trainables.data.files_config import FilesConfig
from paretoseg.trainables.data.findings import Finding
from paretoseg.trainables.data.image_files import PICTURE_SUFFIXES, VOLUME_SUFFIXES, suffix_of
from paretoseg.trainables.data.listing import Entry, Listing, name_of
from paretoseg.trainables.data.pairing import find_pair_key, suggest_pattern

IMAGES, MASKS = "images", "masks"


@dataclass(unsafe_hash=True)
class FolderConfig(FilesConfig):
    """The cases of `images/` and `masks/` in `root`."""

    classes: list[str] = field(default_factory=lambda: ["background", "foreground"], hash=False)
    """Class names; the first is the background."""

    pair_pattern: str = ""
    """Regular expression that finds in a file's name what an image and its mask share; empty for the whole name."""

    def list_cases(self) -> Listing:
        """All images with a mask, and a finding for each image without one."""
        root, findings = Path(self.root), []
        for name in (IMAGES, MASKS):
            if not (root / name).is_dir():
                text = f"'{root / name}' must be a folder; data=folder takes pairs of {IMAGES}/x.png and {MASKS}/x.png"
                findings.append(Finding("folders", name, text))
        if len(set(self.classes)) < 2 or len(set(self.classes)) < len(self.classes):
            text = f"data.classes must be distinct, the background and at least one more, got {list(self.classes)}"
            findings.append(Finding("classes", "data.classes", text))
        if findings:
            return Listing("", findings=tuple(findings))
        images, repeated = _find_files(root / IMAGES, self.pair_pattern)
        masks, repeated_masks = _find_files(root / MASKS, self.pair_pattern)
        unreadable = _find_unreadable(root / MASKS, {*images} - {*masks}, self.pair_pattern)
        explained = {find_pair_key(_bare_name(path, root / MASKS), self.pair_pattern) for path in unreadable}
        entries = tuple(_pair(name, path, masks[name]) for name, path in images.items() if name in masks)
        findings = [
            *repeated,
            *repeated_masks,
            *map(_refuse_kind, unreadable),
            *(_find_other_names(images, masks) or _find_unmatched(images, masks, explained)),
        ]
        if not images:
            findings.append(
                Finding("folders", IMAGES, f"'{root / IMAGES}' holds no image; put PNG, TIFF or NIfTI there")
            )
        return Listing(root.name, tuple(self.classes), 0, entries, tuple(findings))

    def _setting_findings(self) -> list[str]:
        findings = super()._setting_findings()
        try:
            re.compile(self.pair_pattern)
        except re.error as error:
            findings.append(f"data.pair_pattern must be a regular expression, got '{self.pair_pattern}' ({error})")
        return findings


def _find_files(folder: Path, pattern: str) -> tuple[dict[str, Path], list[Finding]]:
    """Files by name, and a finding for each that shares its name with another."""
    files: dict[str, Path] = {}
    findings = []
    for path in sorted(folder.rglob("*")):
        if not (path.is_file() and suffix_of(path.name)) or path.name.startswith("."):
            continue
        key = find_pair_key(name_of(path, folder), pattern)
        if (first := files.setdefault(key, path)) != path:
            by = ", by data.pair_pattern" if pattern else ""
            text = f"'{first}' and '{path}' have the same name without the ending{by}; keep one"
            findings.append(Finding("files with the same name", str(path), text))
    return files, findings


def _pair(name: str, image: Path, mask: Path) -> Entry:
    return Entry(name, image, mask, domain=name.rpartition("/")[0], subject="")


def _find_unreadable(folder: Path, names: Collection[str], pattern: str) -> list[Path]:
    """The files of unknown kinds that have one of these names."""
    others = [path for path in sorted(folder.rglob("*")) if path.is_file() and not suffix_of(path.name)]
    return [path for path in others if find_pair_key(_bare_name(path, folder), pattern) in names]


def _bare_name(path: Path, folder: Path) -> str:
    """The path below the folder without the ending, which need not be known."""
    return path.relative_to(folder).with_suffix("").as_posix()


def _refuse_kind(path: Path) -> Finding:
    known = ", ".join((*VOLUME_SUFFIXES, *PICTURE_SUFFIXES))
    text = f"mask '{path}' is of an unknown kind; convert it, as to PNG or NIfTI; known endings: {known}"
    return Finding("masks of an unknown kind", str(path), text)


def _find_other_names(images: Mapping[str, Path], masks: Mapping[str, Path]) -> list[Finding]:
    """One finding if no image has a mask of its name, but a pattern pairs all of them; else none."""
    pattern = suggest_pattern(images, masks) if not {*images} & {*masks} else ""
    if not pattern:
        return []
    first, other = next(iter(images.values())), next(iter(masks.values()))
    text = (
        f"none of the {len(images)} images has a mask of its name, such as '{first}' and '{other}'; add "
        f"\"data.pair_pattern='{pattern}'\", which pairs all of them, or give them the same names"
    )
    return [Finding("images without partner", str(first), text)]


def _find_unmatched(images: Mapping[str, Path], masks: Mapping[str, Path], explained: Collection[str]) -> list[Finding]:
    """A finding for each image without a mask, unless one of an unknown kind explains it, and for each lone mask."""
    findings = []
    for files, others, what, other in (
        (images, {*masks} | {*explained}, IMAGES, MASKS),
        (masks, {*images}, MASKS, IMAGES),
    ):
        for path in (path for name, path in files.items() if name not in others):
            text = f"'{path}' has no partner of its name in {other}/; add it, or take it out"
            findings.append(Finding(f"{what} without partner", str(path), text))
    return findings
