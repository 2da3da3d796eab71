"""Pairs of images and masks whose names differ: by a pattern that the user gives, or one that fits. Free of torch."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

_SEPARATORS = "-_. "


def find_pair_key(name: str, pattern: str) -> str:
    """What an image and its mask have in common: the folder, and the first group of the pattern in the file's name.

    Args:
        name: Path below `images/` or `masks/`, without the ending.
        pattern: Regular expression; the whole match counts if it has no group, and the name if it does not match.
    """
    folder, slash, stem = name.rpartition("/")
    found = re.search(pattern, stem) if pattern else None
    if found is None:
        return name
    key = found.group(1) if found.re.groups and found.group(1) is not None else found.group(0)
    return f"{folder}{slash}{key}"


def suggest_pattern(images: Collection[str], masks: Collection[str]) -> str:
    """A pattern by which every image finds its mask, as with `a_image` and `a_mask`; '' if none is found.

    Args:
        images: Names below `images/`, without endings.
        masks: Names below `masks/`.
    """
    stems = [[name.rpartition("/")[2] for name in names] for names in (images, masks)]
    if not all(stems):
        return ""
    ends = [_common_end(names) for names in stems]
    shared = _common_start(ends).rstrip(_SEPARATORS)
    ends = [end[len(shared) :] for end in ends]
    starts = [_common_start(names) for names in stems]
    shared = _common_end(starts).lstrip(_SEPARATORS)
    starts = [start[: len(start) - len(shared)] for start in starts]
    for pattern in (*_behind(ends), *_before(starts)):
        keys = [{find_pair_key(name, pattern) for name in names} for names in (images, masks)]
        if keys[0] == keys[1] and len(keys[0]) == len(images) == len(masks):
            return pattern
    return ""


def _common_start(words: Sequence[str]) -> str:
    first, last = min(words), max(words)  # what these two share, all between them do
    length = next(
        (place for place, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first)
    )
    return first[:length]


def _common_end(names: Sequence[str]) -> str:
    return _common_start([name[::-1] for name in names])[::-1]


def _escape(word: str) -> str:
    return re.escape(word).replace(r"\-", "-")


def _behind(ends: Sequence[str]) -> list[str]:
    words = [_escape(end) for end in ends if end]
    return [f"(.+)({'|'.join(words)})" if len(words) == 2 else f"(.+?)({words[0]})?$"] if words else []


def _before(starts: Sequence[str]) -> list[str]:
    words = [_escape(start) for start in starts if start]
    return [f"(?:{'|'.join(words)})(.+)" if len(words) == 2 else f"^(?:{words[0]})?(.+)"] if words else []
