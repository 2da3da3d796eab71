import dataclasses
import json
import math
import re
from pathlib import Path

import pytest

from paretoseg.search.trials import events
from paretoseg.search.trials.events import (
    JOURNAL_SCHEMA,
    Created,
    Event,
    Failed,
    Finished,
    Opened,
    Promoted,
    Reported,
    Resumed,
    Started,
    Stopped,
    apply,
    from_record,
    to_record,
)
from paretoseg.search.trials.receipt import Dominator, Receipt
from paretoseg.search.trials.transitions import check_events
from paretoseg.search.trials.trial import Failure, FailureKind, State
from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.spaces.plugins import Plugin
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.trainable import RobustnessProfile

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
        plugins=(Plugin("data", "rings", "my-dataset", "1.0"),),
    ),
    Opened(2.0, "here", 7, 12, None),
    Started(3.0, 0, CANDIDATE, 5, "mating", (1, 2)),
    Resumed(4.0, 0),
    Reported(5.0, 0, 1, {"accuracy": 0.1 + 0.2, "latency_ms": 1e-17}),
    Finished(6.0, 0, {"accuracy": 0.5}, {"parameters": 10.0}, "", 5.5, 0.5, "here", "a GPU", note="a note"),
    Stopped(7.0, 0, 6.5, 0.25),
    Failed(8.0, 0, Failure(FailureKind.MEMORY, "too big", 'File "x", line 1\n  in ø')),
    Stopped(
        8.1, 1, 6.5, 0.25, receipt=Receipt(1, 2, 3, (Dominator(0, {"a": 0.2}, {"a": 0.1}),), 2, 4, {"a": 0.5, "b": 0.1})
    ),
    events.Spared(8.2, 1, Receipt(1, 2, 3, (), 0, 0)),
    events.Promoted(8.3, 1),
    events.Confirming(8.5, (0, 3), (0.75, None), 3, 8),
    events.Fitted(8.7, (0.1, -2.5), {"accuracy": 0.75}),
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
    for kind in ("paused", None, ["created"]):
        with pytest.raises(ValueError, match=r"unknown kind of record .*; known: created, opened"):
            from_record({"kind": kind, "time": 1.0})


def test_a_newer_schema_is_refused():
    record = to_record(dataclasses.replace(EVENTS[0], schema=JOURNAL_SCHEMA + 1))
    with pytest.raises(ValueError, match="has schema 2, this version reads up to 1"):
        from_record(record)


def test_a_missing_field_is_refused():
    record = to_record(EVENTS[3])
    del record["trial_id"]
    with pytest.raises(ValueError, match=r"'resumed' record does not hold what it should: .*trial_id"):
        from_record(record)


def test_a_field_of_a_later_release_is_refused_and_what_stands_around_an_event_is_not():
    with pytest.raises(ValueError, match=r"a 'resumed' record .* unknown field 'mood'; known: time, trial_id"):
        from_record(to_record(EVENTS[3]) | {"mood": "good"})
    assert from_record(to_record(EVENTS[3]) | {"number": 3, "token": 7, "checksum": "0"}) == EVENTS[3]


@pytest.mark.parametrize(
    ("index", "change", "message"),
    [
        (0, {"objectives": "oops"}, "objectives must be a list, got 'oops'"),
        (0, {"objectives": [{"name": "a"}]}, "objectives[0].unit is missing"),
        (0, {"overrides": [1]}, "overrides[0] must be text, got 1"),
        (0, {"time": -1.0}, "time must lie in 0..2.53402e+11, got -1.0"),
        (0, {"schema": 0}, "schema must lie in 1..1, got 0"),
        (1, {"pid": True}, "pid must be a whole number, got True"),
        (1, {"budget_trials": 2.0}, "budget_trials must be a whole number, got 2.0"),
        (2, {"candidate": {"dept": 3}}, "candidate has an unknown dimension 'dept'; did you mean 'depth'?"),
        (2, {"candidate": {"depth": 99}}, "candidate.depth must lie in 2..6, got 99"),
        (2, {"candidate": {"skip": "teleport"}}, "candidate.skip must be one of none, concatenation"),
        (2, {"candidate": {"dropout": math.nan}}, "candidate.dropout must be a finite number, got nan"),
        (2, {"trial_id": -1}, "trial_id must lie in 0.."),
        (2, {"parents": [0, -1]}, "parents[1] must lie in 0.."),
        (2, {"seed": 10**400}, "seed must be a whole number, got 1000"),
        (4, {"values": {"accuracy": math.inf}}, "values[accuracy] must be a finite number, got inf"),
        (4, {"values": {"accuracy": 1e19}}, "values[accuracy] must be a finite number, got 1e+19"),
        (5, {"objectives": {"accuracy": 10**400}}, "objectives[accuracy] must be a finite number, got 1000"),
        (5, {"costs": [["parameters", 1]]}, "costs must be an object with named values, got [['parameters', 1]]"),
        (7, {"failure": {"kind": "bad", "reason": "x"}}, "failure.kind must be one of error, nan, memory"),
        (7, {"failure": None}, "failure must be an object with named fields, got None"),
    ],
)
def test_a_field_that_cannot_be_is_refused_by_name(index, change, message):
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        from_record(json.loads(json.dumps(to_record(EVENTS[index]))) | change)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_what_an_earlier_version_wrote_is_written_again_byte_for_byte():
    lines = [
        line
        for path in sorted((Path(__file__).parents[2] / "earlier" / "study" / "journal").iterdir())
        for line in path.read_text().splitlines()
    ]
    assert len(lines) == 28
    for line in lines:
        record = json.loads(line)
        around = {name: record[name] for name in ("number", "checksum")}
        again = {"number": around["number"]} | to_record(from_record(record)) | {"checksum": around["checksum"]}
        assert json.dumps(again) == line


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_is_written_as_its_fields_stand(event):
    """Nested dataclasses field by field, a candidate as one flat object, and nothing of what there is not."""
    fields = dataclasses.asdict(event)
    for name in ("profile", "receipt", "budget_voxels", "constraints", "known", "warm", "baselines"):
        if name in fields and not fields[name]:
            del fields[name]
    if isinstance(event, Created):
        for objective in fields["objectives"]:
            del objective["ideal"]  # theirs are on a linear scale
    if isinstance(event, Started):
        fields["candidate"] = dataclasses.asdict(CANDIDATE.architecture) | dataclasses.asdict(CANDIDATE.recipe)
        del fields["candidate"]["training"]  # as in earlier versions, which had one kind
    assert json.dumps(to_record(event)) == json.dumps({"kind": event.kind} | fields)


def test_the_events_of_a_trial_add_up_to_its_record():
    trial = None
    for event in EVENTS[2:6]:
        trial = apply(trial, event)
    assert trial is not None
    assert (trial.state, trial.num_attempts, trial.parents, trial.candidate) == (State.FINISHED, 2, (1, 2), CANDIDATE)
    assert (trial.asked_at, trial.began_at, trial.ended_at, trial.seconds) == (3.0, 5.5, 6.0, 0.5)
    assert list(trial.reports.values()) == [{"accuracy": 0.1 + 0.2, "latency_ms": 1e-17}]
    assert (trial.objectives, trial.costs) == ({"accuracy": 0.5}, {"parameters": 10.0})
    assert apply(trial, EVENTS[-1]).test == {"accuracy": 0.4}


def test_a_step_that_is_repeated_replaces_what_was_reported_from_there_on():
    trial = apply(None, EVENTS[2])
    for step, value in ((1, 0.1), (2, 0.2), (3, 0.3), (2, 0.25)):
        trial = apply(trial, Reported(0.0, 0, step, {"accuracy": value}))
    assert trial.reports == {1: {"accuracy": 0.1}, 2: {"accuracy": 0.25}}


def follow(*events):
    trial = None
    for event in (Started(10.0, 0, CANDIDATE, 0, "random"), *events):
        trial = apply(trial, event)
    return trial


def ended(kind, time, seconds):
    values = {"accuracy": 0.5}
    more = {Finished: {"objectives": values, "costs": {}, "degenerate": ""}, Stopped: {}}[kind]
    return kind(time=time, trial_id=0, began_at=0.0, seconds=seconds, **more)


def test_the_time_of_all_attempts_counts():
    report = {"accuracy": 0.1}
    assert follow().total_seconds is None
    assert follow(ended(Finished, 15.0, 4.0)).total_seconds == 4.0
    # Interrupted 7 s after it was asked for, at its last report, and resumed much later.
    lost = (Reported(13.0, 0, 1, report), Reported(17.0, 0, 2, report), Resumed(1000.0, 0))
    assert follow(*lost).total_seconds == 7.0
    assert follow(*lost, Reported(1001.0, 0, 2, report)).total_seconds == 8.0
    trial = follow(*lost, Reported(1001.0, 0, 2, report), ended(Finished, 1005.0, 5.0))
    assert (trial.seconds, trial.total_seconds) == (5.0, 12.0)
    # Lost before it has reported: nothing is known of that attempt.
    assert follow(Resumed(20.0, 0), ended(Finished, 30.0, 9.0)).total_seconds == 9.0
    promoted = (Reported(13.0, 0, 1, report), ended(Stopped, 13.0, 3.0), Promoted(50.0, 0))
    assert follow(*promoted).total_seconds == 3.0
    assert follow(*promoted, ended(Finished, 60.0, 8.0)).total_seconds == 11.0


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
    finished = apply(started, event)
    assert (finished.device, finished.note) == ("a GPU", "a note")


def test_a_profile_is_kept_with_a_measurement_and_records_without_one_are_read():
    profile = RobustnessProfile({"noise": 0.1 + 0.2, "shift site": 0.5}, 0.8, 0.4, None, 12)
    finished, tested = (
        dataclasses.replace(event, profile=profile)
        for kind in (Finished, events.Tested)
        for event in EVENTS
        if isinstance(event, kind)
    )
    for event in (finished, tested):
        record = json.loads(json.dumps(to_record(event)))
        assert from_record(record) == event
        del record["profile"]
        assert from_record(record) == dataclasses.replace(event, profile=None)
    trial = apply(apply(apply(None, EVENTS[2]), finished), tested)
    assert (trial.profile, trial.test_profile) == (profile, profile)
    for wrong in (3, {"familes": {}}, {"clean": float("nan")}, {"families": {"noise": "x"}}, {"worst_of": 0.5}):
        with pytest.raises(ValueError, match=r"a 'finished' record does not hold what it should: profile[^\n]*$"):
            from_record(to_record(finished) | {"profile": wrong})


def test_half_a_character_in_a_failure_is_spelled_out_in_early_journals_too():
    record = to_record(Failed(3.0, 0, Failure(FailureKind.ERROR, "reason", "where")))
    record["failure"] |= {"reason": "no caf\udce9.png", "traceback": "in caf\udce9.py"}
    failure = from_record(record).failure
    assert (failure.reason, failure.traceback) == ("no caf\\udce9.png", "in caf\\udce9.py")


def test_a_trial_that_was_stopped_goes_on_and_keeps_its_receipt():
    receipt = Receipt(1, 2, 3, (Dominator(0, {"accuracy": 0.2}, {"accuracy": 0.1}),), 2, 4)
    trial = apply(apply(None, EVENTS[2]), Stopped(7.0, 0, 6.5, 0.25, "there", receipt))
    assert (trial.state, trial.receipt, trial.receipt.judged_by) == (State.STOPPED, receipt, ("accuracy",))
    again = apply(trial, events.Promoted(8.0, 0))
    assert (again.state, again.num_attempts, again.ended_at, again.receipt) == (State.RUNNING, 2, None, receipt)


NO_REASON = Receipt(1, 1, 2, (), 0, 0)


@pytest.mark.parametrize(
    ("later", "message"),
    [
        ([events.Promoted(8.0, 0)], "record 3 ('promoted') is not valid: trial 0 must have stopped first"),
        (
            [Stopped(7.0, 0, 6.5, 0.25), events.Spared(8.0, 0, Receipt(1, 1, 2, (), 0, 0))],
            "trial 0 has stopped already",
        ),
        ([events.Spared(8.0, 0, Receipt(1, 1, 2, (Dominator(9, {}, {}),), 1, 0))], "trial 9 was never started"),
        ([Stopped(7.0, 0, 6.5, 0.25), events.Promoted(8.0, 0), Reported(9.0, 0, 1, {"accuracy": 1.0})], "is missing"),
    ],
)
def test_receipts_and_promotions_that_cannot_be_are_refused(later, message):
    so_far = [EVENTS[0], EVENTS[1], dataclasses.replace(EVENTS[2], parents=())]
    with pytest.raises(ValueError, match=re.escape(message)):
        check_events([*so_far, *later])
