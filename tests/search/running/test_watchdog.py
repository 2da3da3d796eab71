"""When Ray counts as lost; without Ray."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import pytest

from paretoseg.search.running import watchdog
from paretoseg.search.running.start_errors import StartErrors
from paretoseg.search.running.watchdog import (
    INTERRUPTED_LOOKS,
    LEAVING_LOOKS,
    SILENT_LOOKS,
    LossDetector,
    RayLostError,
    Verdict,
    guard,
)


def look(detector: LossDetector, times: int) -> set[Verdict]:
    return {detector.look() for _ in range(times)}


def test_a_ray_that_answers_is_well_for_ever() -> None:
    detector = LossDetector()
    for _ in range(100):
        detector.answer("")
        assert look(detector, SILENT_LOOKS) == {Verdict.WELL}


def test_a_ray_that_names_its_loss_is_lost_at_the_next_look() -> None:
    detector = LossDetector()
    detector.answer("its process raylet died")
    assert detector.look() is Verdict.LOST
    assert detector.loss == "its process raylet died"


def test_a_ray_that_is_silent_for_long_is_lost() -> None:
    detector = LossDetector()
    assert look(detector, SILENT_LOOKS) == {Verdict.WELL}
    assert detector.look() is Verdict.LOST
    assert detector.loss == "it has not answered for 30 s"


def test_a_main_thread_that_does_not_go_is_stuck() -> None:
    detector = LossDetector()
    detector.answer("its process raylet died")
    assert detector.look() is Verdict.LOST
    assert look(detector, INTERRUPTED_LOOKS) == {Verdict.WELL}
    assert detector.look() is Verdict.STUCK


def test_a_main_thread_that_goes_has_time_to_take_ray_down() -> None:
    detector = LossDetector()
    detector.answer("its process raylet died")
    look(detector, 1 + INTERRUPTED_LOOKS)
    detector.leave()
    assert look(detector, LEAVING_LOOKS) == {Verdict.WELL}
    assert detector.look() is Verdict.STUCK


def test_a_loss_while_ray_is_taken_down_interrupts_nothing() -> None:
    detector = LossDetector()
    detector.leave()
    detector.answer("its process raylet died")
    assert look(detector, LEAVING_LOOKS) == {Verdict.WELL}


def test_the_longest_way_out_of_a_lost_ray_takes_less_than_a_minute() -> None:
    assert (SILENT_LOOKS + INTERRUPTED_LOOKS) * watchdog.LOOK_SECONDS < 60


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(watchdog, "_ASK_SECONDS", 0.01)


def refuse(reason: str) -> None:
    raise AssertionError(reason)


@pytest.mark.usefixtures("quick")
def test_a_loss_interrupts_a_main_thread_that_waits() -> None:
    with guard(refuse) as found:
        found.watch(lambda: lambda: "its process raylet died")
        with pytest.raises(KeyboardInterrupt):
            threading.Event().wait(60)
        found.expect_shutdown()
    assert found.loss == "its process raylet died"


@pytest.mark.usefixtures("quick")
def test_a_main_thread_that_gets_no_signal_is_ended_from_outside() -> None:
    ended = threading.Event()
    reasons: list[str] = []

    def end(reason: str) -> None:
        reasons.append(reason)
        ended.set()

    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    try:
        with guard(end) as found:
            found.watch(lambda: lambda: "its process gcs_server died")
            assert ended.wait(60)
            found.expect_shutdown()
            signal.sigtimedwait({signal.SIGUSR2}, 60)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    assert reasons[0] == "its process gcs_server died"


@pytest.mark.usefixtures("quick")
def test_a_ray_that_never_answers_is_left() -> None:
    never = threading.Event()

    def wait_in_vain() -> Callable[[], str]:
        never.wait()
        return lambda: ""

    with guard(refuse) as found:
        found.watch(wait_in_vain)
        with pytest.raises(KeyboardInterrupt):
            threading.Event().wait(60)
        never.set()
        found.expect_shutdown()
    assert "has not answered" in found.loss


def test_a_ray_that_does_not_start_is_lost_and_other_errors_pass() -> None:
    message = "The current node timed out during startup. This could happen because some of the raylet failed"
    start = "it did not start: The current node timed out during startup; the machine"
    with pytest.raises(RayLostError, match=start), StartErrors():
        raise Exception(message)
    with pytest.raises(ValueError, match="cluster"), StartErrors():
        raise ValueError("cluster")
