"""The command `paretoseg confirm`: more seeds, and the test cases, for candidates that may be on the front."""

from __future__ import annotations

import os
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

from rich.console import Console

from paretoseg.search.certainty.confirming import LEAST_SEEDS
from paretoseg.search.commands.search import search
from paretoseg.search.config.overrides import quote
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.confirmation import MAX_SEEDS, Confirmation
from paretoseg.search.study.record import StudyRecord

_USUAL = Confirmation()


def confirm(
    location: str, seeds: int | None, candidates: int | None, overrides: Sequence[str], console: Console
) -> int:
    """Confirms the front of a study as it stands; returns the exit code of a search.

    The search itself does not go on, even if its budget is not spent.

    Args:
        location: Folder or URI of the study.
        seeds: Of every candidate; None for those of the study, or 3 if it has one.
        candidates: How many are confirmed at most; None for those of the study.
        overrides: Keys that may change when a study is resumed, such as its cluster.
        console: Where progress and the answer are shown.

    Raises:
        ValueError: for a mistake of the user's, before anything is written.
        LockedError: if another process is working on the study.
        StorageError: if the study's folder cannot be written.
    """
    if seeds is not None and not LEAST_SEEDS <= seeds <= MAX_SEEDS:
        raise ValueError(f"--seeds must lie in {LEAST_SEEDS}..{MAX_SEEDS}: fewer say nothing; got {seeds}")
    record = StudyFolder(location).read_record()
    if not record.front.results:
        raise ValueError("no candidate is on the front yet, so there is nothing to confirm; resume the search first")
    words = [*name_study(location), *overrides]
    words += [f"confirm.seeds={seeds or _find_seeds(record)}", f"budget.trials={record.num_searched}"]
    words += [f"confirm.candidates={candidates}"] if candidates is not None else []
    return search(words, console)


def _find_seeds(record: StudyRecord) -> int:
    """The seeds that candidates of the study have at most, at least as many as are usual."""
    return max([_USUAL.seeds, *(len(record.seeds_of(result.candidate)) for result in record.front.results)])


def name_study(location: str) -> list[str]:
    """The overrides that name a study by its folder or URI."""
    storage, name = _split(location)
    return [f"study={name}", *([f"storage={quote(storage)}"] if storage != "studies" else [])]


def _split(location: str) -> tuple[str, str]:
    """The storage and the name of a study."""
    if "://" not in location:
        return os.path.split(os.path.normpath(location))
    parts = urlsplit(location)
    above, _, name = parts.path.rstrip("/").rpartition("/")
    return urlunsplit(parts._replace(path=above)), name
