"""The files of a study's folder, and the only code that reads and writes them.

experiment.yaml      the composed config
splits.json          every case with its split and its hashes
plan.json            what training cases in files are like, and nnU-Net's plan for them; see `config/kept_plan.py`
journal/             the append-only log of the search
trials.parquet       one row per trial, rewritten from the journal
candidates.parquet   one row per candidate, with the means over its seeds
cases/               a Parquet file for every trial and split: the rows from which all results are computed
checkpoints/         weights of running trials, of those on the front and of confirmed ones
front.csv, front.png the front
certainty.json       how sure the front is, as the search found at its end; see `certainty_file.py`
report.html          the front as a page, written by `paretoseg report`
rescores/            the results of `paretoseg rescore`, a folder for each rescoring; see `rescore_folder.py`
ablations/           the trainings of `paretoseg ablate`, a folder for each candidate; see `ablation_folder.py`
finish.json          there while a search finishes because it was asked to; see `finish_request.py`
job.json             the job that was last submitted to Slurm
slurm/               its script, logs and token
search.log           what a search in a pod printed; see `search_log.py`
ray.log              what Ray printed, see `cluster/quiet.py`
writer.lock          held by the process that writes
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from paretoseg.cluster.cluster import Ticket
from paretoseg.search.store.candidate_table import candidates_to_parquet, front_to_csv
from paretoseg.search.store.case_files import CaseFiles
from paretoseg.search.store.checkpoints import Checkpoints
from paretoseg.search.store.folder import Folder
from paretoseg.search.store.journal import RESTORE, Journal
from paretoseg.search.store.lease import open_for_worker
from paretoseg.search.store.scratch import remove_stale_scratch, remove_unfinished
from paretoseg.search.store.tables import TrialTable, check_columns, count_rows
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Event, Started
from paretoseg.search.trials.transitions import check_events
from paretoseg.spaces.domain import Int
from paretoseg.spaces.records import decode, encode, parse_json
from paretoseg.spaces.suggestion import suggest
from paretoseg.trainables.trainable import SplitRow

if TYPE_CHECKING:  # a caller that has one has paid for the import
    from paretoseg.search.certainty.certainty import Certainty

_EXPERIMENT, _TICKET, _SPLITS = "experiment.yaml", "job.json", "splits.json"
CERTAINTY_FILE = "certainty.json"

_LOCKED = frozenset(
    {
        *(_EXPERIMENT, _TICKET, _SPLITS, CERTAINTY_FILE),
        *("trials.parquet", "candidates.parquet", "front.csv", "front.png"),
    }
)
"""The files directly in the folder that are written only under its lock; `paretoseg report` needs no lock."""

SPLITS_SCHEMA = 2

_MAX_NAMED = 8
"""Studies that a message names where there is none."""


@dataclass(frozen=True)
class _Splits:
    """The content of `splits.json`."""

    schema: Annotated[int, Int(1, SPLITS_SCHEMA)]
    cases: tuple[SplitRow, ...]


class StudyFolder:
    """The folder of one study.

    Args:
        location: Its path or URI.
        token: In a worker, the token of the session that it works for; see `lease.py`.
    """

    def __init__(self, location: str, *, token: int | None = None) -> None:
        self.folder = open_for_worker(location, token)
        self.journal = Journal(self.folder.child("journal"))
        self.cases = CaseFiles(self.folder)
        self.checkpoints = Checkpoints(self.folder)
        self._trial_table = TrialTable()

    def exists(self) -> bool:
        """True if a study was started here."""
        return self.journal.has_records()

    def read_record(self) -> StudyRecord:
        """The study as its journal records it.

        Raises:
            ValueError: if there is no study here, or its journal is damaged.
        """
        return StudyRecord(self.read_events())

    def read_events(self) -> Sequence[Event]:
        """All events, in order.

        Raises:
            ValueError: if there is no study here, or its journal is damaged or not possible.
        """
        if not self.exists():
            if not self.journal.list_segments():
                raise ValueError(_no_study(self.folder))
            self.check_unused()
            raise ValueError(
                f"{self.journal.location} holds no whole record, so the study never started; `paretoseg search` starts "
                "it"
            )
        num_known = self._count_trials()  # first: a search may go on meanwhile
        events = self.journal.read()
        try:
            check_events(events)
            check_columns(events)
            if not self.journal.overtaken:  # a process that had lost the study may have written the table
                _check_whole(events, num_known)
        except ValueError as error:
            raise ValueError(f"{self.journal.location}: {error}; {RESTORE}") from None
        return events

    def _count_trials(self) -> int:
        """How many trials the table of trials has; 0 if there is none, or it is damaged or not on this machine."""
        try:
            return count_rows(self.folder.read("trials.parquet")) if self.folder.local_path else 0
        except FileNotFoundError:
            return 0

    def check_unused(self) -> None:
        """Checks that a study may start here, if the journal is empty.

        Raises:
            ValueError: if there are trials nevertheless: the journal was lost, and a new study would overwrite them.
        """
        if found := [name for name in ("cases", "checkpoints", "trials.parquet") if self.folder.exists(name)]:
            raise ValueError(
                f"{self.journal.location} has lost record 0 and all later ones: it is empty, but {found[0]} of the "
                f"study exists; {RESTORE}"
            )

    def forget(self) -> None:
        """Removes a study that was created but never worked on; keeps any other."""
        if len(self.read_events()) == 1:
            self.journal.close()
            self.folder.delete("journal")
            self.folder.delete(_EXPERIMENT)

    def tidy_up(self) -> None:
        """Removes half-written files of killed processes; call it under the lock."""
        remove_stale_scratch()
        remove_unfinished(self.folder, _LOCKED)
        remove_unfinished(self.folder.child("cases"))
        self.checkpoints.tidy_up()

    def write_experiment(self, text: str) -> None:
        """Writes the composed config."""
        self.folder.write(_EXPERIMENT, text.encode())

    def read_experiment(self) -> str:
        """The composed config.

        Raises:
            FileNotFoundError: if it is not there.
        """
        return self.folder.read(_EXPERIMENT).decode()

    def write_splits(self, rows: Sequence[SplitRow]) -> None:
        """Writes every case with its split and its hashes."""
        self.folder.write(_SPLITS, json.dumps(encode(_Splits(SPLITS_SCHEMA, tuple(rows))), indent=1).encode())

    def read_splits(self) -> list[SplitRow] | None:
        """The cases with their splits when the study started, or None if they were not stored.

        Files of schema 1 have no shift sets; their held-out cases, which were never measured, are left out.

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
        """Writes the receipt of the submitted job."""
        self.folder.write(_TICKET, json.dumps(encode(ticket), indent=2).encode())

    def read_ticket(self) -> Ticket | None:
        """The receipt of the last submitted job, or None.

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
        """Rewrites `trials.parquet` from the journal."""
        self.folder.write("trials.parquet", self._trial_table.to_parquet(record))

    def write_candidates(self, record: StudyRecord, certainty: Certainty | None = None) -> None:
        """Rewrites `candidates.parquet` from the journal; columns on certainty are null if it is not given."""
        self.folder.write("candidates.parquet", candidates_to_parquet(record, certainty))

    def write_front(self, record: StudyRecord, certainty: Certainty | None = None) -> None:
        """Rewrites `front.csv` from the journal; columns on certainty are empty if it is not given."""
        self.folder.write("front.csv", front_to_csv(record, certainty))

    def write_picture(self, name: str, content: bytes) -> str:
        """Writes a picture; returns its location."""
        self.folder.write(name, content)
        return self.folder.child(name).location


def _check_whole(events: Sequence[Event], num_known: int) -> None:
    """Refuses a journal that has lost its end: a trial is in the table only after it is in the journal."""
    num_started = sum(isinstance(event, Started) for event in events)
    if num_started < num_known:
        raise ValueError(f"its end is lost: it has {num_started} trials, but trials.parquet has {num_known}")


def _no_study(folder: Folder) -> str:
    """The message for a missing study, with the studies at or near the place."""
    message = f"no study at '{folder.location}'"
    if not folder.local_path:
        return f"{message}; give the folder or URI that `paretoseg search` printed"
    for place in (folder.local_path, folder.local_path.parent, Path("studies")):
        found = sorted(str(path.parent) for path in place.glob("*/journal"))
        if found:
            more = f" and {len(found) - _MAX_NAMED} more" if len(found) > _MAX_NAMED else ""
            near = suggest(folder.local_path.name, [Path(one).name for one in found], before=f"{place}/")
            return f"{message}; {near}known: {', '.join(found[:_MAX_NAMED])}{more}"
    return f"{message}; `paretoseg search study=<name>` starts one"
