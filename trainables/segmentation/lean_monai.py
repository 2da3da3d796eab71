"""Imports MONAI without libraries that trials do not need, so that a worker starts faster.

MONAI imports every optional library that any of its modules uses, and works without those that are not installed;
modules that need one then raise an error when used. No trial uses these modules, and without the libraries the import
takes less than half the time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

SPARED = ("matplotlib", "pandas", "scipy.signal", "scipy.stats", "skimage", "sklearn")
"""Libraries for plots, tables of cases, simulated ultrasound, embeddings and small objects in masks."""


def import_monai() -> None:
    """Imports MONAI as if `SPARED` were not installed; later imports of them work.

    Call it only in processes that run trials and nothing else: MONAI does not use these libraries there any more.
    """
    with _hide(SPARED):
        import monai  # noqa: F401  (late, so that importing this module is cheap)


@contextmanager
def _hide(names: Sequence[str]) -> Iterator[None]:
    """In the block, importing these modules fails as if they were not installed; loaded modules are unchanged."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None stands for a missing module
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
