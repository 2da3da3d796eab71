"""The command `paretoseg complexity`: how hard a dataset is, before any network has seen it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.commands.outputs import check_output
from paretoseg.search.config.planned_data import compose_planned
from paretoseg.search.reports.complexity_picture import draw_complexity
from paretoseg.search.reports.complexity_text import complexity_rows, complexity_table
from paretoseg.search.store.complexity_table import complexity_to_csv, complexity_to_parquet
from paretoseg.search.store.folder import Folder
from paretoseg.trainables.complexity.complexity import ComplexityRow, list_cases, list_classes, measure_case
from paretoseg.trainables.complexity.summary import Summary, summarise
from paretoseg.trainables.data.datasets import Dataset, load_once
from paretoseg.trainables.data.model_record import to_safe_name

_DEFAULT = "complexity-<dataset>"
_UNNAMED = "study=complexity"
"""Goes before the user's overrides: a config needs a study name, this command does not."""


def complexity(overrides: Sequence[str], output: str | None, console: Console, *, as_json: bool = False) -> int:
    """Measures every case of a dataset, writes table and picture, and shows a summary; returns the exit code.

    Args:
        overrides: Overrides of the config, as for a search; only those of the data have an effect.
        output: Folder or URI to write to, files in it are replaced; None for `complexity-<dataset>` here.
        console: Where the table is shown.
        as_json: Whether a list of flat objects is printed instead of the table.

    Raises:
        ValueError: for a mistake in the overrides, the data or the output, before anything is written.
        StorageError: if the output cannot be written.
    """
    data = compose_planned([_UNNAMED, *overrides]).experiment.data
    if output is not None:
        check_output(output, _DEFAULT)
    data.check()
    dataset = load_once(data)
    labels = list_classes(dataset.class_names)
    place = output or f"complexity-{to_safe_name(dataset.name)}"
    check_output(place, _DEFAULT)
    rows = _measure(dataset)
    sizes = [("", len(dataset.train) + len(dataset.validation) + len(dataset.test))]
    sizes += [(name, len(cases)) for name, cases in dataset.shift.items()]
    summaries = summarise(rows, sizes, labels)
    _write(Folder(place), dataset.name, rows, summaries)
    if as_json:
        print(json.dumps(complexity_rows(summaries), indent=2))
        return ExitCode.DONE
    console.print(complexity_table(dataset.name, summaries))
    for what, name in (("Picture", "complexity.png"), ("Table", "complexity.parquet"), ("CSV", "complexity.csv")):
        where = Folder(place).child(name).location
        console.print(f"{what + ':':<8} {where}", markup=False, soft_wrap=True)
    return ExitCode.DONE


def _measure(dataset: Dataset) -> list[ComplexityRow]:
    """The rows of all cases; progress is shown on the terminal, and never on what is piped."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        cases = progress.track(list_cases(dataset), description="measuring cases")
        return [row for shift, case in cases for row in measure_case(case, dataset, shift)]


def _write(folder: Folder, name: str, rows: Sequence[ComplexityRow], summaries: Sequence[Summary]) -> None:
    folder.write("complexity.parquet", complexity_to_parquet(rows))
    folder.write("complexity.csv", complexity_to_csv(rows))
    folder.write("complexity.png", draw_complexity(name, rows, summaries))
