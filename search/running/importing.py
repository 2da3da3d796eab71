"""Importing large libraries: without the garbage collector, which only walks over what stays, and ahead of need."""

from __future__ import annotations

import gc
import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def importing() -> Iterator[None]:
    """For the time of large imports: no garbage is collected, and what they leave is never looked at again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def import_ahead(module: str) -> threading.Thread:
    """Imports a module in a thread, while the caller waits for other processes.

    Whoever needs the module imports it as ever: Python lets that import wait for this one, and if this one failed, it
    says why.

    Returns:
        The thread, which has begun.
    """

    def work() -> None:
        with suppress(ImportError), importing():
            importlib.import_module(module)

    thread = threading.Thread(target=work, name=f"import {module}")
    thread.start()
    return thread
