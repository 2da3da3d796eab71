"""The result of a calibration, and its file. Free of torch.

A calibration finds the strengths of each corruption at which one reference network loses about 2, 5, 10, 20 and 40 Dice
points. Equal severities of different corruptions then do about equal harm (Boone et al., NeuroImage 2023, advise to
compare transforms of matched severity). The file contains the losses that were measured, not the targets alone.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from paretoseg.spaces.atomic_file import write_atomically
from paretoseg.spaces.json_text import to_readable_json
from paretoseg.spaces.records import decode, encode, parse_json, shorten
from paretoseg.trainables.severities.levels import LEVELS, Strengths
from paretoseg.trainables.severities.response import Point, Span, choose_strengths, raise_ineffective, trace_response
from paretoseg.trainables.severities.shipped import list_shipped, locate_shipped
from paretoseg.trainables.severities.strengths import check_strengths
from paretoseg.trainables.trainable import SplitRow

CALIBRATION_SCHEMA = 1

_BESIDE = ("schema", "targets")
"""The entries of the file besides the calibration itself."""

TARGETS = (2.0, 5.0, 10.0, 20.0, 40.0)
"""Dice points that the reference network should lose at severity 1 to 5; a point is 0.01 Dice."""

_WEAKEST = 1 / 2000
"""The weakest strength that a calibration tries, as a share of the strongest."""

_FEW_CASES = 1.5
"""Dice points by which a loss may miss a small target without a note."""

_SHORTER = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Positions in a span to try as its strong end, where a corruption may leave nothing of a label."""


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
    """Dice points that the reference network loses at each, measured with the random draws of a search."""

    curve: tuple[Point, ...]
    """Strength and lost Dice points of all measurements; each case has one random draw for all strengths."""

    notes: tuple[str, ...] = ()
    """Deviations from the targets, one sentence each."""


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


@runtime_checkable
class Network(Protocol):
    """A trained network whose losses under corruptions can be measured, in Dice points."""

    def measure_loss(self, corruption: str, strength: float) -> float:
        """The loss at a strength; every case has the same random draw at all strengths."""
        ...

    def measure_losses(self, corruption: str, strengths: Strengths) -> Sequence[float]:
        """The losses at severity 1 to 5 of these strengths, with the random draws of a search."""
        ...


def calibrate_corruption(network: Network, name: str) -> CalibratedCorruption:
    """The strengths of one corruption at which the network loses the targets, with all measurements."""
    span, notes = _find_usable(network, name)
    curve = trace_response(lambda strength: network.measure_loss(name, strength), span, TARGETS)
    values, shortfalls = choose_strengths(curve, span, TARGETS)
    strengths = check_strengths(name, raise_ineffective(values, curve, span))
    lost = tuple(round(loss, 2) for loss in network.measure_losses(name, strengths))
    shown = tuple((float(f"{strength:.4g}"), round(loss, 2)) for strength, loss in curve)
    all_notes = (*notes, *shortfalls, *describe_misses(lost, max(loss for _, loss in curve)))
    return CalibratedCorruption(LEVELS[name].parameter, strengths, lost, shown, all_notes)


def describe_misses(lost: Sequence[float], most: float) -> list[str]:
    """Notes on losses, with the random draws of a search, that are far from the targets (`is_far`) or do not rise.

    Args:
        lost: Dice points at severity 1 to 5.
        most: The largest loss in Dice points; other notes report targets above it.
    """
    start = "with the draws of a search, severity"
    far = [
        f"{start} {severity} loses {loss:.1f} points, not {target:g}"
        for severity, (loss, target) in enumerate(zip(lost, TARGETS, strict=True), start=1)
        if target <= most and is_far(loss, target)
    ]
    falls = [
        f"{start} {severity + 1} loses no more than severity {severity}"
        for severity, (low, high) in enumerate(itertools.pairwise(lost), start=1)
        if high <= low
    ]
    return [*far, *falls]


def is_far(loss: float, target: float) -> bool:
    """Whether a loss misses its target by more than a factor of two, and by more than a difference of a few cases."""
    return not target / 2 <= loss <= 2 * target and abs(loss - target) > _FEW_CASES


def _find_usable(network: Network, name: str) -> tuple[Span, list[str]]:
    """The span of a corruption without the strong end that leaves nothing to measure, with a note on that."""
    span = span_of(name)
    for place in _SHORTER:
        try:
            network.measure_loss(name, span.at(place))
        except ValueError as error:
            reason = str(error)
        else:
            note = f"not measured beyond {span.at(place):.3g}: {reason}" if place < 1.0 else ""
            return Span(span.neutral, span.weakest, span.at(place)), [note] if note else []
    raise ValueError(reason)


def span_of(name: str) -> Span:
    """The strengths that a calibration tries: from almost none to the strongest plausible one."""
    levels = LEVELS[name]
    return Span(levels.neutral, levels.neutral + (levels.strongest - levels.neutral) * _WEAKEST, levels.strongest)


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
    if schema != CALIBRATION_SCHEMA:
        raise ValueError(
            f"'{path}' must be a calibration of schema {CALIBRATION_SCHEMA}, got schema {shorten(schema)}; run "
            "paretoseg calibrate again"
        )
    try:
        found = decode(Calibration, {name: value for name, value in content.items() if name not in _BESIDE})
        for name, corruption in found.corruptions.items():
            _check_corruption(name, corruption)
    except ValueError as error:
        raise ValueError(f"'{path}': {error}; fix the file, or run paretoseg calibrate again") from None
    return found


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
    for corruption in corruptions:
        if corruption in calibration.corruptions:
            found += [f"calibration of {corruption}: {note}" for note in calibration.corruptions[corruption].notes]
    return found


def _check_corruption(name: str, found: CalibratedCorruption) -> None:
    check_strengths(name, found.strengths)
    parameter = LEVELS[name].parameter
    if found.parameter != parameter:
        raise ValueError(f"{name} is now measured in '{parameter}', not in {shorten(found.parameter)}")
