"""Every kind of bad input answers in one line with a way out and exit code 2, before anything is written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from paretoseg.search.store import reachable
from tests.search.command_line import TOY, run

pytestmark = pytest.mark.usefixtures("elsewhere")

NEW = [word.replace("mine", "a") for word in TOY[:-1]]
DEAD_S3 = "s3://KEY:SECRET@bucket/x?endpoint_override=127.0.0.1%3A9&scheme=http&region=us-east-1"
WHOLE_NUMBER = "write it in digits, or leave it out for its default"

BAD = {
    "unknown command": (["serach", "study=a"], "unknown command 'serach'; did you mean 'search'? known: search, "),
    "words": (["budget.trials=many"], f"budget.trials must be a whole number, got 'many'; {WHOLE_NUMBER}"),
    "null": (["budget.max_failures=null"], "budget.max_failures must have a value, got null; leave it out"),
    "huge": (["budget.trials=1e20"], f"budget.trials must be a whole number, got '1e+20'; {WHOLE_NUMBER}"),
    "no number": (["budget.hours=soon"], "budget.hours must be a number, got 'soon'; leave it out"),
    "no truth": (["cluster=kubernetes", "cluster.wait=perhaps"], "cluster.wait must be true or false, got 'perhaps'"),
    "reversed": (["space.depth=[4,2]"], "dimension 'depth' needs its lower end first, as [2,4], got [4,2]"),
    "a file as storage": (["storage=/etc/passwd"], "storage must be a folder, but '/etc/passwd' is none; name"),
    "no place": (["storage=/proc/x"], "storage '/proc/x' cannot be written ("),
    "unknown scheme": (["storage=foo://bar"], "use a path, or a URI with s3://, gs://, "),
    "unknown scheme of a study": (["status", "foo://bar/a"], "use a path, or a URI with s3://, gs://, "),
    "a dead S3": ([f"storage={DEAD_S3}"], "has not answered for 0.2 s; check its address, its keys and the network"),
    "a study on a dead S3": (["front", DEAD_S3], "has not answered for 0.2 s; check its address, its keys and"),
    "a path as name": (["study=${oc.env:HOME}"], "where studies lie is storage=<path>"),
}
"""Words and a part of the message; overrides alone are those of a new search."""


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_in_one_line_with_a_way_out(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words, expected = BAD[name]
    words = [*NEW, *words] if "=" in words[0] else words
    monkeypatch.setattr(reachable, "ANSWER_SECONDS", 0.2)
    try:
        code = run(*words)
    except SystemExit as leaving:
        code = leaving.code
    streams = capsys.readouterr()
    assert (code, streams.out) == (2, "")
    assert streams.err.startswith("paretoseg: ")
    assert streams.err.count("\n") == 1
    assert expected in streams.err
    assert "SECRET" not in streams.err
    assert list(Path.cwd().iterdir()) == []


def test_a_study_with_damage_or_other_settings_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TOY[:-1], "budget.trials=2") == 0
    shutil.copytree("studies", "copy")
    shutil.copytree("studies", "tail")
    journal = Path("studies/mine/journal/00000000.jsonl")
    content = journal.read_bytes()
    capsys.readouterr()
    for damaged, words in (
        (b"", "it is empty, but cases of the study exists; restore the journal"),
        (content[: content.index(b'"started"') + 1], "its end is lost: it has 0 trials, but trials.parquet has 2"),
        (b"{}\n" + content, "record 0 is damaged; restore the journal"),
    ):  # fmt: skip
        journal.write_bytes(damaged)
        for command in (["status", "studies/mine"], ["front", "studies/mine"], ["search", "study=mine"]):
            assert run(*command) == 2
            streams = capsys.readouterr()
            assert streams.err.count("\n") == 1
            assert words in streams.err
    assert run("search", "study=mine", "storage=copy", "space.depth=3") == 2
    expected = (
        "was started without space.depth and cannot be resumed with space.depth=3; leave it out to resume, or start"
    )
    assert expected in capsys.readouterr().err


def test_a_journal_that_only_lacks_its_last_record_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TOY[:-1], "budget.trials=2") == 0
    journal = Path("studies/mine/journal/00000000.jsonl")
    journal.write_bytes(journal.read_bytes()[:-9])
    assert run("status", "studies/mine") == 0
    assert "was torn and left out" in capsys.readouterr().out
