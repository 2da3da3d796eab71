"""Leaves a Ray that is lost: Ray Tune would wait for ever for one whose head or node died.

Two threads watch. The first asks Ray how it is, and may wait in vain. The second counts its own
looks, and not seconds, so that a process that was stopped for a while does not take Ray for silent.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from types import FrameType

LOOK_SECONDS = 1.0
SILENT_LOOKS = 30
"""After how many looks without an answer Ray counts as lost."""

INTERRUPTED_LOOKS = 10
"""How many looks the main thread may take to leave a lost Ray; inside some calls of Ray it never does."""

LEAVING_LOOKS = 20
"""How many looks Ray may take to stop."""

_ASK_SECONDS = 2.0
_SIGNAL = signal.SIGUSR2


class RayLostError(Exception):
    """The Ray that a search runs on can no longer be used."""


class Verdict(Enum):
    """The result of a look."""

    WELL = "well"
    LOST = "lost"
    STUCK = "stuck"


@dataclass
class LossDetector:
    """Decides from Ray's answers and from looks whether Ray is lost; uses no clock."""

    loss: str = ""
    """Why Ray is lost, or ''."""

    _num_silent: int = 0
    _num_left: int | None = None
    """How many looks the main thread has left to leave Ray; None while it need not."""

    def answer(self, loss: str) -> None:
        """Records an answer of Ray: why it cannot be used, or ''."""
        self._num_silent = 0
        self.loss = self.loss or loss

    def leave(self) -> None:
        """Records that the main thread stops Ray."""
        self._num_left = LEAVING_LOOKS

    def look(self) -> Verdict:
        """Call it every second: LOST once, when the main thread must leave Ray; STUCK if it does not."""
        if self._num_left is not None:
            self._num_left -= 1
            return Verdict.STUCK if self._num_left < 0 else Verdict.WELL
        self._num_silent += 1
        if self._num_silent > SILENT_LOOKS:
            self.loss = self.loss or f"it has not answered for {SILENT_LOOKS * LOOK_SECONDS:g} s"
        if not self.loss:
            return Verdict.WELL
        self._num_left = INTERRUPTED_LOOKS
        return Verdict.LOST


@dataclass
class Watchdog:
    """Interrupts the main thread when Ray is lost, and ends the process if that does not help.

    Args:
        leave: Ends the process at once, with a reason for the user.
    """

    leave: Callable[[str], None]
    _detector: LossDetector = field(default_factory=LossDetector)
    _is_over: threading.Event = field(default_factory=threading.Event)
    _is_leaving: threading.Event = field(default_factory=threading.Event)

    def watch(self, make_probe: Callable[[], Callable[[], str]]) -> None:
        """Watches Ray from now on; a loss becomes a KeyboardInterrupt in the main thread."""
        threading.Thread(target=self._look, name="watch Ray", daemon=True).start()
        self._asker = threading.Thread(target=self._ask, args=(make_probe,), name="ask Ray", daemon=True)
        self._asker.start()

    @property
    def loss(self) -> str:
        """Why Ray is lost, or ''."""
        return self._detector.loss

    def expect_shutdown(self) -> None:
        """Call it before Ray is stopped: a loss no longer matters then, but stopping must not take for ever."""
        self._is_leaving.set()
        self._detector.leave()
        self._asker.join(LOOK_SECONDS)  # no question reaches Ray while it stops, unless one still waits for an answer

    def close(self) -> None:
        """Ends the watch."""
        self._is_over.set()

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """The handler of the signal that `watch` sends to the main thread."""
        if not self._is_leaving.is_set():
            raise KeyboardInterrupt

    def _ask(self, make_probe: Callable[[], Callable[[], str]]) -> None:
        probe = make_probe()
        while not self._is_leaving.wait(_ASK_SECONDS):
            self._detector.answer(probe())

    def _look(self) -> None:
        while not self._is_over.wait(LOOK_SECONDS):
            match self._detector.look():
                case Verdict.LOST:
                    # Only a signal reaches a main thread that waits inside Ray.
                    main_thread = threading.main_thread().ident
                    assert main_thread is not None
                    signal.pthread_kill(main_thread, _SIGNAL)
                case Verdict.STUCK:
                    self.leave(self._detector.loss or "it could not be stopped")


@contextmanager
def guard(leave: Callable[[str], None]) -> Iterator[Watchdog]:
    """A watchdog for the duration of the block, which must be in the main thread."""
    watchdog = Watchdog(leave)
    before = signal.signal(_SIGNAL, watchdog.interrupt)
    try:
        yield watchdog
    finally:
        watchdog.close()
        signal.signal(_SIGNAL, before)
