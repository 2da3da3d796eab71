"""The tables of a study as pandas frames: the columns of `trials.parquet`, `candidates.parquet` and `cases/`."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from paretoseg.search.certainty.certainty import Certainty
from paretoseg.search.reports.page_data import describe_cost
from paretoseg.search.store.candidate_table import tabulate_candidates
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.store.tables import CASE_SCHEMA, TrialTable
from paretoseg.search.study.record import StudyRecord
from paretoseg.trainables.trainable import Split

if TYPE_CHECKING:
    from pandas import DataFrame


def frame_trials(record: StudyRecord) -> DataFrame:
    """A row per trial, by number."""
    return TrialTable().to_table(record).to_pandas()


def frame_candidates(record: StudyRecord, certainty: Certainty | None) -> DataFrame:
    """A row per candidate with at least one sound network, by number."""
    return tabulate_candidates(record, record.results, certainty).to_pandas()


def frame_front(record: StudyRecord, certainty: Certainty | None) -> DataFrame:
    """A row per candidate of the front, best first in the first objective."""
    return tabulate_candidates(record, record.front.results, certainty).to_pandas()


def frame_measures(record: StudyRecord) -> DataFrame:
    """A row per objective and cost: what it is, in which unit, and which values are better."""
    import pandas as pd

    rows: list[dict[str, Any]] = [
        {
            "name": one.name,
            "is_objective": True,
            "unit": one.unit,
            "better": "higher" if one.sign < 0 else "lower",
            "reference": one.reference,
            "meaning": one.description,
        }
        for one in record.objectives
    ]
    known = {one.name for one in record.objectives}
    for cost in (describe_cost(name) for name in record.created.cost_names if name not in known):
        better = cost["better"].removesuffix(" is better")
        row = {"name": cost["name"], "is_objective": False, "unit": cost["unit"], "better": better}
        rows.append(row | {"reference": None, "meaning": cost["label"]})
    columns = ["name", "is_objective", "unit", "better", "reference", "meaning"]
    return pd.DataFrame(rows, columns=columns).astype({"reference": "float64"}).set_index("name")


def frame_cases(
    folder: StudyFolder, record: StudyRecord, split: Split, trials: Collection[int] | None, metric: str | None
) -> DataFrame:
    """The rows of trials on a split, trial by trial.

    Raises:
        ValueError: if a trial is not in the study, or a file is damaged.
    """
    import pandas as pd

    if unknown := sorted(set(trials or ()) - {trial.trial_id for trial in record.trials}):
        raise ValueError(f"the study has {len(record.trials)} trials, and none is number {unknown[0]}")
    frames = []
    for trial in record.trials:
        if trials is not None and trial.trial_id not in trials:
            continue
        table = folder.cases.read_table(trial.trial_id, trial.seed, split)
        if table is not None:
            frame = table.to_pandas()
            frames.append(frame if metric is None else frame[frame["metric"] == metric])
    empty = CASE_SCHEMA.empty_table().to_pandas()
    return pd.concat(frames, ignore_index=True) if frames else empty
