"""The meaning of exit codes: one table for the search, its jobs and the commands that follow them."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended; codes 64 to 78 are as in sysexits.h, 130 is as in a shell."""

    DONE = 0
    BUG = 1
    REFUSED = 2
    GAVE_UP = 3
    STORAGE = 74
    WORK_LEFT = 75
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.BUG: "a bug in paretoseg, whose traceback is shown; or a check of doctor or export that failed",
    ExitCode.REFUSED: "a mistake in the command, the config or the data; nothing was started",
    ExitCode.GAVE_UP: "too many trials failed in a row, or none finished; the last error is shown",
    ExitCode.STORAGE: "the study's storage failed, as on a full disk; resumable",
    ExitCode.WORK_LEFT: "stopped with work left (Ctrl-C, SIGTERM, SIGUSR1, Ray lost, locked); the same command resumes",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C) in any command but search, calibrate, transfer, predict; no trace left",
}
"""The meaning of each code, for users."""


def list_exit_codes() -> str:
    """The table as the lines of a help text, one per code."""
    return "".join(f"  {code.value:<3} {meaning}\n" for code, meaning in MEANINGS.items())
