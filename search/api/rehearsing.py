"""Tries out ways to search on recorded studies, without training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paretoseg.search.commands.outputs import check_output
from paretoseg.search.commands.wanted_rehearsal import Wanted
from paretoseg.search.reports.rehearsal_text import describe_rehearsal, list_curves, list_rows
from paretoseg.search.store.folder import Folder

if TYPE_CHECKING:
    from pandas import DataFrame

    from paretoseg.search.commands.rehearse import Prepared
    from paretoseg.search.rehearsal.comparison import Outcome


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """How ways to search compare; a notebook shows its picture."""

    table: DataFrame
    """A row per way and share of the budget, with the columns of `rehearsal.csv`."""

    curves: DataFrame
    """Points of the curves of hypervolume, with the columns of `curves.csv`."""

    text: str
    """What the table says and cannot say, a sentence a line."""

    picture: bytes
    """The curves as PNG."""

    def __repr__(self) -> str:
        return f"<Rehearsal of {', '.join(dict.fromkeys(map(str, self.table['study'])))}>\n{self.text}"

    def _repr_png_(self) -> bytes:
        return self.picture


def rehearse(  # noqa: PLR0913 - options, each given by its name
    *studies: str | os.PathLike[str],
    strategies: Sequence[str] | None = None,
    pruners: Sequence[str] | None = None,
    workers: Sequence[int] = Wanted.workers,
    trials: int | None = Wanted.trials,
    repetitions: int = Wanted.repetitions,
    failures: float = Wanted.failures,
    seed: int = Wanted.seed,
    output: str | os.PathLike[str] | None = None,
) -> Rehearsal:
    """Simulates searches on recorded studies, which are only read.

    Args:
        studies: Folders or URIs of the studies; at least one.
        strategies: What proposes; random, the study's own and the default if None.
        pruners: What stops early; never and the study's own if None.
        workers: How many trials run at a time; every number is tried.
        trials: The budget; half of the candidates if None.
        repetitions: Searches of every way, at least 2.
        failures: Share of attempts that go wrong, in [0, 1).
        seed: Of all draws.
        output: A folder for both tables and the picture; None to write nothing.

    Raises:
        ValueError: for a mistake of the user's, as the command line says it.
        StorageError: if a folder cannot be read or written.
    """
    # pymoo, Hydra and matplotlib: late, as opening a study needs none
    from paretoseg.search.commands.rehearse import prepare_rehearsal, simulate, write_rehearsal
    from paretoseg.search.reports.rehearsal_picture import draw_rehearsal

    if not studies:
        raise ValueError("name at least one study, such as rehearse('studies/quickstart')")
    wanted = Wanted(
        strategies=None if strategies is None else tuple(strategies),
        pruners=None if pruners is None else tuple(pruners),
        workers=tuple(workers),
        trials=trials,
        repetitions=repetitions,
        failures=failures,
        seed=seed,
        output=None if output is None else os.fspath(output),
    )
    prepared = prepare_rehearsal([os.fspath(study) for study in studies], wanted)
    if wanted.output is not None:
        check_output(wanted.output, "None")
    outcomes = simulate(prepared)
    if wanted.output is not None:
        write_rehearsal(Folder(wanted.output), prepared.plans, outcomes)
    return _gather(prepared, outcomes, draw_rehearsal(prepared.plans, outcomes))


def _gather(prepared: Prepared, outcomes: Sequence[Sequence[Outcome]], picture: bytes) -> Rehearsal:
    import pandas as pd

    notes = [note for pool in prepared.pools for note in pool.notes]
    lines = [
        line
        for plan, of_plan in zip(prepared.plans, outcomes, strict=True)
        for line in describe_rehearsal(plan, of_plan)
    ]
    lines += [f"Note: {note}." for note in (*notes, *prepared.notes)]
    return Rehearsal(
        table=pd.DataFrame(list_rows(prepared.plans, outcomes)),
        curves=pd.DataFrame(list_curves(prepared.plans, outcomes)),
        text="\n".join(lines),
        picture=picture,
    )
