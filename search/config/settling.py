"""What a study reads once, when it starts, and then keeps in its config: strengths, and the errors of a reference.

Resuming, reports, exports and rescoring read them there. So a calibration file may be deleted, and defaults may change,
and trials stay comparable. The settings of the task define what is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from enum import StrEnum
from pathlib import Path

from omegaconf import OmegaConf

from paretoseg.search.config.config import Composed
from paretoseg.search.config.fitted_space import settle_space
from paretoseg.search.config.planned_data import settle_data
from paretoseg.search.store.tables import cases_from_parquet
from paretoseg.trainables.task_config import TaskConfig
from paretoseg.trainables.trainable import CaseScore


def settle(composed: Composed) -> Composed:
    """The config of a new study, with everything in it that is read once.

    Raises:
        ValueError: if a file cannot be read, or what it holds does not fit.
    """
    composed = settle_data(composed)
    experiment = composed.experiment
    composed = _settle_baselines(
        settle_space(_with_task(composed, experiment.task.settle_length(experiment.resources.gpus)))
    )
    experiment = composed.experiment
    composed = _settle_measuring(_with_task(composed, experiment.task.settle(experiment.data)))
    return settle_reference(composed)


def _settle_measuring(composed: Composed) -> Composed:
    experiment = composed.experiment
    list_judged = experiment.pruner.list_steps
    task = experiment.task.settle_measuring(experiment.data, experiment.build_space(), list_judged)
    return _with_task(composed, task)


def measure_all(composed: Composed, *, keeps_number: bool) -> Composed:
    """The config of a study with the whole battery in place of the part that its search measures.

    Args:
        composed: The config.
        keeps_number: Whether the number of corrupted cases stays as it is.
    """
    return _with_task(composed, composed.experiment.task.measure_all(keeps_number=keeps_number))


def _settle_baselines(composed: Composed) -> Composed:
    """The config with the usual baselines of its task, if it names none."""
    experiment = composed.experiment
    if experiment.baselines is not None:
        return composed
    names = list(experiment.task.choose_baselines(experiment.build_space())[0])
    config = OmegaConf.create(composed.text)
    OmegaConf.update(config, "baselines", names, merge=False)
    return Composed(replace(experiment, baselines=names), OmegaConf.to_yaml(config))


def settle_transfer(composed: Composed) -> Composed:
    """The config with what the transfer matrix that it names says.

    Raises:
        ValueError: if the file cannot be read, or what it holds does not fit.
    """
    return _with_task(composed, composed.experiment.task.settle_transfer(composed.experiment.data))


def settle_reference(composed: Composed) -> Composed:
    """The config with the errors of its reference network in it, if it names one.

    Raises:
        ValueError: if the file is missing or holds no such rows.
    """
    return _with_task(composed, composed.experiment.task.settle_reference(_read_rows))


def _with_task(composed: Composed, task: TaskConfig) -> Composed:
    """The config with these settings of its task, in the text too."""
    before = composed.experiment.task
    names = [item.name for item in fields(task) if getattr(task, item.name) != getattr(before, item.name)]
    if not names:
        return composed
    config = OmegaConf.create(composed.text)
    plain = asdict(task)
    for name in names:
        value = str(plain[name]) if isinstance(plain[name], StrEnum) else plain[name]
        OmegaConf.update(config, f"task.{name}", value, merge=False)
    return Composed(replace(composed.experiment, task=task), OmegaConf.to_yaml(config))


def _read_rows(path: Path) -> Sequence[CaseScore]:
    return cases_from_parquet(path.read_bytes())
