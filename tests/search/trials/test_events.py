import dataclasses
import json

import pytest

from paretoseg.search.trials import events
from paretoseg.search.trials.events import (
    JOURNAL_SCHEMA,
    Created,
    Event,
    Failed,
    Finished,
    Opened,
    Reported,
    Resumed,
    Started,
    Stopped,
    apply,
    from_record,
    to_record,
)
from paretoseg.search.trials.trial import Failure, FailureKind, State
from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate

CANDIDATE = Candidate(Architecture(skip="addition"), Recipe(foreground_ratio=0.1, learning_rate=3e-3))
EVENTS = [
    Created(
        1.5,
        "study",
        (
            Objective("accuracy", "Dice", Direction.MAXIMISE, 0.0, "how good"),
            Objective("latency_ms", "ms", Direction.MINIMISE, 9.0),
        ),
        ("parameters",),
        ("study=study", "task=toy"),
    ),
    Opened(2.0, "here", 7, 12, None),
    Started(3.0, 0, CANDIDATE, 5, "mating", (1, 2)),
    Resumed(4.0, 0),
    Reported(5.0, 0, 1, {"accuracy": 0.1 + 0.2, "latency_ms": 1e-17}),
    Finished(6.0, 0, {"accuracy": 0.5}, {"parameters": 10.0}, "", 5.5, 0.5, "here", "a GPU"),
    Stopped(7.0, 0, 6.5, 0.25),
    Failed(8.0, 0, Failure(FailureKind.MEMORY, "too big", 'File "x", line 1\n  in ø')),
    events.Tested(9.0, 0, {"accuracy": 0.4}),
]


def test_every_kind_of_event_is_among_the_examples():
    assert {type(event) for event in EVENTS} == set(Event.__args__)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_survives_json(event):
    record = json.loads(json.dumps(to_record(event)))
    assert next(iter(to_record(event))) == "kind"
    assert from_record(record) == event
    assert type(from_record(record)) is type(event)


def test_an_unknown_kind_is_refused():
    with pytest.raises(
        ValueError, match=r"unknown kind of record 'paused'; was the study written by a newer version\?"
    ):
        from_record({"kind": "paused", "time": 1.0})


def test_a_newer_schema_is_refused():
    record = to_record(dataclasses.replace(EVENTS[0], schema=JOURNAL_SCHEMA + 1))
    with pytest.raises(ValueError, match="newer version"):
        from_record(record)


def test_a_missing_field_is_refused():
    record = to_record(EVENTS[3])
    del record["trial_id"]
    with pytest.raises(ValueError, match=r"'resumed' record does not hold what it should: .*trial_id"):
        from_record(record)


def test_a_field_added_by_a_later_release_of_the_same_schema_is_passed_over():
    assert from_record(to_record(EVENTS[3]) | {"mood": "good"}) == EVENTS[3]


def test_the_events_of_a_trial_add_up_to_its_record():
    trial = None
    for event in EVENTS[2:6]:
        trial = apply(trial, event)
    assert trial is not None
    assert (trial.state, trial.num_attempts, trial.parents, trial.candidate) == (State.FINISHED, 2, (1, 2), CANDIDATE)
    assert (trial.asked_at, trial.began_at, trial.ended_at, trial.seconds) == (3.0, 5.5, 6.0, 0.5)
    assert list(trial.reports.values()) == [{"accuracy": 0.1 + 0.2, "latency_ms": 1e-17}]
    assert (trial.objectives, trial.costs) == ({"accuracy": 0.5}, {"parameters": 10.0})
    assert apply(trial, EVENTS[8]).test == {"accuracy": 0.4}


def test_a_step_that_is_repeated_replaces_what_was_reported_from_there_on():
    trial = apply(None, EVENTS[2])
    for step, value in ((1, 0.1), (2, 0.2), (3, 0.3), (2, 0.25)):
        trial = apply(trial, Reported(0.0, 0, step, {"accuracy": value}))
    assert trial.reports == {1: {"accuracy": 0.1}, 2: {"accuracy": 0.25}}


@pytest.mark.parametrize(("event", "state"), [(EVENTS[6], State.STOPPED), (EVENTS[7], State.FAILED)])
def test_a_trial_that_ends_otherwise_says_so(event, state):
    trial = apply(apply(None, EVENTS[2]), event)
    assert (trial.state, trial.ended_at, trial.is_eligible) == (state, event.time, False)


def test_a_finished_record_from_before_devices_were_named_is_read():
    event = next(event for event in EVENTS if isinstance(event, Finished))
    record = to_record(event)
    del record["device"]
    assert from_record(record) == dataclasses.replace(event, device="")
    started = apply(None, next(event for event in EVENTS if isinstance(event, Started)))
    assert apply(started, event).device == "a GPU"


def test_half_a_character_in_a_failure_is_spelled_out_in_early_journals_too():
    record = to_record(Failed(3.0, 0, Failure(FailureKind.ERROR, "reason", "where")))
    record["failure"] |= {"reason": "no caf\udce9.png", "traceback": "in caf\udce9.py"}
    failure = from_record(record).failure
    assert (failure.reason, failure.traceback) == ("no caf\\udce9.png", "in caf\\udce9.py")
