"""The space as genes, which operators change, and as features, which models see.

A gene is the place of a value in its dimension: the number of a step or of an option, or a number in [0, 1] where the
dimension is continuous. Features are numbers in [0, 1], and one column per option of a choice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paretoseg.spaces.domain import Choice, Domain, Float, Int

_ONE_HOT = np.sqrt(0.5)
"""Two options are as far from each other as the two ends of a number."""


class Genome:
    """The searched dimensions of a space.

    Args:
        domains: The domain of every searched dimension, in the order of the unit cube.
    """

    def __init__(self, domains: Sequence[Domain]) -> None:
        self.num_values = np.array([_count(domain) for domain in domains], dtype=int)
        """Of every gene, how many values it has; 0 where it is continuous."""

        self.is_choice = np.array([isinstance(domain, Choice) for domain in domains], dtype=bool)
        """Of every gene, whether its values have no order."""

        self.is_number = np.concatenate(
            [np.full(self._width(place), not self.is_choice[place]) for place in range(len(domains))] or [np.zeros(0)]
        ).astype(bool)
        """Of every feature, whether it is that of a number, not of an option."""

    def __len__(self) -> int:
        return len(self.num_values)

    @property
    def is_real(self) -> np.ndarray:
        """Of every gene, whether it is continuous."""
        return np.asarray(self.num_values == 0)

    def from_units(self, units: np.ndarray) -> np.ndarray:
        """The genes at places of the unit cube; both have shape (num_points, num_genes)."""
        cells = np.minimum(np.floor(units * self.num_values), self.num_values - 1)
        return np.asarray(np.where(self.is_real, np.clip(units, 0.0, 1.0), cells))

    def to_units(self, genes: np.ndarray) -> np.ndarray:
        """The places in the unit cube, shape (num_points, num_genes); inverse of `from_units`."""
        return np.asarray(np.where(self.is_real, genes, (genes + 0.5) / np.maximum(self.num_values, 1)))

    def to_features(self, genes: np.ndarray) -> np.ndarray:
        """The features of genes, shape (num_points, num_features)."""
        columns = []
        for place in range(len(self)):
            column = genes[:, place]
            if self.is_choice[place]:
                columns.append((column[:, None] == np.arange(self.num_values[place])) * _ONE_HOT)
            elif self.is_real[place]:
                columns.append(column[:, None])
            else:
                columns.append(column[:, None] / max(self.num_values[place] - 1, 1))
        return np.concatenate(columns, axis=1) if columns else np.zeros((len(genes), 0))

    def _width(self, place: int) -> int:
        return int(self.num_values[place]) if self.is_choice[place] else 1


def _count(domain: Domain) -> int:
    match domain:
        case Float():
            return 0
        case Int():
            return domain.num_values
        case Choice():
            return len(domain.options)
    raise AssertionError(f"no gene for {domain}")
