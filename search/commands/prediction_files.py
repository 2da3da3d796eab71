"""Which images are segmented and where their masks go, with everything that is wrong with either."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from paretoseg.trainables.data.findings import Finding
from paretoseg.trainables.data.image_files import FIRST_CHANNEL, PICTURE_SUFFIXES, VOLUME_SUFFIXES
from paretoseg.trainables.export.mask_files import ARRAY_SUFFIX, kind_of, name_mask, name_probabilities, stem_of_image

REFUSE, SKIP, REPLACE = EXISTING = ("refuse", "skip", "replace")
"""What `--existing` may say about masks that are there already."""

KNOWN = (*VOLUME_SUFFIXES, *PICTURE_SUFFIXES, ARRAY_SUFFIX)


@dataclass(frozen=True)
class Target:
    """An image and the files that are written for it."""

    image: Path
    mask: Path
    probabilities: Path | None
    """None if they were not asked for."""

    @property
    def outputs(self) -> tuple[Path, ...]:
        """All files that are written for it."""
        return (self.mask,) if self.probabilities is None else (self.mask, self.probabilities)

    @property
    def is_done(self) -> bool:
        """Whether all of its files are there."""
        return all(os.path.lexists(path) for path in self.outputs)


def count_files_per_image(bundle: Path) -> int:
    """How many files an image of a bundle has, if every channel has its own; else 1."""
    config = json.loads((bundle / "configs" / "inference.json").read_text())
    return max(int(step.get("files_per_image", 1)) for step in config["preprocessing"]["transforms"])


def plan_targets(
    words: Sequence[str], output: Path, existing: str, *, has_probabilities: bool, files_per_image: int = 1
) -> tuple[list[Target], list[Finding]]:
    """What is to be done for images and folders of images, and what is wrong with them.

    Args:
        words: Files, and folders whose files of a known kind are taken.
        output: The folder of the masks.
        existing: An option of `EXISTING`.
        has_probabilities: Whether probabilities are written too.
        files_per_image: More than 1 if every channel has a file of its own, the first of which stands for the image.

    Returns:
        A target for every image that can be segmented, and a finding for everything else.
    """
    has_several = files_per_image > 1
    images, findings = list_images(words, has_several=has_several)
    targets = []
    for image in images:
        stem = stem_of_image(image, has_several=has_several)
        shares = output / name_probabilities(image, stem) if has_probabilities else None
        targets.append(Target(image, output / name_mask(image, stem), shares))
    findings += [*_check_output(output), *_find_clashes(targets)]
    if existing == REFUSE:
        findings += [
            Finding(
                "files that exist",
                str(path),
                f"'{path}' exists already and is not overwritten; choose another --output, or --existing skip or "
                "replace",
            )
            for target in targets
            for path in target.outputs
            if os.path.lexists(path)
        ]
    return targets, findings


def list_images(words: Sequence[str], *, has_several: bool) -> tuple[list[Path], list[Finding]]:
    """The images that files and folders hold, each once, and what is wrong with the words.

    Args:
        words: Files, and folders whose files of a known kind are taken.
        has_several: Whether every channel of an image has a file of its own.
    """
    found: dict[str, Path] = {}
    findings = []
    for word in words:
        path = Path(word)
        if path.is_dir():
            inside = [file for file in sorted(path.iterdir()) if file.is_file() and kind_of(file.name)]
            inside = [file for file in inside if not (has_several and _is_further_channel(file))]
            findings += [] if inside else [_refuse_empty(word)]
        elif not path.is_file():
            findings.append(Finding("images missing", word, f"'{word}' is missing; check the path"))
            continue
        elif not kind_of(path.name):
            text = f"'{word}' is of an unknown kind; known endings: {', '.join(KNOWN)}; convert it"
            findings.append(Finding("files of an unknown kind", word, text))
            continue
        else:
            inside = [path]
        found |= {os.path.realpath(file): file for file in inside}
    return list(found.values()), findings


def _is_further_channel(file: Path) -> bool:
    """True for `scan_0001.nii.gz` beside `scan_0000.nii.gz`: every channel of an image is in a file of its own."""
    suffix = kind_of(file.name)
    stem, mark, number = file.name[: -len(suffix)].rpartition("_")
    is_numbered = bool(mark) and len(number) == 4 and number.isdecimal() and f"_{number}" != FIRST_CHANNEL
    return is_numbered and file.with_name(f"{stem}{FIRST_CHANNEL}{file.name[-len(suffix) :]}").exists()


def _refuse_empty(word: str) -> Finding:
    return Finding(
        "folders without images", word, f"'{word}' holds no images ({', '.join(KNOWN)}); name another folder"
    )


def _check_output(output: Path) -> Iterator[Finding]:
    there = next(place for place in (output, *output.absolute().parents) if os.path.lexists(place))
    if not there.is_dir():
        yield Finding("outputs", str(there), f"--output must be a folder, but '{there}' is a file; name another one")
    elif not os.access(there, os.W_OK | os.X_OK):
        text = f"--output '{output}' cannot be written: no permission in '{there}'; name another folder"
        yield Finding("outputs", str(there), text)


def _find_clashes(targets: Sequence[Target]) -> Iterator[Finding]:
    """Files that would be written twice, or over an image that is read."""
    images = {os.path.realpath(target.image) for target in targets}
    first: dict[Path, Path] = {}
    for target in targets:
        for path in target.outputs:
            before = first.setdefault(path, target.image)
            if before != target.image:
                text = f"'{before}' and '{target.image}' would both be written to '{path}'; segment them one by one"
                yield Finding("images of one name", str(target.image), f"{text}, each with its own --output")
            if os.path.realpath(path) in images:
                text = f"'{path}' is an image and would be overwritten by the mask of '{target.image}'"
                yield Finding("images in the way", str(path), f"{text}; choose another --output")
