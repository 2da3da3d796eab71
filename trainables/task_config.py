"""The settings of a task, as the config composes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.data.datasets import DataConfig
from paretoseg.trainables.trainable import CaseScore, SplitRow, Task


@dataclass(unsafe_hash=True)
class TaskConfig(ABC):
    """Settings of what is searched for; every task's config derives from it and stands beside the task."""

    @abstractmethod
    def build(self, data: DataConfig, space: SearchSpace | None = None) -> Task:
        """The task on these data.

        Args:
            data: Where the cases come from.
            space: What is searched: what its candidates meet in training may decide what is measured. None outside a
                search, where nothing is left out.

        Raises:
            ValueError: if the settings do not fit each other or the data.
        """

    @property
    def matched_by(self) -> str:
        """The key whose number the widths of networks follow from, or '' if the width is searched."""
        return ""

    def settle(self, data: DataConfig) -> TaskConfig:
        """The settings that a new study keeps: files that lie with the data, and defaults, are read now, once.

        Raises:
            ValueError: if a file cannot be read, or what it holds does not fit.
        """
        return self

    def settle_reference(self, read_rows: Callable[[Path], Sequence[CaseScore]]) -> TaskConfig:
        """The settings with what a network is compared with, where they name a file of rows and know no more yet.

        Args:
            read_rows: The rows in a file; raises OSError or ValueError if there are none.

        Raises:
            ValueError: if the file cannot be read or holds no rows that serve.
        """
        return self

    def without_files(self) -> TaskConfig:
        """The settings for a check where files that lie with the data are not at hand."""
        return self

    def notes(self, data: DataConfig, rows: Sequence[SplitRow]) -> list[str]:
        """What the user should know of the settings of a new study, a line each.

        Args:
            data: Settings of the data.
            rows: The cases of the study.
        """
        return []
