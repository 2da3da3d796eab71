"""The folder `cases/`: a Parquet file for every trial and split, with the rows from which all results are computed."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from paretoseg.search.store.folder import Folder
from paretoseg.search.store.tables import case_table_from_parquet, cases_from_parquet, cases_to_parquet
from paretoseg.trainables.trainable import CaseScore, Split


class CaseFiles:
    """The rows that a study, or a rescoring of it, has measured.

    Args:
        folder: Of the study or rescoring; the rows are in its subfolder `cases/`.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder.child("cases")

    def write(self, trial_id: int, seed: int, split: Split, scores: Sequence[CaseScore]) -> None:
        """Stores the scores of a trial on a split; replaces those of an earlier attempt.

        Raises:
            TakenOverError: if a later session has written them, because this one has lost the study.
        """
        self._folder.write(_name(trial_id, split), cases_to_parquet(trial_id, seed, split, scores))

    def read(self, trial_id: int, split: Split, metric: str = "") -> list[CaseScore]:
        """The scores of a trial on a split; none if they were not stored.

        Args:
            trial_id: The trial.
            split: The split.
            metric: If named, only the means over all foreground classes in this metric are read.

        Raises:
            ValueError: if the file is damaged.
        """
        try:
            return cases_from_parquet(self._folder.read(_name(trial_id, split)), metric)
        except FileNotFoundError:
            return []
        except ValueError as error:
            raise self._refuse(trial_id, split, error) from None

    def read_table(self, trial_id: int, seed: int, split: Split) -> pa.Table | None:
        """All rows of a trial under a seed on a split, with the columns of `CASE_SCHEMA`; None if there are none.

        Raises:
            ValueError: if the file is damaged.
        """
        try:
            return case_table_from_parquet(self._folder.read(_name(trial_id, split)), trial_id, seed, split)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise self._refuse(trial_id, split, error) from None

    def has(self, trial_id: int, split: Split) -> bool:
        """True if the scores of a trial on a split were stored."""
        return self._folder.exists(_name(trial_id, split))

    def locate(self, trial_id: int, split: Split) -> str:
        """The path of the scores of a trial on a split, relative to the study's folder."""
        return f"cases/{_name(trial_id, split)}"

    def _refuse(self, trial_id: int, split: Split, error: ValueError) -> ValueError:
        name = self.locate(trial_id, split)
        return ValueError(f"{name} is damaged ({error}); restore it from a backup, or delete it to continue without it")


def _name(trial_id: int, split: Split) -> str:
    return f"trial-{trial_id:05d}-{split.value}.parquet"
