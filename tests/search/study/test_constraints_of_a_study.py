"""Candidates that break a constraint, judged by the mean over their seeds."""

import dataclasses
import io

import pytest
from pyarrow import parquet

from paretoseg.search.candidates.ledger import CandidateLedger
from paretoseg.search.fronts.front import GrowingFront, read_front
from paretoseg.search.store.candidate_table import candidate_rows, candidate_schema
from paretoseg.search.store.tables import TrialTable
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Created, Finished, Started, from_record, to_record
from paretoseg.spaces.constraint import read_constraints
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.toy import ToyTask
from tests.builders import build_trial, created

OBJECTIVES = ToyTask().objectives()
LEAST = read_constraints(["accuracy>=0.5", "parameters<=2000"], ["accuracy", "parameters"])


def test_what_breaks_a_constraint_is_no_member_of_the_front_and_hides_no_member():
    front = GrowingFront(OBJECTIVES, LEAST)
    for trial in (
        build_trial(0, 0.6, 0.3),
        build_trial(1, 0.4, 0.9),
        build_trial(2, 0.9, 0.9, costs={"parameters": 3e3}),
    ):
        front.add(trial)
    front.update()
    assert [result.number for result in front.front.results] == [0]
    assert front.front.hypervolume == pytest.approx(0.6 * 0.3)
    assert [result.number for result in read_front([build_trial(1, 0.4, 0.9)], OBJECTIVES).results] == [1]


def test_the_mean_over_seeds_decides():
    ledger = CandidateLedger(OBJECTIVES, LEAST)
    first = build_trial(0, 0.45, 0.5)
    assert ledger.add(first).broken == ("accuracy>=0.5",)
    assert ledger.find(first.candidate).violation == pytest.approx(0.1)
    result = ledger.add(
        dataclasses.replace(first, trial_id=1, seed=1, objectives={"accuracy": 0.57, "robustness": 0.5})
    )
    assert result.is_feasible
    assert result.violation == 0.0


def build_record():
    start = dataclasses.replace(created(), constraints=tuple(map(str, LEAST)))
    events = [start]
    for number, accuracy in enumerate([0.6, 0.4]):
        candidate = SearchSpace().complete({"width": 8 + 4 * number})
        events += [
            Started(0.0, number, candidate, 0, "random"),
            Finished(0.0, number, {"accuracy": accuracy, "robustness": 0.5}, {"parameters": 100.0}, "", 0.0, 1.0),
        ]
    return StudyRecord(events)


def test_every_table_keeps_what_breaks_a_constraint_and_says_so():
    record = build_record()
    assert [result.number for result in record.results] == [0, 1]
    assert [result.number for result in record.feasible] == [0]
    rows = candidate_rows(record, record.results)
    assert [(row["feasible"], row["broken"], row["is_on_front"]) for row in rows] == [
        (True, "", True),
        (False, "accuracy>=0.5", False),
    ]
    table = parquet.read_table(io.BytesIO(TrialTable().to_parquet(record)))
    assert table["feasible"].to_pylist() == [True, False]
    assert table["broken"].to_pylist() == ["", "accuracy>=0.5"]


def test_a_study_without_constraints_has_no_columns_for_them():
    assert "feasible" not in candidate_schema(StudyRecord([created()])).names


def test_the_first_record_keeps_constraints_and_known_candidates_and_lacks_them_if_there_are_none():
    start = Created(
        0.0,
        "mine",
        OBJECTIVES,
        ("parameters",),
        constraints=("accuracy>=0.5",),
        known=(Candidate(),),
        warm=(Candidate(),),
    )
    assert from_record(to_record(start)) == start
    assert not {"constraints", "known", "warm"} & to_record(created()).keys()
