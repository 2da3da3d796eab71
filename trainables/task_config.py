"""The settings of a task, as the config composes them."""

from __future__ import annotations

from dataclasses import dataclass

from trainables.datasets import DataConfig
from trainables.trainable import Task


@dataclass(unsafe_hash=True)
class TaskConfig:
    """Settings of what is searched for; every task's config derives from it and stands beside the task."""

    def build(self, data: DataConfig) -> Task:
        """The task on these data.

        Raises:
            ValueError: if the settings do not fit each other or the data.
        """
        raise AssertionError(f"{type(self).__name__} must say what it builds")
