"""Which choices of a study trade and which improve both, as frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from paretoseg.search.commands.attribution import read_attribution
from paretoseg.search.reports.attribution_picture import draw_attribution
from paretoseg.search.reports.attribution_text import (
    choice_rows,
    describe_attribution,
    level_rows,
    pair_rows,
    piece_rows,
)
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class StudyAttribution:
    """What the choices of a study do; a notebook shows its picture."""

    choices: DataFrame
    """A row per dimension, the most important first: what it does, and its share in every objective."""

    levels: DataFrame
    """A row per value of a dimension: the objectives with all else varying, and their 95 percent intervals."""

    pieces: DataFrame
    """A row per piece of the front and dimension: its shares towards better networks and along the front."""

    pairs: DataFrame
    """A row per interaction that was looked at."""

    text: str
    """What trades, what improves both, what cannot be told, and by which rule, a sentence a line."""

    picture: bytes
    """Shares, paths and pieces as PNG."""

    def __repr__(self) -> str:
        return f"<StudyAttribution of {len(self.choices)} choices>\n{self.text}"

    def _repr_png_(self) -> bytes:
        return self.picture


def attribute_study(folder: StudyFolder, record: StudyRecord) -> StudyAttribution:
    """What the choices of a study do.

    Raises:
        ValueError: if the config is missing, or there are too few candidates.
    """
    import pandas as pd

    found = read_attribution(folder, record)
    return StudyAttribution(
        choices=pd.DataFrame(choice_rows(found)),
        levels=pd.DataFrame(level_rows(found)),
        pieces=pd.DataFrame(piece_rows(found), columns=["first", "last", "choice", "towards", "along"]),
        pairs=pd.DataFrame(pair_rows(found)),
        text="\n".join(describe_attribution(found)),
        picture=draw_attribution(found),
    )
