"""The folder of an ablation, inside the study's folder: a study folder of its own, and what the ablation found.

ablation.json   what every changed choice is worth, as the report shows it
ablation.csv    the same as a table
ablation.png    the same as a picture

The journal, `cases/` and the tables are those of a study, see `study_folder.py`; no checkpoint is kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated

from paretoseg.search.ablation.effects import Ablation
from paretoseg.search.store.folder import Folder
from paretoseg.search.store.scratch import remove_unfinished
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.spaces.domain import Int
from paretoseg.spaces.records import decode, encode, parse_json

ABLATIONS, RECORD, TABLE, PICTURE = "ablations", "ablation.json", "ablation.csv", "ablation.png"

SCHEMA = 1


@dataclass(frozen=True)
class _Stored:
    """The content of `ablation.json`."""

    schema: Annotated[int, Int(1, SCHEMA)]
    ablation: Ablation


class AblationFolder(StudyFolder):
    """The folder of the ablation of one candidate.

    Args:
        study: The folder of the study.
        candidate: The candidate's number.
    """

    def __init__(self, study: Folder, candidate: int) -> None:
        place = study.child(ABLATIONS).child(str(candidate))
        super().__init__(place.location if place.local_path else place.address)

    def tidy_up(self) -> None:
        """Removes half-written files of killed processes; call it under the lock."""
        super().tidy_up()
        remove_unfinished(self.folder)

    def write_ablation(self, ablation: Ablation, table: bytes, picture: bytes | None) -> None:
        """Writes what was found so far; without a picture, an earlier one goes."""
        stored = json.dumps(encode(_Stored(SCHEMA, ablation)), indent=1)
        self.folder.write(RECORD, stored.encode())
        self.folder.write(TABLE, table)
        if picture is None:
            self.folder.delete(PICTURE)
        else:
            self.folder.write(PICTURE, picture)

    def read_ablation(self) -> Ablation | None:
        """What was found so far, or None if nothing was written yet.

        Raises:
            ValueError: if the file is damaged, or of a newer version.
        """
        try:
            return decode(_Stored, parse_json(self.folder.read(RECORD))).ablation
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ValueError(
                f"'{self.folder.location}/{RECORD}' is damaged or of a newer version ({error}); `paretoseg ablate` "
                "writes it again"
            ) from None

    def read_picture(self) -> bytes | None:
        """The picture, or None if it was not drawn yet."""
        try:
            return self.folder.read(PICTURE)
        except FileNotFoundError:
            return None


def list_ablations(study: Folder) -> list[int]:
    """The numbers of the candidates of a study that have an ablation, ascending."""
    return sorted(int(name) for name in study.child(ABLATIONS).list_folders() if name.isdigit())
