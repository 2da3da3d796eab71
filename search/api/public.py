"""The public names; `docs/python.md` promises how they change. `paretoseg/__init__.py` loads them at first use."""

from __future__ import annotations

from paretoseg.search.api.prediction import Prediction
from paretoseg.search.api.rehearsing import Rehearsal, rehearse
from paretoseg.search.api.searching import Config, SearchError, compose, run_search
from paretoseg.search.api.study_view import StudyView, open_study
from paretoseg.search.store.folder import StorageError

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
