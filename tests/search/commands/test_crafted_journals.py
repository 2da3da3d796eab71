"""Every command that reads a study says in one line what is wrong with its journal, and writes nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paretoseg.search.store.candidate_table import front_to_csv
from paretoseg.search.store.folder import Folder, StorageError
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.store.tables import TrialTable
from tests.search.command_line import run
from tests.search.crafted import (
    FIRST,
    JOURNAL,
    SECOND,
    STUDY,
    copy_study,
    read_files,
    read_records,
    to_line,
    write_bytes,
    write_records,
)

pytestmark = pytest.mark.usefixtures("elsewhere")

COMMANDS = [
    ("status", STUDY),
    ("front", STUDY),
    ("front", STUDY, "--json"),
    ("front", STUDY, "--intervals"),
    ("report", STUDY, "--no-pictures"),
    ("export", STUDY, "--pick", "knee", "--format", "onnx"),
    ("rescore", STUDY, "cluster=serial"),
    ("search", "study=earlier"),
]

Records = list[dict[str, Any]]


def change(number: int, /, **fields: Any) -> Callable[[Records], Any]:
    """Gives one record other fields; None takes a field away."""

    def apply(records: Records) -> None:
        merged = records[number] | fields
        records[number] = {name: value for name, value in merged.items() if value is not None}

    return apply


def insert(number: int, /, **fields: Any) -> Callable[[Records], Any]:
    return lambda records: records.insert(number, {"time": 1795991400.0} | fields)


def drop(*numbers: int) -> Callable[[Records], Any]:
    def apply(records: Records) -> None:
        for number in sorted(numbers, reverse=True):
            del records[number]

    return apply


def nest(depth: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner


FINISHED = {
    "objectives": {"accuracy": 0.5, "robustness": 0.5}, "costs": {}, "degenerate": "", "began_at": 1.0, "seconds": 1.0,
}  # fmt: skip
OBJECTIVE = {"name": "accuracy", "unit": "Dice", "direction": "maximise", "reference": 0.0}

IMPOSSIBLE: dict[str, tuple[Callable[[Records], Any], str]] = {
    "created is missing": (drop(0), "record 0 ('opened') is not valid: the first record must create the study"),
    "created twice": (insert(1, **read_records()[0]), "record 1 ('created') is not valid: only the first record"),
    "no objectives": (change(0, objectives=[]), "record 0 ('created') is not valid: a study must have at least one"),
    "an objective twice": (change(0, objectives=[OBJECTIVE] * 2), "must have names of their own"),
    "an objective that is markup": (change(0, objectives=[OBJECTIVE | {"name": "[/b]"}]), "got '[/b]'"),
    "a cost in the place of a column": (change(0, cost_names=["trial_id"]), "have a column trial_id already"),
    "a cost in the place of a dimension": (change(0, cost_names=["depth"]), "have a column depth already"),
    "overrides without a key": (change(0, overrides=["oops"]), "overrides must read key=value, got 'oops'"),
    "started twice": (
        insert(3, **read_records()[2]),
        "record 3 ('started') is not valid: trial 1 is the next to start",
    ),
    "a trial left out": (
        drop(2, 3, 4, 5, 6),
        "record 2 ('started') is not valid: trial 0 is the next to start, got tri",
    ),
    "a parent to come": (
        change(7, parents=[1]),
        "record 7 ('started') is not valid: a parent must have started before",
    ),
    "finished before started": (
        insert(2, kind="finished", trial_id=0, **FINISHED),
        "record 2 ('finished') is not valid",
    ),
    "reported before started": (
        insert(2, kind="reported", trial_id=4, step=1, values=FINISHED["objectives"]),
        "record 2 ('reported') is not valid: trial 4 was never started",
    ),
    "resumed before started": (insert(2, kind="resumed", trial_id=0), "record 2 ('resumed') is not valid: trial 0 was"),
    "resumed after the end": (
        insert(7, kind="resumed", trial_id=0),
        "record 7 ('resumed') is not valid: trial 0 has fin",
    ),
    "reported after the end": (insert(7, **(read_records()[5] | {"step": 4})), "trial 0 has finished already"),
    "a step that goes back": (
        change(5, step=1),
        "record 5 ('reported') is not valid: step 2 of trial 0 was reported bef",
    ),
    "step 0": (
        change(3, step=0),
        "record 3 ('reported') is not valid: step 0 of trial 0 was reported before, got step 0",
    ),
    "a report without an objective": (
        change(3, values={"robustness": 0.5}),
        "record 3 ('reported') is not valid: values.accuracy is mis",
    ),
    "an end without an objective": (change(6, objectives={"accuracy": 0.5}), "objectives.robustness is missing"),
    "tested, never started": (change(22, trial_id=9), "record 22 ('tested') is not valid: trial 9 was never started"),
    "tested, not finished": (
        insert(28, kind="tested", trial_id=4, objectives=FINISHED["objectives"]),
        "record 28 ('tested') is not valid: trial 4 must have finished before it is tested",
    ),
    "tested without an objective": (
        change(22, objectives={}),
        "record 22 ('tested') is not valid: objectives.accuracy",
    ),
}

UNREADABLE: dict[str, tuple[Callable[[Records], Any], str]] = {
    "unknown kind": (change(6, kind="paused"), "record 6 cannot be read: unknown kind of record 'paused'; known: crea"),
    "no kind": (change(6, kind=None), "record 6 cannot be read: unknown kind of record None"),
    "a kind that is a list": (change(6, kind=["finished"]), "unknown kind of record ['finished']"),
    "unknown field": (change(6, mood="good"), "record 6 cannot be read: a 'finished' record does not hold what it sh"),
    "missing field": (change(6, seconds=None), "record 6 cannot be read: a 'finished' record does not hold what it"),
    "newer schema": (
        change(0, schema=2),
        "record 0 cannot be read: the journal has schema 2, this version reads up to",
    ),
    "schema in words": (change(0, schema="two"), "schema must be a whole number, got 'two'"),
    "objectives in words": (change(0, objectives="oops"), "objectives must be a list, got 'oops'"),
    "another direction": (change(0, objectives=[OBJECTIVE | {"direction": "up"}]), "must be one of maximise, minimise"),
    "negative trial": (change(2, trial_id=-1), "record 2 cannot be read: a 'started' record does not hold what it sho"),
    "negative trial ended": (change(6, trial_id=-1), "record 6 cannot be read"),
    "a trial that is true": (change(7, trial_id=True), "trial_id must be a whole number, got True"),
    "a trial in words": (change(7, trial_id="1"), "trial_id must be a whole number, got '1'"),
    "a trial beyond counting": (change(7, trial_id=10**30), "trial_id must be a whole number, got 1000"),
    "a candidate outside": (change(2, candidate={"depth": 99}), "candidate.depth must lie in 2..6, got 99"),
    "a candidate of another option": (change(2, candidate={"skip": "jump"}), "candidate.skip must be one of none"),
    "a candidate with more": (change(2, candidate={"dept": 3}), "candidate has an unknown dimension 'dept'; did you"),
    "a candidate that is none": (change(2, candidate=7), "candidate must be an object with dimensions, got 7"),
    "not a number": (change(6, objectives={"accuracy": math.nan, "robustness": 0.5}), "must be a finite number, got n"),
    "infinite": (change(3, values={"accuracy": math.inf, "robustness": 0.5}), "must be a finite number, got inf"),
    "absurd number": (change(6, costs={"parameters": 1e300}), "costs[parameters] must be a finite number, got 1e+300"),
    "absurd time": (change(6, time=1e17), "time must lie in 0..2.53402e+11, got 1e+17"),
    "a time before all": (change(6, began_at=-1.0), "began_at must lie in 0..2.53402e+11, got -1.0"),
    "a failure of no kind": (
        change(6, kind="failed", failure={"kind": "bad", "reason": ""}, **dict.fromkeys(FINISHED), device=None),
        "failure.kind must be one of error, nan, memory, timeout, lost, got 'bad'",
    ),
    "deep": (change(6, device=nest(300)), "device must be text, got [[[[[[[...]]]]]]]"),
    "long": (change(6, seconds="x" * 10_000_000), "seconds must be a finite number, got 'xxxxx"),
    "many lines": (change(6, seconds="\n" * 100), "seconds must be a finite number, got '\\n"),
}

MISNUMBERED: dict[str, tuple[Callable[[Records], Any], str]] = {
    "skips": (drop(7), "record 7 is missing (found 8)"),
    "repeats": (lambda records: records.insert(7, records[6]), "record 7 is missing (found 6)"),
    "goes back": (change(7, number=2), "record 7 is missing (found 2)"),
    "no number": (change(7, number=None), "record 7 is missing (found None)"),
    "a number that is true": (change(1, number=True), "record 1 is missing (found True)"),
    "a number in words": (change(7, number="7"), "record 7 is missing (found '7')"),
    "a number beyond counting": (change(7, number=10**4000), "record 7 is missing (found 1000"),
    "a fraction": (change(7, number=7.0), "record 7 is missing (found 7.0)"),
}


def lines() -> list[bytes]:
    return [to_line(record) for record in read_records()]


def put(index: int, line: bytes) -> bytes:
    return b"".join([*lines()[:index], line, *lines()[index + 1 :]])


DAMAGED: dict[str, tuple[Callable[[], bytes], str]] = {
    "cut in the middle": (lambda: put(4, lines()[4][:-20] + b"\n"), "line 5: record 4 is damaged"),
    "cut in the middle, newline too": (lambda: put(4, lines()[4][:-20]), "line 5: record 4 is damaged"),
    "wrong checksum": (lambda: put(4, lines()[4].replace(b'"step": 2', b'"step": 3')), "line 5: record 4 is damaged"),
    "no checksum": (lambda: put(4, json.dumps(read_records()[4]).encode() + b"\n"), "line 5: record 4 is damaged"),
    "an empty line": (lambda: put(0, b"\n"), "line 1: record 0 is damaged"),
    "not UTF-8": (lambda: put(4, lines()[4].replace(b"reported", b"\xff\xfe\x80rted")), "line 5: record 4 is damaged"),
    "another encoding": (lambda: put(4, lines()[4].decode().encode("utf-16")), "line 5: record 4 is damaged"),
    "nested beyond reading": (lambda: put(4, b"[" * 200_000 + b"\n"), "line 5: record 4 is damaged"),
    "objects beyond reading": (lambda: put(4, b'{"a":' * 100_000 + b"\n"), "line 5: record 4 is damaged"),
    "a long line": (lambda: put(4, b"x" * 10_000_000 + b"\n"), "line 5: record 4 is damaged"),
    "a number beyond reading": (lambda: put(4, b'{"number": ' + b"9" * 5000 + b"}\n"), "line 5: record 4 is damaged"),
    "a list": (lambda: put(4, b"[1, 2]\n"), "line 5: record 4 is damaged"),
    "rubbish": (lambda: bytes(range(256)) * 64 + b"\n" + lines()[0], "line 1: record 0 is damaged"),
    "zeros": (lambda: put(4, b"\x00" * 4096 + b"\n"), "line 5: record 4 is damaged"),
}

CASES = [
    pytest.param(table, name, id=name) for table in (IMPOSSIBLE, UNREADABLE, MISNUMBERED, DAMAGED) for name in table
]


def check_refused(expected: str, capsys: pytest.CaptureFixture[str], code: int = 2) -> None:
    """Every command ends with the code and one line that holds what is expected and a way out; no file changes."""
    before = read_files()
    for command in COMMANDS:
        assert run(*command) == code, command
        streams = capsys.readouterr()
        assert streams.out == "", command
        [line] = streams.err.splitlines()
        assert line.startswith("paretoseg: "), command
        assert expected in line, command
        assert "restore the journal from a backup or start a study under another name" in line or code == 74, command
        assert len(line) < 600, command
    assert read_files() == before


@pytest.mark.parametrize(("table", "name"), CASES)
def test_a_journal_that_cannot_be_is_refused_in_one_line(
    table: dict[str, Any], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_study()
    craft, expected = table[name]
    if table is DAMAGED:
        write_bytes(craft())
    else:
        records = read_records()
        craft(records)
        write_records(records, is_numbered=table is not MISNUMBERED)
    check_refused(expected, capsys)


@pytest.mark.parametrize("content", [b"", b'{"number": 0'], ids=["empty", "torn at once"])
def test_a_journal_that_lost_its_first_record_is_no_reason_to_begin_again(
    content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_study()
    write_bytes(content)
    check_refused("has lost record 0 and all later ones: it is empty, but cases of the study exists", capsys)


def test_an_empty_first_segment_before_others_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    copy_study()
    (JOURNAL / FIRST).write_bytes(b"")
    check_refused("record 0 is missing (found 25)", capsys)


def test_a_folder_in_the_place_of_a_segment_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    copy_study()
    (JOURNAL / SECOND).unlink()
    (JOURNAL / SECOND).mkdir()
    check_refused(f"{SECOND} must be a file of records, but is a folder", capsys)


def test_a_segment_that_cannot_be_read_is_a_matter_of_the_storage(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Folder.read

    def refuse(self: Folder, name: str) -> bytes:
        if name == FIRST:
            raise StorageError("cannot use 00000000.jsonl: Permission denied; fix the storage")
        return read(self, name)

    monkeypatch.setattr(Folder, "read", refuse)
    copy_study()
    check_refused("Permission denied", capsys, code=74)


def test_a_candidate_outside_of_the_study_s_own_space_is_refused_by_a_resume(
    capsys: pytest.CaptureFixture[str],
) -> None:
    copy_study()
    records = read_records()
    records[7]["candidate"]["depth"] = 5
    write_records(records)
    before = read_files()
    assert run("search", "study=earlier") == 2
    assert "record 7 ('started') is of trial 1, whose dimension 'depth' must lie in 2..2, got 5" in (
        capsys.readouterr().err
    )
    assert read_files() == before


def test_other_objectives_than_those_of_the_config_are_refused_by_a_resume(capsys: pytest.CaptureFixture[str]) -> None:
    copy_study()
    records = read_records()
    records[0]["objectives"] = records[0]["objectives"][:1]
    write_records(records)
    before = read_files()
    assert run("search", "study=earlier") == 2
    assert "record 0 ('created') names the objectives accuracy, but" in capsys.readouterr().err
    assert read_files() == before


def test_an_end_that_an_early_journal_tells_twice_counts_once(capsys: pytest.CaptureFixture[str]) -> None:
    copy_study()
    assert run("front", STUDY, "--json") == 0
    before = capsys.readouterr().out
    records = read_records()
    records.insert(7, records[6] | {"objectives": {"accuracy": 1.0, "robustness": 1.0}})
    write_records(records)
    assert run("front", STUDY, "--json") == 0
    assert capsys.readouterr().out == before


def test_a_resumed_trial_may_report_its_first_steps_again() -> None:
    copy_study()
    records = read_records()
    records.insert(5, {"kind": "resumed", "time": records[4]["time"], "trial_id": 0})
    records[6]["step"] = 1
    write_records(records)
    assert run("front", STUDY) == 0


TORN = "the last record of 00000000.jsonl was torn and left out"


@pytest.mark.parametrize(
    "tail", [b"", b'{"number": 28, "kind": "resu', b"\xff\xfe\x00", b"x" * 100_000, b'{"number": 28}\n', b"[1]\n"]
)
def test_a_torn_tail_is_left_out_with_a_note(tail: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    copy_study()
    write_bytes(b"".join(lines())[: None if tail else -1] + tail)
    before = read_files()
    assert run("status", STUDY) == 0
    assert f"note    {TORN}" in capsys.readouterr().out
    assert run("front", STUDY) == 0
    assert capsys.readouterr().out.endswith(f"Note: {TORN}.\n")
    assert run("front", STUDY, "--json") == 0
    streams = capsys.readouterr()
    assert len(json.loads(streams.out)) == 3
    assert streams.err == f"Note: {TORN}.\n"
    assert read_files() == before


def test_a_report_mentions_a_torn_tail(capsys: pytest.CaptureFixture[str]) -> None:
    copy_study()
    write_bytes(b"".join(lines()) + b"{")
    assert run("report", STUDY, "--no-pictures") == 0
    assert f"Note: {TORN}" in capsys.readouterr().out


def test_a_whole_journal_is_not_called_torn(capsys: pytest.CaptureFixture[str]) -> None:
    copy_study()
    assert run("front", STUDY) == 0
    assert "torn" not in capsys.readouterr().out


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """The journal with some bytes flipped, taken out or put in."""
    content = bytearray(b"".join(lines()))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content) - 1))
        match draw(st.sampled_from(["flip", "delete", "insert"])):
            case "flip":
                content[place] ^= 1 << draw(st.integers(0, 7))
            case "delete":
                del content[place : place + draw(st.integers(1, 400))]
            case "insert":
                content[place:place] = draw(st.binary(max_size=20))
    return bytes(content)


@given(spoiled())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_spoiled_byte_of_a_journal_gives_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("spoiled"))
        write_bytes(content)
        for command in COMMANDS[:3]:
            assert run(*command) in (0, 2)


def paths(node: object, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of everything in a record."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place] * bool(place) + [found for key, value in items for found in paths(value, (*place, key))]


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from([2**63, 1e308, 1e18, -1e18, 2**62]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)


@st.composite
def crafted(draw: st.DrawFn) -> Records:
    """The records with one value somewhere replaced; the checksum is right again."""
    records: Records = json.loads(json.dumps(read_records()))
    record = draw(st.sampled_from(records))
    *place, last = draw(st.sampled_from(paths(record)))
    node: Any = record
    for key in place:
        node = node[key]
    node[last] = draw(anything)
    return records


@given(crafted())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=120)
def test_no_value_in_a_whole_record_gives_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, records: Records
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("crafted"))
        write_records(records, is_numbered=False)
        for command in COMMANDS[:3]:
            assert run(*command) in (0, 2)
        assert run("report", STUDY, "--no-pictures") in (0, 2)
        if run("status", STUDY) == 0:  # then a resume writes the tables
            record = StudyFolder(str(STUDY)).read_record()
            assert TrialTable().to_parquet(record)
            assert front_to_csv(record)
