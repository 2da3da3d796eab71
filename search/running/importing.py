"""Imports large libraries faster: without the garbage collector, or ahead of need in a thread."""

from __future__ import annotations

import gc
import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def importing() -> Iterator[None]:
    """For large imports: turns garbage collection off, and excludes the imported objects from later collections."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def import_ahead(module: str) -> threading.Thread:
    """Imports a module in a thread, while the caller waits for other processes.

    Any code that needs the module imports it as usual: Python makes that import wait for this one. If this one failed,
    that import fails again and shows the error.

    Returns:
        The thread, which is running.
    """

    def work() -> None:
        with suppress(ImportError), importing():
            importlib.import_module(module)

    thread = threading.Thread(target=work, name=f"import {module}")
    thread.start()
    return thread
