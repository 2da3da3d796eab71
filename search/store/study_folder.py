"""What lies where in a study's folder, and the only code that reads and writes it.

experiment.yaml      the composed config
splits.json          every case with its split and its hashes
journal/             the append-only memory of the search
trials.parquet       a row a trial, rewritten from the journal
cases/               a Parquet file for every trial and split: the rows that every number is made of
checkpoints/         weights of running trials and of those on the front
front.csv, front.png the answer
report.html          the answer as a page, written by `paretoseg report`
rescores/            what `paretoseg rescore` measured beside, a folder each; see `rescore_folder.py`
job.json             the job that was last submitted to Slurm
writer.lock          held by the process that writes
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from paretoseg.cluster.cluster import Ticket
from paretoseg.search.store.case_files import CaseFiles
from paretoseg.search.store.checkpoints import Checkpoints
from paretoseg.search.store.folder import Folder
from paretoseg.search.store.journal import RESTORE, Journal
from paretoseg.search.store.lease import open_for_worker
from paretoseg.search.store.scratch import remove_stale_scratch, remove_unfinished
from paretoseg.search.store.tables import TrialTable, check_columns, front_to_csv
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Event
from paretoseg.search.trials.transitions import check_events
from paretoseg.spaces.domain import Int
from paretoseg.spaces.records import decode, encode, parse_json
from paretoseg.trainables.trainable import SplitRow

_EXPERIMENT, _TICKET, _SPLITS = "experiment.yaml", "job.json", "splits.json"

_LOCKED = frozenset({_EXPERIMENT, _TICKET, _SPLITS, "trials.parquet", "front.csv", "front.png"})
"""The files of the folder itself that are written under its lock only; `paretoseg report` needs none."""

SPLITS_SCHEMA = 2


@dataclass(frozen=True)
class _Splits:
    """What `splits.json` holds."""

    schema: Annotated[int, Int(1, SPLITS_SCHEMA)]
    cases: tuple[SplitRow, ...]


class StudyFolder:
    """The folder of one study.

    Args:
        location: Its path or URI.
        token: In a worker, that of the session that it works for; see `lease.py`.
    """

    def __init__(self, location: str, *, token: int | None = None) -> None:
        self.folder = open_for_worker(location, token)
        self.journal = Journal(self.folder.child("journal"))
        self.cases = CaseFiles(self.folder)
        self.checkpoints = Checkpoints(self.folder)
        self._trial_table = TrialTable()

    def exists(self) -> bool:
        """True if a study was begun here."""
        return self.journal.is_begun()

    def read_record(self) -> StudyRecord:
        """The study as its journal tells it.

        Raises:
            ValueError: if there is no study here, or its journal is damaged.
        """
        return StudyRecord(self.read_events())

    def read_events(self) -> Sequence[Event]:
        """All that happened, in order.

        Raises:
            ValueError: if there is no study here, or its journal is damaged or tells what cannot have happened.
        """
        if not self.exists():
            if not self.journal.list_segments():
                raise ValueError(_no_study(self.folder))
            self.check_unused()
            raise ValueError(
                f"{self.journal.location} holds no whole record, so the study never began; `paretoseg search` begins it"
            )
        events = self.journal.read()
        try:
            check_events(events)
            check_columns(events)
        except ValueError as error:
            raise ValueError(f"{self.journal.location}: {error}; {RESTORE}") from None
        return events

    def check_unused(self) -> None:
        """Looks whether a study may begin here, where the journal tells of none.

        Raises:
            ValueError: if there are trials all the same: the journal was lost, and a new one would take their place.
        """
        if found := [name for name in ("cases", "checkpoints", "trials.parquet") if self.folder.exists(name)]:
            raise ValueError(
                f"{self.journal.location} has lost record 0 and all that followed, as {found[0]} of the study is still "
                f"there; {RESTORE}"
            )

    def forget(self) -> None:
        """Takes back a study that was begun and never worked on; one that was stays."""
        if len(self.read_events()) == 1:
            self.journal.close()
            self.folder.delete("journal")
            self.folder.delete(_EXPERIMENT)

    def tidy_up(self) -> None:
        """Removes what killed processes left half-written; to be called under the lock."""
        remove_stale_scratch()
        remove_unfinished(self.folder, _LOCKED)
        remove_unfinished(self.folder.child("cases"))
        self.checkpoints.tidy_up()

    def write_experiment(self, text: str) -> None:
        """Keeps the composed config."""
        self.folder.write(_EXPERIMENT, text.encode())

    def read_experiment(self) -> str:
        """The composed config.

        Raises:
            FileNotFoundError: if it is not there.
        """
        return self.folder.read(_EXPERIMENT).decode()

    def write_splits(self, rows: Sequence[SplitRow]) -> None:
        """Keeps which case is in which split, and what it held."""
        self.folder.write(_SPLITS, json.dumps(encode(_Splits(SPLITS_SCHEMA, tuple(rows))), indent=1).encode())

    def read_splits(self) -> list[SplitRow] | None:
        """Which case was in which split when the study began, or None if that was not kept.

        Files of schema 1 know no shift sets; held-out cases, on which nothing was measured then, are left out.

        Raises:
            ValueError: if the file is damaged, or of another schema.
        """
        try:
            kept = decode(_Splits, parse_json(self.folder.read(_SPLITS)))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ValueError(
                f"'{self.folder.location}/{_SPLITS}' is damaged or of another version ({error}); restore it from a "
                "backup"
            ) from None
        return [row for row in kept.cases if kept.schema > 1 or row.split != "shift"]

    def write_ticket(self, ticket: Ticket) -> None:
        """Keeps where the search was submitted to."""
        self.folder.write(_TICKET, json.dumps(encode(ticket), indent=2).encode())

    def read_ticket(self) -> Ticket | None:
        """Where the search was last submitted to, or None.

        Raises:
            ValueError: if the file is damaged.
        """
        try:
            return decode(Ticket, parse_json(self.folder.read(_TICKET)))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ValueError(
                f"'{self.folder.location}/{_TICKET}' is damaged ({error}); delete it when the job that it names is over"
            ) from None

    def write_trials(self, record: StudyRecord) -> None:
        """Brings `trials.parquet` up to the journal."""
        self.folder.write("trials.parquet", self._trial_table.to_parquet(record))

    def write_front(self, record: StudyRecord) -> None:
        """Brings `front.csv` up to the journal."""
        self.folder.write("front.csv", front_to_csv(record))

    def write_picture(self, name: str, content: bytes) -> str:
        """Keeps a picture; returns where it lies."""
        self.folder.write(name, content)
        return self.folder.child(name).location


def _no_study(folder: Folder) -> str:
    """The refusal, with the studies that lie at or beside the place."""
    message = f"no study at '{folder.location}'"
    if not folder.local_path:
        return f"{message}; give the folder or URI that `paretoseg search` printed"
    for place in (folder.local_path, folder.local_path.parent, Path("studies")):
        found = sorted(str(path.parent) for path in place.glob("*/journal"))
        if found:
            return f"{message}; known: {', '.join(found)}"
    return f"{message}; `paretoseg search study=<name>` begins one"
