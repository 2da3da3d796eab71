"""The transfer matrix: what each kind of augmentation gains under each corruption, and its file. Free of torch.

The file holds the Dice of every network and case beside the gains, so that the gains can be computed again, and a
measurement with more seeds goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from paretoseg.spaces.atomic_file import write_atomically
from paretoseg.spaces.json_text import to_readable_json
from paretoseg.spaces.records import decode, encode, parse_json, shorten
from paretoseg.trainables.scoring.measures import POINTS
from paretoseg.trainables.severities.calibration import describe_weakness
from paretoseg.trainables.severities.levels import LEVELS, Strengths
from paretoseg.trainables.trainable import CLEAN
from paretoseg.trainables.transfer.gains import LEAST_SEEDS, LEAST_SUBJECTS, Gain, estimate_gain
from paretoseg.trainables.transfer.kinds import KINDS, WITHOUT
from paretoseg.trainables.transfer.scores import CaseScores

TRANSFER_SCHEMA = 1

_COMPUTED = "gains"
"""The entry of the file that follows from the others."""


@dataclass(frozen=True)
class TransferNetwork:
    """One trained network and its scores."""

    kind: str
    """The kind of augmentation, or `none`."""

    seed: int
    """Of weights, patches and augmentation; networks of one seed are paired."""

    scores: Mapping[str, CaseScores]
    """The Dice of every case by corruption, a weighted mean over severities; `none` for clean images."""

    degenerate: str = ""
    """Why the network counts as degenerate; '' if it does not."""

    @property
    def clean_dice(self) -> float:
        """Mean Dice over cases on clean images, 0 to 1."""
        return float(np.mean([value for value in self.scores[CLEAN] if value is not None]))

    @property
    def weakness(self) -> str:
        """Why the network says nothing about its augmentation, in a few words; '' if it does."""
        return describe_weakness(self.clean_dice, self.degenerate)


@dataclass(frozen=True)
class TransferMatrix:
    """The networks that were measured on one dataset, and what follows from them."""

    dataset: str
    """Name of the dataset."""

    data_sha256: str
    """Hash of its cases and splits; see `paretoseg.trainables.severities.calibration.hash_splits`."""

    settings_sha256: str
    """Hash of all settings that affect a network's scores; a measurement is continued only with the same."""

    candidate: Mapping[str, Any]
    """The dimensions of the network without augmentation, by name."""

    num_iterations: int
    """Optimiser iterations of each training."""

    severities: tuple[int, ...]
    """Severities that were measured."""

    strengths: Mapping[str, Strengths]
    """Strengths of every corruption at severity 1 to 5."""

    measuring: Mapping[str, str]
    """Settings of measuring by key, such as the version of the corruptions."""

    subjects: Mapping[str, str]
    """The subject of every case, by name of the case, in the order of the scores."""

    networks: tuple[TransferNetwork, ...]
    """All networks, seed by seed."""

    @property
    def corruptions(self) -> tuple[str, ...]:
        """The corruptions that were measured."""
        return tuple(self.strengths)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, in their order."""
        return tuple(dict.fromkeys(network.seed for network in self.networks))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of augmentation that were trained with, in the order of `KINDS`."""
        found = {network.kind for network in self.networks}
        return tuple(kind for kind in KINDS if kind in found)

    @cached_property
    def gains(self) -> dict[str, dict[str, Gain | None]]:
        """By kind and corruption, with `none` for clean images; None where it is not known.

        A gain is not known if a network that it needs is weak, or fewer than two seeds or subjects were measured.
        """
        return {kind: {name: self._estimate(kind, name) for name in (CLEAN, *self.corruptions)} for kind in self.kinds}

    @property
    def bounds(self) -> dict[str, dict[str, float]]:
        """The upper bounds of the gains in Dice points, by kind and corruption, where they are known."""
        return {
            kind: {name: round(gain.high, 3) for name, gain in found.items() if gain is not None and name != CLEAN}
            for kind, found in self.gains.items()
        }

    def describe_weak(self) -> list[str]:
        """One sentence for each network that says nothing about its augmentation."""
        return [
            f"seed {network.seed}, {network.kind}: the network {network.weakness}"
            for network in self.networks
            if network.weakness
        ]

    def _estimate(self, kind: str, corruption: str) -> Gain | None:
        pairs = [(self._find(kind, seed), self._find(WITHOUT, seed)) for seed in self.seeds]
        if any(one.weakness or other.weakness for one, other in pairs):
            return None
        scores = [[network.scores.get(corruption) for network in pair] for pair in pairs]
        if any(one is None for pair in scores for one in pair):
            return None
        values = POINTS * np.array(scores, dtype=float)  # seeds, pair, cases; None becomes NaN
        differences = values[:, 0] - values[:, 1]
        by_subject = self._average_subjects(differences)
        if min(by_subject.shape) < min(LEAST_SEEDS, LEAST_SUBJECTS):
            return None
        found = estimate_gain(by_subject)
        shown = [round(value, 3) for value in (found.points, found.low, found.high)]
        return Gain(shown[0], shown[1], shown[2], tuple(round(value, 3) for value in found.by_seed))

    def _average_subjects(self, differences: np.ndarray) -> np.ndarray:
        """The mean over the cases of every subject that all networks were measured on, shape (seeds, subjects)."""
        is_known = ~np.isnan(differences).any(axis=0)
        homes = np.array(list(self.subjects.values()), dtype=object)
        names = dict.fromkeys(homes[is_known])
        columns = [differences[:, is_known & (homes == name)].mean(axis=1) for name in names]
        return np.stack(columns, axis=1) if columns else np.empty((len(differences), 0))

    def _find(self, kind: str, seed: int) -> TransferNetwork:
        return next(network for network in self.networks if (network.kind, network.seed) == (kind, seed))


def write_matrix(path: Path, matrix: TransferMatrix) -> None:
    """Writes the file, complete or not at all."""
    content = {"schema": TRANSFER_SCHEMA, **encode(matrix), _COMPUTED: encode(matrix.gains)}
    write_atomically(path, to_readable_json(content).encode())


def read_matrix(path: Path) -> TransferMatrix:
    """The matrix in a file.

    Raises:
        ValueError: if it is missing, damaged, of another schema, or incomplete, or has an unknown kind or corruption;
            the message names the file and the way out.
    """
    try:
        content = parse_json(path.read_bytes())
    except FileNotFoundError:
        raise ValueError(f"'{path}' is missing; `paretoseg transfer` writes such a file") from None
    except (OSError, ValueError) as error:
        raise ValueError(
            f"'{path}' cannot be read as a transfer matrix ({error}); run paretoseg transfer again"
        ) from None
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != TRANSFER_SCHEMA:
        raise ValueError(
            f"'{path}' must be a transfer matrix of schema {TRANSFER_SCHEMA}, got schema {shorten(schema)}; run "
            "paretoseg transfer again"
        )
    try:
        beside = ("schema", _COMPUTED)
        found = decode(TransferMatrix, {name: value for name, value in content.items() if name not in beside})
        _check(found)
    except ValueError as error:
        raise ValueError(f"'{path}': {error}; fix the file, or run paretoseg transfer again") from None
    return found


def _check(matrix: TransferMatrix) -> None:
    unknown = [name for name in matrix.corruptions if name not in LEVELS]
    unknown += [network.kind for network in matrix.networks if network.kind not in (WITHOUT, *KINDS)]
    if unknown:
        raise ValueError(f"{shorten(unknown[0])} is no corruption or kind of augmentation of this version")
    pairs = [(network.kind, network.seed) for network in matrix.networks]
    expected = {(kind, seed) for seed in matrix.seeds for kind in (WITHOUT, *matrix.kinds)}
    if len(set(pairs)) != len(pairs) or set(pairs) != expected:
        raise ValueError("every seed needs one network without and one with each kind of augmentation")
    for network in matrix.networks:
        if CLEAN not in network.scores or {len(values) for values in network.scores.values()} != {len(matrix.subjects)}:
            raise ValueError(f"seed {network.seed}, {network.kind}: it needs a score for every case")


def join_networks(*parts: Sequence[TransferNetwork]) -> dict[tuple[str, int], TransferNetwork]:
    """All networks by kind and seed; the first of two equal ones counts."""
    found: dict[tuple[str, int], TransferNetwork] = {}
    for network in (one for part in parts for one in part):
        found.setdefault((network.kind, network.seed), network)
    return found
