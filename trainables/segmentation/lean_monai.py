"""Importing MONAI without the libraries that only its other parts need, so that a worker is ready earlier.

MONAI imports every library that any of its modules can make use of, and goes without those that are not there: a module
that wants one then says so when it is used. No trial uses these modules, and without them the import takes less than
half of its time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

SPARED = ("matplotlib", "pandas", "scipy.signal", "scipy.stats", "skimage", "sklearn")
"""For plots, tables of cases, simulated ultrasound, embeddings and small objects in masks."""


def import_monai() -> None:
    """Imports MONAI as if `SPARED` were not installed; to whom imports them later, they are.

    For processes that do nothing but trials: MONAI's modules keep going without them as long as the process lives.
    """
    with _hide(SPARED):
        import monai  # noqa: F401  (late: importing this module costs nothing)


@contextmanager
def _hide(names: Sequence[str]) -> Iterator[None]:
    """For the while, importing these modules fails as if they were missing; those that are loaded stay as they are."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None stands for a missing module
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
