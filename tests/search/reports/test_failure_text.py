"""What is said of trials that failed."""

from __future__ import annotations

import sysconfig
import traceback

import pytest

from paretoseg.search.reports.failure_text import describe_failures, find_place
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Failed, Started
from paretoseg.search.trials.trial import Failure, FailureKind
from paretoseg.spaces.search_space import Candidate
from tests.builders import created

STDLIB = sysconfig.get_path("stdlib")
STACK = f"""Traceback (most recent call last):
  File "/home/me/paretoseg/search/running/worker.py", line 130, in _try
    return self._do()
           ^^^^^^^^^^
  File "/home/me/mine/network.py", line 12, in forward
    return self.layer(x)
  File "/venv/lib/python3.11/site-packages/torch/nn/modules/module.py", line 1511, in _wrapped_call_impl
    return self._call_impl(*args, **kwargs)
  File "{STDLIB}/contextlib.py", line 81, in inner
    return func(*args, **kwds)
RuntimeError: shapes do not fit
"""


def record_of(*reasons: str) -> StudyRecord:
    events = [created()]
    for number, reason in enumerate(reasons):
        events.append(Started(float(number), number, Candidate(), 0, "random"))
        events.append(Failed(float(number), number, Failure(FailureKind.ERROR, reason, STACK)))
    return StudyRecord(events)


def test_the_place_is_the_last_frame_that_belongs_to_no_library() -> None:
    found = find_place(Failure(FailureKind.ERROR, "RuntimeError: shapes do not fit", STACK))
    assert found == ["at /home/me/mine/network.py:12 in forward", "return self.layer(x)"]


def test_the_place_is_found_in_an_installed_package_and_in_a_real_traceback() -> None:
    installed = STACK.replace("/home/me/mine/", "/venv/lib/python3.11/site-packages/paretoseg/trainables/")
    assert "paretoseg/trainables/network.py:12" in find_place(Failure(FailureKind.ERROR, "", installed))[0]
    try:
        sysconfig.get_path("nowhere")
    except KeyError:
        assert f"at {__file__}:" in find_place(Failure(FailureKind.ERROR, "", traceback.format_exc()))[0]


@pytest.mark.parametrize("text", ["", "killed", 'File "x'])
def test_without_a_traceback_there_is_no_place(text: str) -> None:
    assert find_place(Failure(FailureKind.LOST, "died", text)) == []


def test_equal_errors_are_one_and_different_ones_are_counted() -> None:
    lines = describe_failures(record_of("a", "b", "a", "c", "d", "e"))
    heads = [line for line in lines if not line.startswith("    ")]
    assert heads == ["  trial 5: error: e", "  trial 4: error: d", "  trial 3: error: c", "  and 2 other errors"]
    assert describe_failures(record_of("a", "b", "a"))[0] == "  2 trials, the last of them 2: error: a"
    assert describe_failures(record_of()) == []
