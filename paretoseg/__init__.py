"""Finds segmentation networks that are accurate and stay reliable when the images change.

`open_study`, `compose`, `run_search` and `rehearse` are the Python interface, and `docs/python.md` promises how it
changes. Its names are loaded when they are first used, so that `import paretoseg` and the command line stay quick.

`paretoseg.spaces`, `.trainables`, `.cluster` and `.search` are the folders of these names beside this one. They are our
own code, and may change at any time. Start with `search/study/study.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paretoseg.search.api.public import (
        Config,
        Prediction,
        Rehearsal,
        SearchError,
        StorageError,
        StudyView,
        compose,
        open_study,
        rehearse,
        run_search,
    )

__all__ = [
    "Config",
    "Prediction",
    "Rehearsal",
    "SearchError",
    "StorageError",
    "StudyView",
    "compose",
    "open_study",
    "rehearse",
    "run_search",
]

if not TYPE_CHECKING:  # a type checker would take every name to be there

    def __getattr__(name: str) -> object:
        """Loads a public name when it is first used."""
        if name not in __all__:
            raise AttributeError(f"module 'paretoseg' has no attribute {name!r}")
        from paretoseg.search.api import public

        globals().update({known: getattr(public, known) for known in __all__})
        return globals()[name]


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
