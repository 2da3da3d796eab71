"""The contract of the places where a search can run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from cluster.resources import Resources


@dataclass(unsafe_hash=True)
class ClusterConfig:
    """Settings of a place to run; every place's config derives from it and stands in a module of its own."""

    def check(self, resources: Resources) -> None:
        """Looks, before anything is begun, whether a trial can fit.

        Raises:
            ValueError: if it cannot; the message names what there is.
        """

    def connect(self) -> AbstractContextManager[tuple[float, float]]:
        """Brings Ray up and gives its CPUs and GPUs; leaving the block takes it down again.

        Raises:
            ValueError: if the settings do not fit this machine.
        """
        raise AssertionError(f"{type(self).__name__} must say how it connects")
