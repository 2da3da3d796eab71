"""Data in two folders, `images/` and `masks/`, whose files are matched by name without the ending. Free of torch.

    root/images/a.png       root/masks/a.png
    root/images/site2/b.png root/masks/site2/b.png      the domain of b is 'site2'

Folders inside `images/`, if there are any, are the domains.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from paretoseg.trainables.data.files_config import FilesConfig
from paretoseg.trainables.data.findings import Finding
from paretoseg.trainables.data.image_files import suffix_of
from paretoseg.trainables.data.listing import Entry, Listing, name_of

IMAGES, MASKS = "images", "masks"


@dataclass(unsafe_hash=True)
class FolderConfig(FilesConfig):
    """The cases of `images/` and `masks/` in `root`."""

    classes: list[str] = field(default_factory=lambda: ["background", "foreground"], hash=False)
    """Class names; the first is the background."""

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
        images, repeated = _find_files(root / IMAGES)
        masks, repeated_masks = _find_files(root / MASKS)
        entries = tuple(_pair(name, path, masks[name]) for name, path in images.items() if name in masks)
        findings = [
            *repeated,
            *repeated_masks,
            *_find_unmatched(images, masks, IMAGES, MASKS),
            *_find_unmatched(masks, images, MASKS, IMAGES),
        ]
        if not images:
            findings.append(
                Finding("folders", IMAGES, f"'{root / IMAGES}' holds no image; put PNG, TIFF or NIfTI there")
            )
        return Listing(root.name, tuple(self.classes), 0, entries, tuple(findings))


def _find_files(folder: Path) -> tuple[dict[str, Path], list[Finding]]:
    """Files by name, and a finding for each that shares its name with another."""
    files: dict[str, Path] = {}
    findings = []
    for path in sorted(folder.rglob("*")):
        if not (path.is_file() and suffix_of(path.name)) or path.name.startswith("."):
            continue
        if (first := files.setdefault(name_of(path, folder), path)) != path:
            text = f"'{first}' and '{path}' have the same name without the ending; keep one"
            findings.append(Finding("files with the same name", str(path), text))
    return files, findings


def _pair(name: str, image: Path, mask: Path) -> Entry:
    return Entry(name, image, mask, domain=name.rpartition("/")[0], subject="")


def _find_unmatched(files: dict[str, Path], others: dict[str, Path], what: str, other: str) -> list[Finding]:
    findings = []
    for name, path in files.items():
        if name not in others:
            text = f"'{path}' has no partner of its name in {other}/; add it, or take it out"
            findings.append(Finding(f"{what} without partner", str(path), text))
    return findings
