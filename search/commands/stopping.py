"""What Ctrl-C and SIGUSR1 do to a search: end it at once while nothing is begun, and in order from then on."""

from __future__ import annotations

import os
import signal
from types import FrameType

from paretoseg.cluster.exit_codes import ExitCode

INTERRUPTED_EARLY = "interrupted before the search began; the same command begins it"

# Slurm announces the end of a job's time with SIGUSR1: it stops a search as Ctrl-C does, however early it comes.
_SIGNALS = (signal.SIGINT, signal.SIGUSR1)


def end_at_once() -> None:
    """From now on a signal ends the process, with a sentence and the exit code that asks for another start.

    A KeyboardInterrupt would come out of some libraries as an error of their own; nothing is there yet to clean up.
    """
    for number in _SIGNALS:
        signal.signal(number, _leave)


def end_in_order() -> None:
    """From now on a signal raises KeyboardInterrupt, if it ended the process until now."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _leave:
            signal.signal(number, signal.default_int_handler)


def _leave(number: int, frame: FrameType | None) -> None:
    # Not print: the signal may have come in the middle of one.
    os.write(2, f"paretoseg: {INTERRUPTED_EARLY}\n".encode())
    os._exit(ExitCode.WORK_LEFT)
