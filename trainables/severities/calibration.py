"""The result of a calibration, and its file. Free of torch; `calibrating.py` makes one.

A calibration finds the strengths of each corruption at which one reference network loses about 2, 5, 10, 20 and 40 Dice
points. Equal severities of different corruptions then do about equal harm (Boone et al., NeuroImage 2023, advise to
compare transforms of matched severity). The file contains the losses that were measured, not the targets alone, and
says how similar the corrupted images are to the clean ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from paretoseg.spaces.atomic_file import write_atomically
from paretoseg.spaces.json_text import to_readable_json
from paretoseg.spaces.records import decode, encode, parse_json, shorten
from paretoseg.trainables.severities.levels import LEVELS, Strengths
from paretoseg.trainables.severities.response import Point, Span, interpolate_losses
from paretoseg.trainables.severities.shipped import list_shipped, locate_shipped
from paretoseg.trainables.severities.strengths import check_strengths
from paretoseg.trainables.trainable import SplitRow

CALIBRATION_SCHEMA = 2
_READABLE_SCHEMAS = (1, 2)
"""Schema 1 has neither similarity nor reversals; it may be of corruptions whose unit has changed since."""

_BESIDE = ("schema", "targets")
"""The entries of the file besides the calibration itself."""

TARGETS = (2.0, 5.0, 10.0, 20.0, 40.0)
"""Dice points that the reference network should lose at severity 1 to 5; a point is 0.01 Dice."""

_WEAKEST = 1 / 2000
"""The weakest strength that a calibration tries, as a share of the strongest."""

REVERSAL = 1.0
"""Dice points by which a case must rise from one severity to the next to count as a reversal."""


LEAST_DICE = 0.5
"""What a reference network must reach on clean images; a weaker one has too little to lose, or to gain."""


@dataclass(frozen=True)
class ReferenceRecord:
    """The network of all measurements."""

    candidate: Mapping[str, Any]
    """Its dimensions by name."""

    seed: int
    num_iterations: int
    """Optimiser iterations of its training."""

    clean_dice: float
    """Its Dice on clean validation cases, 0 to 1: the mean over cases and foreground classes."""

    num_cases: int
    """Number of validation cases of all measurements."""


@dataclass(frozen=True)
class CalibratedCorruption:
    """The result for one corruption."""

    parameter: str
    """The meaning of the strengths, with their unit."""

    strengths: Strengths
    """Severity 1 to 5."""

    lost: tuple[float, ...]
    """Dice points that the reference network loses at each, measured with the random draws of the curve."""

    curve: tuple[Point, ...]
    """Strength and lost Dice points of all measurements; each case has one random draw for all strengths."""

    notes: tuple[str, ...] = ()
    """Deviations from the targets, one sentence each."""

    reversals: tuple[float, ...] = ()
    """Share of the cases whose Dice rises by more than `REVERSAL` from each severity to the next; of schema 1: empty.
    """

    ssim: tuple[float, ...] = ()
    """Structural similarity of the corrupted to the clean image at each severity, the mean over cases, 1 for equal
    images; of schema 1: empty.
    """

    def predict_losses(self, strengths: Sequence[float]) -> list[float]:
        """Dice points lost at strengths: as measured at its own strengths, else read off the isotonic fit."""
        known = dict(zip(self.strengths, self.lost, strict=True))
        fitted = interpolate_losses(self.curve, strengths)
        return [known.get(strength, loss) for strength, loss in zip(strengths, fitted, strict=True)]


@dataclass(frozen=True)
class Calibration:
    """The strengths of corruptions for one dataset, with their evidence."""

    dataset: str
    """Name of the dataset."""

    data_sha256: str
    """Hash of its cases and splits; see `hash_splits`."""

    settings_sha256: str
    """Hash of all settings that affect the results; an interrupted calibration resumes only with the same."""

    reference: ReferenceRecord
    corruptions: Mapping[str, CalibratedCorruption]

    @property
    def strengths(self) -> dict[str, Strengths]:
        """Strengths at severity 1 to 5 by corruption."""
        return {name: found.strengths for name, found in self.corruptions.items()}


def span_of(name: str) -> Span:
    """The strengths that a calibration tries: from almost none to the strongest plausible one."""
    levels = LEVELS[name]
    return Span(levels.neutral, levels.neutral + (levels.strongest - levels.neutral) * _WEAKEST, levels.strongest)


def describe_weakness(clean_dice: float, degenerate: str) -> str:
    """Why a reference network says nothing about corruptions, in a few words; '' if it does.

    Args:
        clean_dice: Its mean Dice on clean images, 0 to 1.
        degenerate: Why it counts as degenerate, or ''.
    """
    if degenerate or clean_dice >= LEAST_DICE:
        return degenerate
    return f"reaches a Dice of {clean_dice:.2f} on clean images and needs {LEAST_DICE:g}"


def hash_splits(rows: Sequence[SplitRow]) -> str:
    """SHA-256 of all cases but those of shift sets, with their splits and hashes; their order does not matter."""
    content = sorted((row.case, row.split, row.image_sha256, row.label_sha256) for row in rows if not row.shift)
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Writes the file, complete or not at all."""
    content = {"schema": CALIBRATION_SCHEMA, "targets": TARGETS, **encode(calibration)}
    write_atomically(path, to_readable_json(content).encode())


def read_calibration(path: Path) -> Calibration:
    """The calibration in a file.

    Raises:
        ValueError: if it is missing, damaged, of another schema, has an unknown corruption or another unit, or has
            strengths that do not rise; the message names the file and the way out.
    """
    try:
        content = parse_json(path.read_bytes())
    except FileNotFoundError:
        raise ValueError(f"'{path}' is missing; `paretoseg calibrate` writes such a file") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"'{path}' cannot be read as a calibration ({error}); run paretoseg calibrate again") from None
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema not in _READABLE_SCHEMAS:
        raise ValueError(
            f"'{path}' must be a calibration of schema {CALIBRATION_SCHEMA}, got schema {shorten(schema)}; run "
            "paretoseg calibrate again"
        )
    try:
        found = decode(Calibration, {name: value for name, value in content.items() if name not in _BESIDE})
        if schema == 1:
            found = _drop_other_units(found)
        for name, corruption in found.corruptions.items():
            _check_corruption(name, corruption)
    except ValueError as error:
        raise ValueError(f"'{path}': {error}; fix the file, or run paretoseg calibrate again") from None
    return found


def _drop_other_units(calibration: Calibration) -> Calibration:
    """A calibration of schema 1 without the corruptions whose strengths had another unit then."""
    kept = {
        name: found
        for name, found in calibration.corruptions.items()
        if name not in LEVELS or found.parameter == LEVELS[name].parameter
    }
    return replace(calibration, corruptions=kept)


def settle_strengths(asked: Mapping[str, Sequence[float]], file: Path | None) -> dict[str, Strengths]:
    """The strengths of a config by corruption: those that it sets, then those of a calibration's file.

    Args:
        asked: Set in the config, at severity 1 to 5, by corruption.
        file: A calibration, or None.

    Raises:
        ValueError: for strengths that do not fit or a file that cannot be read; the message names the key.
    """
    try:
        named = {name: check_strengths(name, values) for name, values in asked.items()}
    except ValueError as error:
        raise ValueError(f"task.strengths: {error}") from None
    try:
        calibrated = read_calibration(file).strengths if file else {}
    except ValueError as error:
        names = ", ".join(list_shipped())
        raise ValueError(
            f"task.calibration: {error}; {names} are shipped, and task.calibration=none uses the default strengths"
        ) from None
    return {**calibrated, **named}


def describe_fit(path: Path, corruptions: Sequence[str], rows: Sequence[SplitRow]) -> list[str]:
    """Notes for the user on the calibration that a new study uses, one line each.

    Args:
        path: Its file.
        corruptions: Those of the study's battery.
        rows: The cases of the study.

    Raises:
        ValueError: if the file cannot be read as a calibration.
    """
    calibration, found = read_calibration(path), list[str]()
    name = f"the shipped calibration '{path.stem}'" if path == locate_shipped(path.stem) else f"'{path}'"
    if calibration.data_sha256 != hash_splits(rows):
        found.append(
            f"{name} was made with other data or splits ({calibration.dataset}): its strengths are used, "
            "but a network may lose more or less here"
        )
    missing = [corruption for corruption in corruptions if corruption not in calibration.corruptions]
    if missing:
        found.append(f"{name} has no strengths of {', '.join(missing)}: the default strengths are used")
    known = {corruption: calibration.corruptions[corruption] for corruption in corruptions if corruption not in missing}
    for corruption, one in known.items():
        found += [f"calibration of {corruption}: {note}" for note in one.notes]
    return found


def _check_corruption(name: str, found: CalibratedCorruption) -> None:
    check_strengths(name, found.strengths)
    parameter = LEVELS[name].parameter
    if found.parameter != parameter:
        raise ValueError(f"{name} is now measured in '{parameter}', not in {shorten(found.parameter)}")
