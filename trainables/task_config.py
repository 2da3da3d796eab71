"""The settings of a task, as the config composes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.data.datasets import DataConfig
from paretoseg.trainables.trainable import CaseScore, SplitRow, Task


@dataclass(unsafe_hash=True)
class TaskConfig(ABC):
    """Settings of a task; every task's config derives from it and is in a module beside the task."""

    @abstractmethod
    def build(self, data: DataConfig, space: SearchSpace | None = None, baselines: Sequence[Candidate] = ()) -> Task:
        """The task on this data.

        Args:
            data: The data source.
            space: The search space: what its candidates see in training may decide what is measured. None outside a
                search, where nothing is left out.
            baselines: Candidates beside those of the space.

        Raises:
            ValueError: if the settings do not fit each other or the data.
        """

    uses_gpus: ClassVar[bool] = True
    """Whether its trials compute on a GPU where they get one."""

    def choose_baselines(self, space: SearchSpace) -> tuple[Sequence[str], str]:
        """The baselines of a new study that names none, and why there is none, where one might be expected; else ''."""
        return (), ""

    @property
    def matched_by(self) -> str:
        """The key that determines the widths of networks, or '' if the width is searched."""
        return ""

    def settle_length(self, gpus: float) -> TaskConfig:
        """The settings with the length of trainings, if they leave it to the device.

        Args:
            gpus: What a trial gets.
        """
        return self

    def fit_space(self, data: DataConfig) -> Mapping[str, object]:
        """What the data of a new study bears: bounds `[low, high]` by dimension, and first values by `start_<name>`.

        Empty if settings or data have a fault, which the check of the task reports.
        """
        return {}

    def settle(self, data: DataConfig) -> TaskConfig:
        """The settings that a new study keeps, with the content of files beside the data and with defaults filled in.

        Raises:
            ValueError: if a file cannot be read, or its content does not fit.
        """
        return self

    def list_quick_steps(self, list_judged: Callable[[int], tuple[int, ...]]) -> tuple[int, ...] | None:
        """The steps, from 1, after which trials are measured quickly; None for all of them.

        Args:
            list_judged: Lists the steps after which the pruner decides, given the number of steps of a training.
        """
        return None

    def settle_measuring(
        self, data: DataConfig, space: SearchSpace, list_judged: Callable[[int], tuple[int, ...]]
    ) -> TaskConfig:
        """The settings with what a new study measures, as far as that depends on the length of its trainings.

        Args:
            data: Settings of the data.
            space: What is searched.
            list_judged: As for `list_quick_steps`.
        """
        return self

    def measure_all(self, *, keeps_number: bool) -> TaskConfig:
        """The settings that measure the whole battery, where those of a search measure a part.

        Args:
            keeps_number: Whether the number of corrupted cases stays as it is; all are corrupted otherwise.
        """
        return self

    def settle_transfer(self, data: DataConfig) -> TaskConfig:
        """The settings with what the transfer matrix that they name says.

        Raises:
            ValueError: if the file cannot be read, or its content does not fit.
        """
        return self

    def settle_reference(self, read_rows: Callable[[Path], Sequence[CaseScore]]) -> TaskConfig:
        """The settings with the errors of the reference network, if they name only its file of rows.

        Args:
            read_rows: Reads the rows of a file; raises OSError or ValueError if there are none.

        Raises:
            ValueError: if the file cannot be read or has no suitable rows.
        """
        return self

    def without_files(self) -> TaskConfig:
        """The settings for a check on a machine without the files beside the data."""
        return self

    def check_new(self, data: DataConfig, space: SearchSpace, rows: Sequence[SplitRow], *, calibrate: str) -> list[str]:
        """Checks what a study must fulfil when it starts, but not when it is resumed.

        Args:
            data: Settings of the data.
            space: What is searched.
            rows: The cases of the study.
            calibrate: The command that calibrates this data.

        Returns:
            Notes for the user on the settings of the study, one line each.

        Raises:
            ValueError: with all findings in one message, one per line.
        """
        return []
