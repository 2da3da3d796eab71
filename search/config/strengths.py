"""How strong every corruption is in a study: settled when it begins, and kept in its config from then on.

The composed config of a study holds the strengths themselves, a line a corruption. Resuming, reports, exports and
rescoring read them there: a calibration's file may go, and defaults may change, without a trial becoming incomparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from paretoseg.search.config.config import Composed, with_settled
from paretoseg.trainables.data.datasets import DataConfig
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.severities.calibration import Calibration, hash_splits, read_calibration, settle_strengths
from paretoseg.trainables.severities.levels import LEVELS, default_strengths, expand_corruptions
from paretoseg.trainables.severities.shipped import NONE, locate_shipped
from paretoseg.trainables.severities.strengths import format_strengths
from paretoseg.trainables.task_config import TaskConfig
from paretoseg.trainables.trainable import SplitRow


def settle(composed: Composed) -> Composed:
    """The config of a new study with strengths in it: those asked for or calibrated, then the defaults of its battery.

    Raises:
        ValueError: if the calibration cannot be read, or strengths do not fit.
    """
    config, data = composed.experiment.task, composed.experiment.data
    if not isinstance(config, SegmentationConfig):
        return composed
    asked, defaults = settle_strengths(config.strengths, config.locate_calibration(data)), default_strengths()
    measured = {name: defaults[name] for name in expand_corruptions(config.corruptions) if name in LEVELS}
    return with_settled(composed, "strengths", format_strengths({**measured, **asked}))


def describe_calibration(config: TaskConfig, data: DataConfig, rows: Sequence[SplitRow]) -> list[str]:
    """What a user should know of a calibration that a new study is begun with; a line each.

    Args:
        config: Settings of the task, as they were composed.
        data: Settings of the data.
        rows: The cases of the study.
    """
    if not isinstance(config, SegmentationConfig) or (path := config.locate_calibration(data)) is None:
        return []
    calibration = read_calibration(path)
    notes = []
    if calibration.data_sha256 != hash_splits(rows):
        notes.append(
            f"{_name(path)} was made with other data or splits ({calibration.dataset}): its strengths hold, "
            "but what a network loses there may be more or less here"
        )
    corruptions = expand_corruptions(config.corruptions)
    missing = [name for name in corruptions if name not in calibration.corruptions]
    if missing:
        notes.append(f"{_name(path)} does not know {', '.join(missing)}: the default strengths are taken")
    return [*notes, *_describe_shortfalls(calibration, corruptions)]


def _name(path: Path) -> str:
    """How a user knows a calibration."""
    return f"the shipped calibration '{path.stem}'" if path == locate_shipped(path.stem) else f"'{path}'"


def without_calibration(config: TaskConfig) -> TaskConfig:
    """The settings for a look at everything but a calibration, which lies where the search will run."""
    return replace(config, calibration=NONE) if isinstance(config, SegmentationConfig) else config


def _describe_shortfalls(calibration: Calibration, corruptions: Sequence[str]) -> list[str]:
    found = calibration.corruptions
    return [f"calibration of {name}: {note}" for name in corruptions if name in found for note in found[name].notes]
