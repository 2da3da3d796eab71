"""What a study takes from a transfer matrix, and how well the two fit each other. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from paretoseg.trainables.severities.calibration import hash_splits
from paretoseg.trainables.severities.levels import SeverityTable, check_corruption
from paretoseg.trainables.trainable import SplitRow
from paretoseg.trainables.transfer.kinds import KINDS
from paretoseg.trainables.transfer.matrix import read_matrix
from paretoseg.trainables.transfer.shipped import SHIPPED_MATRICES
from paretoseg.trainables.transfer.verdict import Bounds


def settle_bounds(asked: Bounds, file: Path | None) -> dict[str, dict[str, float]]:
    """The bounds of a config, by kind of augmentation and corruption: those that it sets, else those of a file.

    Args:
        asked: Set in the config, in Dice points.
        file: A transfer matrix, or None.

    Raises:
        ValueError: for an unknown kind or corruption, or a file that cannot be read; the message names the key.
    """
    for kind, of_kind in asked.items():
        if kind not in KINDS:
            raise ValueError(f"task.transfer_bounds must name kinds of augmentation ({', '.join(KINDS)}), got '{kind}'")
        try:
            for name in of_kind:
                check_corruption(name)
        except ValueError as error:
            raise ValueError(f"task.transfer_bounds: {error}") from None
    if asked or file is None:
        return {kind: dict(of_kind) for kind, of_kind in asked.items()}
    try:
        return read_matrix(file).bounds
    except ValueError as error:
        shipped = SHIPPED_MATRICES.names()
        known = f"{', '.join(shipped)} are shipped, and " if shipped else ""
        raise ValueError(f"task.transfer: {error}; {known}task.transfer=none goes without one") from None


def describe_matrix_fit(
    path: Path, rows: Sequence[SplitRow], strengths: SeverityTable, measuring: Mapping[str, object]
) -> list[str]:
    """Notes for the user on the transfer matrix that a new study uses, one line each.

    Args:
        path: Its file.
        rows: The cases of the study.
        strengths: The strengths of its corruptions.
        measuring: Its settings of measuring, by name.

    Raises:
        ValueError: if the file cannot be read as a matrix.
    """
    matrix = read_matrix(path)
    name = f"the shipped transfer matrix '{path.stem}'" if path == SHIPPED_MATRICES.path_of(path.stem) else f"'{path}'"
    other = []
    if matrix.data_sha256 != hash_splits(rows):
        other.append(f"other data or splits ({matrix.dataset})")
    if any(matrix.strengths[one] != tuple(strengths[one]) for one in matrix.strengths if one in strengths):
        other.append("other strengths of corruptions")
    keys = [f"task.{key}={value}" for key, value in matrix.measuring.items() if str(measuring.get(key)) != value]
    if keys:
        other.append(f"other settings ({', '.join(keys)})")
    notes = [f"{name} was measured with {' and '.join(other)}: what is held out may differ here"] if other else []
    return [*notes, *(f"{name}: {weak}, so nothing is known of its kind" for weak in matrix.describe_weak())]
