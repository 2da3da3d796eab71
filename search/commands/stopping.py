"""What signals do: before a search has started they end it at once, later in order, and at once the second time.

Imports only a few modules of Python itself, as a search loads it first.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

from paretoseg.cluster.exit_codes import ExitCode

INTERRUPTED_EARLY = "interrupted before the search started; the same command starts it"
STOPPING = "stopping: running trials go on from their last step when you resume; once more stops at once"
INTERRUPTED = "interrupted; the same command resumes"

# Ctrl-C; what a machine, a container or `kill` sends; and Slurm's warning before a job's time is over.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
_SHOW_CURSOR = b"\x1b[?25h"
_before: dict[signal.Signals, Any] = {}


class _Last:
    """What this process needs when it exits. No dataclass, as that would double this module's import time."""

    def __init__(self) -> None:
        self.resume = ""
        self.act: Callable[[], object] = str
        self.is_interrupted = False


_last = _Last()


def end_at_once() -> None:
    """From now on a signal ends the process, with a message and the exit code that asks for a restart.

    Some libraries turn a KeyboardInterrupt into an error of their own, and there is nothing to clean up yet.
    """
    _answer_with(_leave_early)


def end_in_order(resume: str, last_act: Callable[[], object] = str) -> None:
    """From now on a signal raises KeyboardInterrupt, and a second one ends the process at once.

    Args:
        resume: The command that resumes.
        last_act: Called before the process is ended at once.
    """
    _last.resume, _last.act, _last.is_interrupted = resume, last_act, False
    _answer_with(_interrupt)


def was_interrupted() -> bool:
    """True if a signal has stopped the last search in order."""
    return _last.is_interrupted


def ignore() -> None:
    """From now on signals do nothing: the work is done, and its exit code must not change."""
    _answer_with(signal.SIG_IGN)


def restore() -> None:
    """Restores the earlier signal handlers, for a program that calls a command."""
    for number, handler in _before.items():
        signal.signal(number, handler)
    _before.clear()


def _answer_with(handler: Any) -> None:
    for number in _SIGNALS:
        before = signal.signal(number, handler)
        _before.setdefault(number, before)


def leave(reason: str) -> None:
    """Ends the process at once, with the reason and the exit code that asks for a restart."""
    try:
        _last.act()
    finally:  # whatever fails there, the process ends
        # Not print: the signal may have come in the middle of one. A live table has hidden the cursor.
        error = _find_stderr()
        os.write(error, (_SHOW_CURSOR if os.isatty(error) else b"") + f"paretoseg: {reason}\n".encode())
        os._exit(ExitCode.WORK_LEFT)


def _find_stderr() -> int:
    """The descriptor of Python's stderr; number 2 may be that of the file for what Ray prints."""
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return 2


def leave_ray(loss: str) -> None:
    """Ends the process at once, as Ray is lost and cannot be shut down."""
    leave(f"Ray is lost ({loss}) and was left as it is. Work is left; resume with: {_last.resume}")


def _leave_early(number: int, frame: FrameType | None) -> None:
    leave(INTERRUPTED_EARLY)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _last.is_interrupted:
        leave(f"stopped at once. Work is left; resume with: {_last.resume}")
    _last.is_interrupted = True
    os.write(2, f"\nparetoseg: {STOPPING}\n".encode())  # at once: until workers have stopped, nothing else is said
    raise KeyboardInterrupt
