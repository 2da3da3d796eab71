"""Composes and runs a search with the words of the command line."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paretoseg.cluster.exit_codes import MEANINGS, ExitCode
from paretoseg.search.api.consoles import make_loud, make_silent
from paretoseg.search.api.study_view import StudyView
from paretoseg.search.commands.stopping import was_interrupted
from paretoseg.search.reports.failure_text import describe_failures
from paretoseg.search.running.importing import importing
from paretoseg.search.store.folder import StorageError
from paretoseg.search.store.lock import LockedError
from paretoseg.search.store.study_folder import StudyFolder


class SearchError(RuntimeError):
    """A search ended before its budget was spent, or could not start; the study keeps all that was found.

    Attributes:
        exit_code: What `paretoseg search` would have ended with, see `docs/config.md`: 2 if another process works on
            the study, 3 if trials failed, 75 if work is left and the same words resume it.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Config(Mapping[str, Any]):
    """The settings of a search: every key with its value, such as `config["budget.trials"]`. It never changes.

    Attributes:
        words: The words it was composed of. `run_search(*config.words)` runs it.
    """

    def __init__(self, words: Sequence[str], values: Mapping[str, Any], text: str) -> None:
        self.words = tuple(words)
        self._values = dict(values)
        self._text = text

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"paretoseg.compose({', '.join(map(repr, self.words))})"

    def to_yaml(self) -> str:
        """All keys but `storage` as YAML, as the study's `experiment.yaml` holds them."""
        return self._text


def compose(*words: str) -> Config:
    """The settings that words describe; nothing is started or written.

    Args:
        words: As after `paretoseg search`, such as `"study=demo"` and `"budget.trials=20"`.

    Raises:
        ValueError: for an unknown key, option or dimension or a value out of range, as the command line says it.
    """
    from paretoseg.search.config import config  # Hydra: late, as opening a study needs none

    composed = config.compose(words)
    return Config(words, config.list_values(words), composed.text)


def run_search(*words: str, quiet: bool = False) -> StudyView:
    """Starts or resumes the study that the words name, and runs it until its budget is spent.

    With a cluster that takes jobs (`cluster=slurm`, `cluster=kubernetes`) it submits the search and returns at once.
    Ctrl-C, and the button that interrupts a notebook, end the search in order; the same words resume it. A second one
    ends the process.

    Args:
        words: As after `paretoseg search`.
        quiet: Whether nothing is printed; else progress and front are, as by the command.

    Returns:
        The study.

    Raises:
        ValueError: for a mistake in the words or the data, before anything is written, as the command line says it; or
            outside of the main thread, which alone may answer signals.
        SearchError: if trials failed, work is left, or another process works on the study.
        StorageError: if the study's folder cannot be reached.
        KeyboardInterrupt: if it was interrupted; the study keeps all that was found.
    """
    if threading.current_thread() is not threading.main_thread():
        raise ValueError("a search answers Ctrl-C, so it runs in the main thread alone; call run_search there")
    with importing():  # Ray, pymoo and Hydra: late, as opening a study needs none
        from paretoseg.search.commands.plan import compose_new_or_stored, locate
        from paretoseg.search.commands.search import search
    try:
        code = search(words, make_silent()[0] if quiet else make_loud())
    except LockedError as error:
        raise SearchError(str(error), ExitCode.REFUSED) from None
    place = locate(compose_new_or_stored(words).experiment)
    if code != ExitCode.DONE:
        _fail(ExitCode(code), StudyFolder(place))
    return StudyView(place)


def _fail(code: ExitCode, folder: StudyFolder) -> None:
    """Raises what the exit code of a search stands for."""
    if code == ExitCode.WORK_LEFT and was_interrupted():
        raise KeyboardInterrupt
    message = f"{folder.folder.location}: {MEANINGS[code]}"
    if code == ExitCode.STORAGE:
        raise StorageError(message)
    lines = describe_failures(folder.read_record()) if code == ExitCode.GAVE_UP else []
    raise SearchError("\n".join([message, *lines]), code)
