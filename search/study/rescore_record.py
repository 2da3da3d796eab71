"""The results of a rescoring: the record that its folder keeps as `rescore.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from paretoseg.search.fronts.drift import Drift, measure_drift, with_measurements
from paretoseg.search.study.record import StudyRecord
from paretoseg.spaces.domain import Int
from paretoseg.spaces.objective import Objective
from paretoseg.trainables.trainable import RobustnessProfile, Split

RESCORE_SCHEMA = 1
"""Version of `rescore.json`; raised when an older reader could misread it."""


@dataclass(frozen=True)
class Rescored:
    """The result of one trial on one split."""

    trial_id: int
    split: Split
    seed: int

    objectives: Mapping[str, float] = field(default_factory=dict)
    """A value for every objective; empty if it could not be measured."""

    beside: Mapping[str, float] = field(default_factory=dict)
    """The scores that are no objective: the usual ones, and those with a constraint; empty in earlier records."""

    degenerate: str = ""
    """Why the network counts as broken on these cases, or ''."""

    note: str = ""
    """What else the check for broken networks found, or ''; the network counts. '' in earlier records."""

    profile: RobustnessProfile | None = None
    """What is reported beside its robustness; None in earlier records, or if it could not be measured."""

    device: str = ""
    """The device that it was measured on, by its name."""

    host: str = ""
    measured_at: float = 0.0
    """When, in seconds since the epoch."""

    seconds: float = 0.0
    """How long the worker worked on it."""

    failure: str = ""
    """Why it could not be measured, in one line, or ''."""


@dataclass(frozen=True)
class RescoreRecord:
    """A rescoring: its settings and the results so far."""

    study: str
    name: str
    settings: Mapping[str, Any]
    """What the scores depend on: all settings of task and data, without the location of the data."""

    overrides: tuple[str, ...]
    """The overrides of the last command."""

    objectives: tuple[Objective, ...]
    """The objectives that it measures."""

    version: str
    """Version of paretoseg in the last session, with the commit if it runs from a repository."""

    results: tuple[Rescored, ...] = ()
    """In the order of their arrival; one for each trial and split."""

    schema: Annotated[int, Int(1, RESCORE_SCHEMA)] = RESCORE_SCHEMA

    def find(self, trial_id: int, split: Split) -> Rescored | None:
        """The measurement of a trial on a split, or None if there is none yet, or it failed."""
        found = [item for item in self.results if (item.trial_id, item.split) == (trial_id, split)]
        return found[0] if found and not found[0].failure else None

    def with_result(self, result: Rescored) -> RescoreRecord:
        """The record with a result, which replaces an earlier one of the same trial and split."""
        key = (result.trial_id, result.split)
        others = tuple(item for item in self.results if (item.trial_id, item.split) != key)
        return dataclasses.replace(self, results=(*others, result))


def read_drift(study: StudyRecord, record: RescoreRecord) -> Drift:
    """How the front of a study drifts in a rescoring, over the trials that it has measured on validation cases."""
    after = {}
    for trial in study.trials:
        found, tested = (record.find(trial.trial_id, split) for split in (Split.VALIDATION, Split.TEST))
        if trial.is_eligible and found:
            test = tested.objectives if tested else {}
            renewed = with_measurements(trial, found.objectives, found.degenerate, test)
            test_profile = tested.profile if tested else None
            after[trial.trial_id] = dataclasses.replace(
                renewed,
                costs={**trial.costs, **found.beside},
                note=found.note,
                profile=found.profile,
                test_profile=test_profile,
            )
    before = [trial for trial in study.trials if trial.trial_id in after]
    return measure_drift(
        before,
        after,
        objectives_before=study.objectives,
        objectives_after=record.objectives,
        constraints=study.constraints,
    )
