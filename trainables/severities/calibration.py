"""What a calibration found, and the file that keeps it. Free of torch.

A calibration says at which strengths of each corruption one reference network loses about 2, 5, 10, 20 and 40 Dice
points: equal severities of different corruptions then harm about equally (after the advice of Boone et al., NeuroImage
2023, to compare transforms of matched severity). The file keeps what was measured, not what was wished.
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
from paretoseg.spaces.records import decode, encode, parse_json, shorten
from paretoseg.trainables.severities.levels import LEVELS, Strengths
from paretoseg.trainables.severities.response import Point, Span, choose_strengths, skip_idle, trace_response
from paretoseg.trainables.severities.shipped import list_shipped
from paretoseg.trainables.severities.strengths import check_strengths, parse_strengths
from paretoseg.trainables.trainable import SplitRow

CALIBRATION_SCHEMA = 1

_BESIDE = ("schema", "targets")
"""What the file says beside the calibration itself."""

TARGETS = (2.0, 5.0, 10.0, 20.0, 40.0)
"""Dice points that the reference network is to lose at severity 1 to 5; a point is 0.01 Dice."""

_WEAKEST = 1 / 2000
"""Where a calibration begins to look, as a share of the strongest."""

_FEW_CASES = 1.5
"""Dice points by which a loss may miss a small target without a word."""

_SHORTER = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Places in a span that are tried for its strong end, where a corruption may leave nothing of a label."""


@dataclass(frozen=True)
class ReferenceRecord:
    """The network that everything was measured with."""

    candidate: Mapping[str, Any]
    """Its dimensions by name."""

    seed: int
    num_iterations: int
    """How long it was trained."""

    clean_dice: float
    """What it reaches on clean validation cases, 0 to 1: the mean over cases and foreground classes."""

    num_cases: int
    """Validation cases that everything was measured on."""


@dataclass(frozen=True)
class CalibratedCorruption:
    """What was found for one corruption."""

    parameter: str
    """What the strengths are, with their unit."""

    strengths: Strengths
    """Severity 1 to 5."""

    lost: tuple[float, ...]
    """Dice points that the reference network loses at each, measured with the draws that a search meets there."""

    curve: tuple[Point, ...]
    """Strength and lost Dice points, wherever they were looked at on the way; one draw a case for all strengths."""

    notes: tuple[str, ...] = ()
    """What is not as wished, a sentence each."""


@dataclass(frozen=True)
class Calibration:
    """The strengths of corruptions for one dataset, with their evidence."""

    dataset: str
    """Name of the dataset."""

    data_sha256: str
    """Hash of its cases and splits; see `hash_splits`."""

    settings_sha256: str
    """Hash of all that decides the numbers; a calibration that was cut off goes on only with the same."""

    reference: ReferenceRecord
    corruptions: Mapping[str, CalibratedCorruption]

    @property
    def strengths(self) -> dict[str, Strengths]:
        """Strengths at severity 1 to 5 by corruption."""
        return {name: found.strengths for name, found in self.corruptions.items()}


@runtime_checkable
class Network(Protocol):
    """A trained network that can be asked what it loses, in Dice points."""

    def lose(self, corruption: str, strength: float) -> float:
        """The loss at a strength; every case has one draw, whatever the strength."""
        ...

    def lose_by_severity(self, corruption: str, strengths: Strengths) -> Sequence[float]:
        """The losses at severity 1 to 5 of these strengths, with the draws that a search meets there."""
        ...


def calibrate_corruption(network: Network, name: str) -> CalibratedCorruption:
    """The strengths of one corruption at which the network loses the targets, with all that was measured."""
    span, notes = _find_usable(network, name)
    curve = trace_response(lambda strength: network.lose(name, strength), span, TARGETS)
    values, shortfalls = choose_strengths(curve, span, TARGETS)
    strengths = check_strengths(name, skip_idle(values, curve, span))
    lost = tuple(round(loss, 2) for loss in network.lose_by_severity(name, strengths))
    shown = tuple((float(f"{strength:.4g}"), round(loss, 2)) for strength, loss in curve)
    told = (*notes, *shortfalls, *describe_misses(lost, max(loss for _, loss in curve)))
    return CalibratedCorruption(LEVELS[name].parameter, strengths, lost, shown, told)


def describe_misses(lost: Sequence[float], most: float) -> list[str]:
    """Where the draws of a search meet something else than the targets: `is_far` from them, or not rising.

    Args:
        lost: Dice points at severity 1 to 5.
        most: Dice points that are lost at all; targets above it are told of elsewhere.
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
    """Whether a loss misses its target by more than a factor of two, and by more than few cases differ in."""
    return not target / 2 <= loss <= 2 * target and abs(loss - target) > _FEW_CASES


def _find_usable(network: Network, name: str) -> tuple[Span, list[str]]:
    """The span of a corruption, less what leaves nothing to measure at its strong end, with a note on that."""
    span = span_of(name)
    for place in _SHORTER:
        try:
            network.lose(name, span.at(place))
        except ValueError as error:
            reason = str(error)
        else:
            note = f"not looked at beyond {span.at(place):.3g}: {reason}" if place < 1.0 else ""
            return Span(span.neutral, span.weakest, span.at(place)), [note] if note else []
    raise ValueError(reason)


def span_of(name: str) -> Span:
    """The strengths that a calibration looks at: from the trivial to the strongest that is plausible."""
    levels = LEVELS[name]
    return Span(levels.neutral, levels.neutral + (levels.strongest - levels.neutral) * _WEAKEST, levels.strongest)


def hash_splits(rows: Sequence[SplitRow]) -> str:
    """SHA-256 of all cases but those of shift sets, with their splits and hashes, whatever their order."""
    content = sorted((row.case, row.split, row.image_sha256, row.label_sha256) for row in rows if not row.shift)
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Writes the file, complete or not at all."""
    content = {"schema": CALIBRATION_SCHEMA, "targets": TARGETS, **encode(calibration)}
    write_atomically(path, _to_json(content).encode())


def read_calibration(path: Path) -> Calibration:
    """The calibration in a file.

    Raises:
        ValueError: if it is missing, damaged, of another schema, knows a corruption that there is not or in another
            unit, or has strengths that do not rise; the message names the file and the way out.
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


def settle_strengths(lines: Sequence[str], file: Path | None) -> dict[str, Strengths]:
    """The strengths that a config asks for, by corruption: those of its lines, then those of a calibration's file.

    Args:
        lines: As `parse_strengths` reads them.
        file: A calibration, or None.

    Raises:
        ValueError: for lines or a file that cannot be read; the message names the key.
    """
    try:
        named = parse_strengths(lines)
    except ValueError as error:
        raise ValueError(f"task.strengths: {error}") from None
    try:
        calibrated = read_calibration(file).strengths if file else {}
    except ValueError as error:
        names = ", ".join(list_shipped())
        raise ValueError(
            f"task.calibration: {error}; {names} are shipped, and task.calibration=none does without"
        ) from None
    return {**calibrated, **named}


def _check_corruption(name: str, found: CalibratedCorruption) -> None:
    check_strengths(name, found.strengths)
    parameter = LEVELS[name].parameter
    if found.parameter != parameter:
        raise ValueError(f"{name} is now counted in '{parameter}', and not in {shorten(found.parameter)}")


def _to_json(content: object) -> str:
    """JSON for people: lists of numbers stand on one line."""
    return _dump(content, "") + "\n"


def _dump(node: object, margin: str) -> str:
    if isinstance(node, Mapping):
        inner = f"{margin} "
        items = ",\n".join(f"{inner}{json.dumps(key)}: {_dump(value, inner)}" for key, value in node.items())
        return f"{{\n{items}\n{margin}}}" if node else "{}"
    return json.dumps(node)
