"""Waits for the lock of a study: that of a killed attempt may be held for a while by nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console

from paretoseg.search.store.folder import Folder
from paretoseg.search.store.lock import LockedError, hold_lock

_POLL_SECONDS = 2.0


class StillLockedError(Exception):
    """The lock was waited for and is still held; the same command may be tried again later."""


@contextmanager
def hold_in_turn(
    folder: Folder,
    patience_s: float,
    console: Console,
    *,
    now: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
    hold: Callable[[Folder], object] = hold_lock,
) -> Iterator[None]:
    """Holds the lock of a folder, and waits for it if another process holds it.

    Args:
        folder: What to lock.
        patience_s: How long to wait, in seconds; 0 for not at all.
        console: Where to say what is waited for.
        now: A clock, in seconds.
        pause: Waits for a number of seconds.
        hold: Takes the lock, as a context manager.

    Raises:
        LockedError: if it is held and `patience_s` is 0.
        StillLockedError: if it is held for all of that time; the message names the process.
        StorageError: if the folder cannot be written.
    """
    with ExitStack() as stack:
        deadline = now() + patience_s
        is_first = True
        while True:
            try:
                stack.enter_context(hold(folder))  # type: ignore[arg-type]
                break
            except LockedError as error:
                if not patience_s:
                    raise
                reason = str(error).rsplit("; ", 1)[0]  # the ways out are for a user who is there
                if now() >= deadline:
                    raise StillLockedError(f"{reason}, also after {patience_s:g} s (cluster.lock_wait_s)") from None
                if is_first:
                    console.print(f"Waiting up to {patience_s:g} s: {reason}", markup=False, soft_wrap=True)
                is_first = False
                pause(_POLL_SECONDS)
        yield
