import csv
import io
import json

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from paretoseg.search.running.serial import run_serially
from paretoseg.search.store import tables
from paretoseg.search.store.candidate_table import candidates_to_parquet, front_rows
from paretoseg.search.store.tables import (
    TABLE_SCHEMA,
    TrialTable,
    cases_from_parquet,
    cases_to_parquet,
)
from paretoseg.search.strategies.pruner import MedianConfig
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials import events as happened
from paretoseg.search.trials.events import Finished, Started
from paretoseg.search.trials.profile_columns import PROFILE_COLUMNS
from paretoseg.spaces.domain import Choice, Float, Int
from paretoseg.spaces.recipe import Recipe, augmentation_families
from paretoseg.spaces.search_space import DIMENSIONS, Candidate
from paretoseg.trainables.toy import FailureMode, ToyConfig, ToyTask
from paretoseg.trainables.trainable import CaseScore, RobustnessProfile, Split
from tests.builders import MemoryLog, build_session, build_study, created, run_study, run_trial

TRIAL_TYPES = {
    "trial_id": "int64",
    "candidate": "string",
    "seed": "int64",
    "state": "string",
    "origin": "string",
    "baseline": "string",
    **{name: {Float: "double", Int: "int64", Choice: "string"}[type(domain)] for name, domain in DIMENSIONS.items()},
    "accuracy": "double",
    "robustness": "double",
    "parameters": "int64",
    "test_accuracy": "double",
    "test_robustness": "double",
    "robustness_held_out": "double",
    "worst_family": "double",
    "worst_family_name": "string",
    "collapses": "string",
    "test_robustness_held_out": "double",
    "test_worst_family": "double",
    "test_worst_family_name": "string",
    "test_collapses": "string",
    "drop": "double",
    "retention": "double",
    "trained_on": "string",
    "is_on_front": "bool",
    "degenerate": "string",
    "note": "string",
    "failure": "string",
    "reason": "string",
    "num_attempts": "int64",
    "num_steps": "int64",
    "asked_at": "timestamp[ms, tz=UTC]",
    "began_at": "timestamp[ms, tz=UTC]",
    "ended_at": "timestamp[ms, tz=UTC]",
    "seconds": "double",
    "total_seconds": "double",
    "host": "string",
    "device": "string",
}


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A finished search with trials of every state."""
    session = build_session(
        tmp_path_factory.mktemp("study"),
        task=ToyTask(ToyConfig(failure=FailureMode.diverge, fails_below=0.25)),
        pruner=MedianConfig(min_trials=2, min_steps=1),
        budget=Budget(trials=20, max_failures=20),
    )
    run_serially(session)
    session.write_tables()
    session.folder.journal.close()
    return session


@pytest.fixture(scope="module")
def place(session):
    return session.folder.folder.local_path


def test_the_trials_have_the_documented_columns_and_types(place):
    schema = parquet.read_schema(place / "trials.parquet")
    found = {name: str(schema.field(name).type) for name in schema.names}
    assert found.pop("parents") in ("list<element: int64>", "list<item: int64>")
    assert found == TRIAL_TYPES
    assert schema.metadata[b"paretoseg_schema"] == str(TABLE_SCHEMA).encode()


def test_pandas_reads_a_row_a_trial(session, place):
    frame = pd.read_parquet(place / "trials.parquet")
    trials = session.study.trials
    assert list(frame.trial_id) == list(range(20))
    assert set(frame.state) == {"FINISHED", "FAILED", "STOPPED"}
    assert list(frame.state) == [trial.state.value for trial in trials]
    for trial, (_, row) in zip(trials, frame.iterrows(), strict=True):
        assert {name: row[name] for name in DIMENSIONS} == trial.candidate.as_dict()
        assert row.candidate == trial.candidate.short_hash
        assert tuple(row.parents) == trial.parents
        assert pd.isna(row.accuracy) == (trial.objectives == {})
        assert row.num_steps == len(trial.reports)
    finished = frame[frame.state == "FINISHED"]
    assert list(finished.accuracy) == [trial.objectives["accuracy"] for trial in trials if trial.objectives]
    assert (finished.parameters > 0).all()
    assert (finished.seconds >= 0).all()
    failed = frame[frame.state == "FAILED"]
    assert set(failed.failure) == {"nan"}
    assert set(failed.reason) == {"ValueError: accuracy must be finite, got nan"}
    assert not failed.is_on_front.any()
    assert (frame.ended_at >= frame.asked_at).all()


def test_what_a_trial_loses_and_what_it_met_in_training_are_reported(session, place):
    frame = pd.read_parquet(place / "trials.parquet")
    finished = frame[frame.state == "FINISHED"]
    assert list(finished["drop"]) == pytest.approx(list(finished.accuracy - finished.robustness))
    assert list(finished.retention) == pytest.approx(list(finished.robustness / finished.accuracy))
    assert frame[frame.state != "FINISHED"][["drop", "retention"]].isna().all(axis=None)
    for trial, row in zip(session.study.trials, frame.itertuples(), strict=True):
        assert row.trained_on.split() == sorted(augmentation_families(trial.candidate.recipe))
    assert {"", "rotation scaling"} < set(frame.trained_on)


def test_what_is_reported_beside_robustness_has_columns_and_unknown_values_are_null():
    known = RobustnessProfile({"noise": 0.3, "shift site": 0.1, "blur": 0.5}, clean=0.8, corrupted=0.4, held_out=0.5)
    tested = RobustnessProfile({"noise": 0.5}, clean=0.8)
    values = {"accuracy": 0.9, "robustness": 0.35}
    events = [created()]
    for number, profile in enumerate((known, None, RobustnessProfile({}, clean=0.8))):
        candidate = Candidate(recipe=Recipe(foreground_ratio=number / 10))
        events.append(Started(0.0, number, candidate, 0, "random"))
        events.append(Finished(1.0, number, values, {"parameters": 1.0}, "", 0.0, 1.0, profile=profile))
    events.append(happened.Tested(2.0, 0, values, tested))
    record = StudyRecord(MemoryLog(events).read())
    frame = pd.read_parquet(io.BytesIO(TrialTable().to_parquet(record)))
    first, old, none = frame.to_dict("records")
    assert (first["robustness_held_out"], first["worst_family"], first["worst_family_name"]) == (0.5, 0.1, "shift site")
    assert (first["collapses"], first["drop"], first["retention"]) == ("shift site, noise", 0.4, 0.5)
    assert (first["test_worst_family"], first["test_worst_family_name"], first["test_collapses"]) == (0.5, "noise", "")
    assert pd.isna(first["test_robustness_held_out"])
    assert all(pd.isna(old[f"{split}{name}"]) for split in ("", "test_") for name in PROFILE_COLUMNS)
    assert old["drop"] == pytest.approx(0.55)
    assert pd.isna(none["worst_family"])
    assert pd.isna(none["worst_family_name"])
    assert pd.isna(none["drop"])
    assert none["collapses"] == ""
    rows = {row["trial_id"]: row for row in front_rows(record)}
    assert rows[1]["robustness_held_out"] is None
    assert json.loads(json.dumps(rows[0]))["collapses"] == "shift site, noise"


def test_duckdb_answers_questions_about_the_study(session, place):
    rows = duckdb.sql(
        f"SELECT trial_id FROM '{place}/trials.parquet' WHERE is_on_front ORDER BY accuracy DESC"
    ).fetchall()
    assert [row[0] for row in rows] == [trial.trial_id for trial in session.study.front.trials]


def test_the_cases_add_up_to_the_objectives(session, place):
    rows = duckdb.sql(
        f"""SELECT trial_id, avg(value) FILTER (corruption = 'none'), avg(value) FILTER (corruption != 'none'), count(*)
        FROM '{place}/cases/*-validation.parquet' WHERE metric = 'dice' AND class = 'mean'
        GROUP BY trial_id ORDER BY trial_id"""
    ).fetchall()
    finished = [trial for trial in session.study.trials if trial.objectives]
    assert [row[0] for row in rows] == [trial.trial_id for trial in finished]
    for trial, row in zip(finished, rows, strict=True):
        assert row[1:] == (
            pytest.approx(trial.objectives["accuracy"]),
            pytest.approx(trial.objectives["robustness"]),
            8,
        )


def test_the_cases_have_the_documented_columns(session, place):
    trial = session.study.front.trials[0]
    frame = pd.read_parquet(place / "cases" / f"trial-{trial.trial_id:05d}-test.parquet")
    columns = [
        "trial_id", "seed", "split", "case", "domain", "shift", "corruption", "severity", "family", "metric", "class",
        "empty", "value", "objective",
    ]  # fmt: skip
    assert list(frame.columns) == columns
    assert len(frame) == len(frame.drop_duplicates(columns[:-2])) == 8
    assert (set(frame.split), set(frame.seed), set(frame.trial_id)) == ({"test"}, {0}, {trial.trial_id})
    assert frame.value.dtype == "float64"
    assert frame.severity.dtype == "int64"


def test_scores_of_classes_survive_the_table():
    scores = [
        CaseScore("a", "here", "blur", 2, "hd95_mm", 4.5, "left", "prediction"),
        CaseScore("a", "here", "blur", 2, "hd95_mm", 3.5),
        CaseScore("b", "there", "none", 0, "hd95_mm", 2.5, shift="there"),
    ]
    content = cases_to_parquet(3, 0, Split.TEST, scores)
    assert cases_from_parquet(content) == scores
    assert parquet.read_table(io.BytesIO(content))["class"].to_pylist() == ["left", "mean", "mean"]
    assert parquet.read_table(io.BytesIO(content))["shift"].to_pylist() == ["", "", "there"]


def test_tables_of_schema_2_hold_no_shift_set():
    columns = {"case": ["a"], "domain": ["here"], "corruption": ["none"], "severity": [0], "metric": ["dice"]}
    columns |= {"class": ["left"], "empty": ["both"], "value": [1.0]}
    file = io.BytesIO()
    parquet.write_table(pa.table({"trial_id": [0], "seed": [0], "split": ["test"], **columns}), file)
    (row,) = cases_from_parquet(file.getvalue())
    assert row == CaseScore("a", "here", "none", 0, "dice", 1.0, "left", "both", shift="")
    assert row.is_clean


def test_tables_of_schema_1_hold_means_over_the_classes():
    columns = {"case": ["a"], "domain": ["here"], "corruption": ["none"], "severity": [0], "metric": ["dice"]}
    file = io.BytesIO()
    pq_table = pa.table({"trial_id": [0], "seed": [0], "split": ["test"], **columns, "value": [0.5]})
    parquet.write_table(pq_table, file)
    assert cases_from_parquet(file.getvalue()) == [CaseScore("a", "here", "none", 0, "dice", 0.5, "mean", "")]


def test_a_damaged_table_is_refused_in_one_line():
    file = io.BytesIO()
    parquet.write_table(pa.table({"case": ["a"], "value": [0.5]}), file)
    for content in (b"", b"no table at all", file.getvalue()):
        with pytest.raises(ValueError, match=r"^[^\n]+$"):
            cases_from_parquet(content)


def test_the_front_as_csv_is_the_front_best_first(session, place):
    rows = list(csv.DictReader(io.StringIO((place / "front.csv").read_text())))
    trials = session.study.front.trials
    assert [int(row["trial_id"]) for row in rows] == [trial.trial_id for trial in trials]
    names = ["trial_id", "candidate", "baseline", "trials", "seeds", "num_seeds", "collapsed_share", *DIMENSIONS]
    measured = ["accuracy", "accuracy_sd", "robustness", "robustness_sd"]
    tested = [*(f"test_{name}" for name in measured), "num_tested"]
    beside = [f"{split}{name}" for split in ("", "test_") for name in PROFILE_COLUMNS]
    assert list(rows[0]) == [
        *names, *measured, "parameters", *tested, *beside, "drop", "retention", "trained_on", "is_on_front",
        "probability", "state", "is_confirmed", "selection_probability",
        *(f"{split}{name}_{end}" for split in ("", "test_") for name in ("accuracy", "robustness")
          for end in ("low", "high")),
        "were_test_cases_seen", "device",
    ]  # fmt: skip
    for row, trial in zip(rows, trials, strict=True):
        assert float(row["accuracy"]) == trial.objectives["accuracy"]
        assert float(row["test_accuracy"]) == trial.test["accuracy"]
        assert row["skip"] == trial.candidate.architecture.skip


def test_rows_of_one_metric_can_be_read_alone_also_from_schema_1():
    rows = [
        CaseScore("a", "x", "none", 0, "dice", 0.5),
        CaseScore("a", "x", "none", 0, "dice", 0.25, label="left"),
        CaseScore("a", "x", "none", 0, "nsd", 0.75),
    ]
    content = cases_to_parquet(3, 0, Split.TEST, rows)
    assert cases_from_parquet(content, "dice") == rows[:1]
    assert cases_from_parquet(content, "hd95_mm") == []
    assert cases_from_parquet(content) == rows
    early = parquet.read_table(io.BytesIO(content)).filter(pa.array([True, False, True])).drop_columns(["class"])
    buffer = io.BytesIO()
    parquet.write_table(early, buffer)
    assert cases_from_parquet(buffer.getvalue(), "nsd") == rows[2:]


def test_a_table_that_grew_with_its_study_is_the_one_that_is_built_at_once(monkeypatch):
    monkeypatch.setattr(tables, "_BATCH", 3)
    study, table = build_study(MemoryLog(), budget=Budget(trials=11)), TrialTable()
    while (trial := study.ask(0.0)) is not None:
        assert table.to_parquet(study.record) == TrialTable().to_parquet(study.record)
        run_trial(study, trial, ToyTask())
    for trial in study.untested():
        study.finish_test(trial.trial_id, {"accuracy": 0.1, "robustness": 0.2}, 0.0)
        assert table.to_parquet(study.record) == TrialTable().to_parquet(study.record)


def test_a_table_of_another_study_starts_over():
    table = TrialTable()
    for seed in (0, 1):
        record = run_study(build_study(MemoryLog(), seed=seed)).record
        assert table.to_parquet(record) == TrialTable().to_parquet(record)


def test_a_study_without_trials_has_a_table_without_rows():
    content = TrialTable().to_parquet(build_study(MemoryLog()).record)
    assert parquet.read_table(io.BytesIO(content)).num_rows == 0


def test_candidates_have_a_row_each_with_means_and_spread_over_their_seeds():
    candidates = [Candidate(recipe=Recipe(foreground_ratio=number / 10)) for number in range(2)]
    events = [created()]
    runs = [(0, 5, 0.5, ""), (1, 6, 0.9, ""), (0, 6, 0.7, ""), (0, 7, 0.0, "constant")]
    for number, (candidate, seed, accuracy, degenerate) in enumerate(runs):
        values = {"accuracy": accuracy, "robustness": 0.4}
        events.append(Started(0.0, number, candidates[candidate], seed, "random"))
        events.append(Finished(1.0, number, values, {"parameters": 1.0 + number}, degenerate, 0.0, 1.0))
    events += [happened.Tested(2.0, 0, {"accuracy": 0.4, "robustness": 0.1})]
    events += [happened.Tested(2.0, 2, {"accuracy": 0.6, "robustness": 0.3})]
    record = StudyRecord(MemoryLog(events).read())
    frame = pd.read_parquet(io.BytesIO(candidates_to_parquet(record))).set_index("trial_id")
    assert list(frame.index) == [0, 1]
    first, second = frame.loc[0], frame.loc[1]
    assert [list(first.trials), list(first.seeds), first.num_seeds] == [[0, 2], [5, 6], 2]
    assert first.collapsed_share == pytest.approx(1 / 3)
    assert (first.accuracy, first.accuracy_sd) == (pytest.approx(0.6), pytest.approx(0.02**0.5))
    assert (first.test_accuracy, first.test_robustness, first.num_tested) == (pytest.approx(0.5), pytest.approx(0.2), 2)
    assert first.test_accuracy_sd == pytest.approx(0.02**0.5)
    assert (first.parameters, second.num_tested) == (2, 0)
    assert pd.isna(second.accuracy_sd)
    assert pd.isna(second.test_accuracy)
    assert list(frame.is_on_front) == [False, True]
    assert front_rows(record)[0]["seeds"] == "6"
