"""Transfer matrices for tests."""

from __future__ import annotations

from collections.abc import Mapping

from paretoseg.trainables.severities.levels import LEVELS
from paretoseg.trainables.transfer.kinds import KINDS, WITHOUT
from paretoseg.trainables.transfer.matrix import TransferMatrix, TransferNetwork

CASES = ("a1", "a2", "b", "c")
SUBJECTS = {"a1": "a", "a2": "a", "b": "b", "c": "c"}


def build_network(kind: str, seed: int, gains: Mapping[str, float], **changes: object) -> TransferNetwork:
    """A network whose Dice is .8 on clean images, and .6 plus its gain in points under each corruption."""
    wobble = (0.0, 0.002, -0.001, 0.001)
    base = 0.6 + 0.001 * seed
    scores = {
        name: tuple(round(base + points / 100 + (0.0 if kind == WITHOUT else one), 4) for one in wobble)
        for name, points in gains.items()
    }
    values = {"kind": kind, "seed": seed, "scores": {"none": (0.8,) * len(CASES), **scores}}
    return TransferNetwork(**{**values, **changes})  # type: ignore[arg-type]


def build_matrix(gains: Mapping[str, Mapping[str, float]], **changes: object) -> TransferMatrix:
    """A matrix of three seeds in which each kind gains about these Dice points under each corruption."""
    names = list(dict.fromkeys(name for of_kind in gains.values() for name in of_kind))
    networks = [
        build_network(kind, seed, dict.fromkeys(names, 0.0) if kind == WITHOUT else gains[kind])
        for seed in range(3)
        for kind in (WITHOUT, *(kind for kind in KINDS if kind in gains))
    ]
    values = {
        "dataset": "made up",
        "data_sha256": "d",
        "settings_sha256": "s",
        "candidate": {"depth": 4},
        "num_iterations": 200,
        "severities": (3, 5),
        "strengths": {name: LEVELS[name].values for name in names},
        "measuring": {"corruption_version": "2"},
        "subjects": SUBJECTS,
        "networks": tuple(networks),
    }
    return TransferMatrix(**{**values, **changes})  # type: ignore[arg-type]
