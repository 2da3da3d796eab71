"""The settings of a task, as the config composes them."""

from __future__ import annotations

from dataclasses import dataclass

from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.data.datasets import DataConfig
from paretoseg.trainables.trainable import Task


@dataclass(unsafe_hash=True)
class TaskConfig:
    """Settings of what is searched for; every task's config derives from it and stands beside the task."""

    def build(self, data: DataConfig, space: SearchSpace | None = None) -> Task:
        """The task on these data.

        Args:
            data: Where the cases come from.
            space: What is searched: what its candidates meet in training may decide what is measured. None outside a
                search, where nothing is left out.

        Raises:
            ValueError: if the settings do not fit each other or the data.
        """
        raise AssertionError(f"{type(self).__name__} must say what it builds")
