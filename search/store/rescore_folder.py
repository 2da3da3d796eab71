"""The folder of a rescoring, inside the study's folder.

rescore.json    what is measured, by which version, and the result of every trial
cases/          a Parquet file for every trial and split, as in the study's own folder
front.csv       objectives before and after, and which trials are on the front
drift.png       the same as a picture
writer.lock     held by the process that writes
"""

from __future__ import annotations

import json

from paretoseg.search.store.case_files import CaseFiles
from paretoseg.search.store.folder import Folder
from paretoseg.search.store.scratch import remove_stale_scratch, remove_unfinished
from paretoseg.search.study.rescore_record import RescoreRecord
from paretoseg.spaces.records import decode, encode, parse_json

RESCORES, RECORD, TABLE, PICTURE = "rescores", "rescore.json", "front.csv", "drift.png"


class RescoreFolder:
    """The folder of one rescoring.

    Args:
        study: The folder of the study.
        name: Of the rescoring.
    """

    def __init__(self, study: Folder, name: str) -> None:
        self.folder = study.child(RESCORES).child(name)
        self.cases = CaseFiles(self.folder)

    def tidy_up(self) -> None:
        """Removes half-written files of killed processes; call it under the lock."""
        remove_stale_scratch()
        remove_unfinished(self.folder)
        remove_unfinished(self.folder.child("cases"))

    def write_record(self, record: RescoreRecord) -> None:
        """Writes the settings and the results so far."""
        content = {"schema": record.schema} | encode(record)
        self.folder.write(RECORD, json.dumps(content, indent=1).encode())

    def read_record(self) -> RescoreRecord | None:
        """The settings and the results so far, or None if the rescoring was never started.

        Raises:
            ValueError: if the file is damaged, or of a newer version.
        """
        try:
            return decode(RescoreRecord, parse_json(self.folder.read(RECORD)))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ValueError(
                f"'{self.folder.location}/{RECORD}' is damaged or of a newer version ({error}); restore it from a "
                "backup, or choose another name with --name NAME"
            ) from None

    def write_table(self, content: bytes) -> None:
        """Writes the drift of the front as a table."""
        self.folder.write(TABLE, content)

    def write_picture(self, content: bytes) -> None:
        """Writes the drift of the front as a picture."""
        self.folder.write(PICTURE, content)

    def read_picture(self) -> bytes | None:
        """The drift of the front as a picture, or None if it was not drawn yet."""
        try:
            return self.folder.read(PICTURE)
        except FileNotFoundError:
            return None


def list_rescorings(study: Folder) -> list[str]:
    """The names of a study's rescorings, sorted."""
    return study.child(RESCORES).list_folders()
