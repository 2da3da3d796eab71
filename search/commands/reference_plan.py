"""What commands that train reference networks have in common: their plan, their keys, the file that they write."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from paretoseg.trainables.data.datasets import Case, DataConfig
from paretoseg.trainables.data.model_record import to_safe_name
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.severities.levels import LEVELS
from paretoseg.trainables.task_config import TaskConfig
from paretoseg.trainables.trainable import Assignment

GROUPS = ("corruptions", "data", "experiment", "resources", "seed", "task")
"""The keys that such a command uses; it searches nothing."""

DEFAULT_CORRUPTIONS = tuple(
    name for name, levels in LEVELS.own.items() if not levels.leaks_label and not name.startswith("legacy_")
)
"""What is measured if no corruption is named; levels that reproduce a published study stay as they are."""

_PLACES = ("root", "cache", "cache_gb", "shift")
"""The keys of data that say where cases lie, or name others than those that are measured."""


@dataclass(frozen=True)
class ReferencePlan:
    """What was asked for, after all checks: the work can start."""

    task: ImageTask
    assignment: Assignment
    """Of the first network that is trained."""

    cases: tuple[Case, ...]
    """Validation cases that are measured."""

    data_sha256: str
    """Hash of all cases and splits."""

    measured_by: Mapping[str, Any]
    """The values of the settings `MEASURING`, by name."""

    target: Path
    """The file to write."""

    @property
    def work_folder(self) -> Path:
        """The folder beside the target that keeps partial results until the target is complete."""
        return self.target.with_name(f"{self.target.name}.unfinished")

    def hash_with(self, own: Mapping[str, object]) -> str:
        """SHA-256 of everything that a network and its scores depend on, and of what a command adds to that."""
        size = self.task.network_rules.size
        settings = {
            "data": self.data_sha256,
            "data_settings": read_data_settings(self.task.data),
            "cases": [case.name for case in self.cases],
            "candidate": dict(self.assignment.candidate.as_dict()),
            "training": list(self.task.training_settings()),
            "match_parameters": size.parameters,
            "match_flops": size.flops,
            "battery_seed": self.task.battery().seed,
            **own,
        }
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def read_words(overrides: Sequence[str], what: str) -> list[str]:
    """The overrides, with `corruptions` in full.

    Args:
        overrides: As typed.
        what: What the command does with networks, such as 'a calibration trains one network'.

    Raises:
        ValueError: for a key of another group.
    """
    words = [
        word.replace("corruptions=", "task.corruptions=", 1) if word.startswith("corruptions=") else word
        for word in overrides
    ]
    for word in words:
        key = word.partition("=")[0].partition(".")[0]
        if key not in GROUPS:
            raise ValueError(f"{what} of default architecture and does not use '{word}'; known: {', '.join(GROUPS)}")
    return words


def check_num_cases(num_cases: int | None) -> None:
    """Refuses a number of validation cases below 1; None stands for all."""
    if num_cases is not None and num_cases < 1:
        raise ValueError(f"--cases must be at least 1, got {num_cases}")


def build_image_task(config: TaskConfig, data: DataConfig, purpose: str) -> ImageTask:
    """The task on this data, outside a search.

    Args:
        config: The settings of the task, which must be one of images.
        data: The data source.
        purpose: What the corruptions are for, such as 'to calibrate'.
    """
    task = config.build(data)
    if not isinstance(task, ImageTask):
        raise ValueError(f"only task=segmentation has corruptions {purpose}; leave task out")
    return task


def read_data_settings(data: DataConfig) -> dict[str, str]:
    """How files become the cases that are measured, by key: spacing, intensities, crop and so on."""
    return {key: str(value) for key, value in asdict(data).items() if key not in _PLACES}


def locate_output(output: str | None, root: str, dataset: str, name: str, read: Callable[[Path], object]) -> Path:
    """The path of the file to write.

    Args:
        output: What the user asks for; None for a file with the data, or in the working directory.
        root: Folder of the data, or ''.
        dataset: Name of the dataset.
        name: File name beside the data.
        read: Reads such a file; raises ValueError for another kind of file.

    Raises:
        ValueError: if the path cannot be a file, or another kind of file is there.
    """
    folder = Path(root).expanduser()
    if output is not None:
        target = Path(output).expanduser()
        if "://" in output or target.is_dir() or not target.parent.is_dir():
            raise ValueError(f"--output must name a file in an existing folder, got '{output}'")
    elif root and folder.is_dir() and os.access(folder, os.W_OK):
        target = folder / name
    else:
        target = Path(f"{Path(name).stem}-{to_safe_name(dataset)}.json")
    if target.exists():
        try:
            read(target)
        except ValueError as error:
            raise ValueError(f"{error}; it is not touched: move it away, or choose another --output") from None
    return target


def open_work_folder(folder: Path, settings_sha256: str) -> None:
    """Creates the folder, or keeps it if it is of the same settings; what is of others is removed."""
    mark = folder / "settings"
    if not mark.exists() or mark.read_text() != settings_sha256:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        mark.write_text(settings_sha256)
