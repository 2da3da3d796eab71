"""The contract of the places where a search can run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass


@dataclass(unsafe_hash=True)
class ClusterConfig:
    """Settings of a place to run; every place's config derives from it and stands in a module of its own."""

    def connect(self) -> AbstractContextManager[tuple[float, float]]:
        """Brings Ray up and gives its CPUs and GPUs; leaving the block takes it down again.

        Raises:
            ValueError: if the settings do not fit this machine.
        """
        raise AssertionError(f"{type(self).__name__} must say how it connects")
