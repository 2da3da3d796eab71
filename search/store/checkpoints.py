"""The folder `checkpoints/`: the checkpoints of running trials and of those on the front."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paretoseg.search.store.folder import Folder
from paretoseg.search.store.scratch import remove_unfinished, scratch_folder
from paretoseg.spaces.records import decode, encode, parse_json

_LATEST = "latest.json"
_STEP = re.compile(r"step-\d{4,}(-\d+)?")


@dataclass(frozen=True)
class _Latest:
    """The last complete checkpoint of a trial, and what the trial measured at its step."""

    step: int
    folder: str
    values: Mapping[str, float]


class Checkpoints:
    """The checkpoints of a study.

    Args:
        folder: Of the study; the checkpoints are in its subfolder `checkpoints/`, a folder for each trial.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder.child("checkpoints")

    @contextmanager
    def new(self, trial_id: int, step: int, values: Mapping[str, float]) -> Iterator[Path]:
        """A local folder to save into; when the block ends without an error, it becomes the trial's checkpoint.

        `values` is what the trial measured at that step; it is kept beside the checkpoint.
        """
        with scratch_folder() as temporary:
            yield temporary
            folder = self._folder.child(_trial_name(trial_id))
            token = self._folder.token
            name = _step_name(step, token)
            folder.child(name).upload(temporary)
            folder.write(_LATEST, json.dumps(encode(_Latest(step, name, values))).encode())
            for other in folder.list_folders():
                if other != name and _token_of(other) <= (token or 0):
                    folder.delete(other)

    @contextmanager
    def open(self, trial_id: int) -> Iterator[Path | None]:
        """A local copy of the trial's last complete checkpoint, or None if it has none.

        Raises:
            ValueError: if `latest.json` is damaged. Damage of the checkpoint itself shows only when it is loaded.
        """
        folder = self._folder.child(_trial_name(trial_id))
        if not folder.exists(_LATEST):
            yield None
            return
        name = self._read_latest(trial_id).folder
        with scratch_folder() as temporary:
            folder.child(name).download(temporary)
            yield temporary

    def has(self, trial_id: int) -> bool:
        """True if the trial has a complete checkpoint."""
        return self._folder.child(_trial_name(trial_id)).exists(_LATEST)

    def read_values(self, trial_id: int) -> Mapping[str, float]:
        """What the trial measured at the step of its last complete checkpoint.

        Raises:
            ValueError: if `latest.json` is damaged.
        """
        return self._read_latest(trial_id).values

    def _read_latest(self, trial_id: int) -> _Latest:
        folder = self._folder.child(_trial_name(trial_id))
        try:
            latest = decode(_Latest, parse_json(folder.read(_LATEST)))
            if not _STEP.fullmatch(latest.folder):
                raise ValueError(f"no checkpoint is called {latest.folder!r}")
        except ValueError as error:
            raise ValueError(f"'{folder.location}/{_LATEST}' is damaged ({error}); restore it from a backup") from None
        return latest

    def delete(self, trial_ids: Collection[int]) -> None:
        """Deletes the checkpoints of trials, where they have some."""
        for trial_id in sorted(trial_ids):
            self._folder.delete(_trial_name(trial_id))

    def tidy_up(self) -> None:
        """Removes half-written files of killed processes; call it under the lock of the study."""
        for name in self._folder.list_folders():
            trial = self._folder.child(name)
            remove_unfinished(trial)
            for step in trial.list_folders():
                remove_unfinished(trial.child(step))

    def keep_only(self, trial_ids: Collection[int]) -> None:
        """Deletes the checkpoints of all other trials."""
        kept = {_trial_name(trial_id) for trial_id in trial_ids}
        for name in self._folder.list_folders():
            if name not in kept:
                self._folder.delete(name)


def _trial_name(trial_id: int) -> str:
    return f"trial-{trial_id:05d}"


def _step_name(step: int, token: int | None) -> str:
    """The folder of a checkpoint; with a token, no other session writes into it."""
    return f"step-{step:04d}" if token is None else f"step-{step:04d}-{token:08d}"


def _token_of(step_name: str) -> int:
    token = step_name.removeprefix("step-").partition("-")[2]
    return int(token) if token.isdigit() else 0
