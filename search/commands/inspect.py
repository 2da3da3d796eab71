"""The command `paretoseg inspect`: what a dataset looks like, and the plan that nnU-Net's rules make of it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Console

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.commands.outputs import check_output
from paretoseg.search.config.config import compose
from paretoseg.search.reports.plan_text import (
    PLAN_FILE,
    class_table,
    fingerprint_table,
    plan_table,
    suggest_overrides,
    to_json,
)
from paretoseg.search.store.folder import Folder
from paretoseg.trainables.data.model_record import to_safe_name
from paretoseg.trainables.planning.scanning import inspect_data

_DEFAULT = "plan-<dataset>"
_UNNAMED = "study=inspect"
"""Goes before the user's overrides: a config needs a study name, this command does not."""


def inspect(overrides: Sequence[str], output: str | None, console: Console, *, as_json: bool = False) -> int:
    """Reads the training cases of a dataset, shows fingerprint and plan, and writes both; returns the exit code.

    Args:
        overrides: Overrides of the config, as for a search; only those of the data have an effect.
        output: Folder or URI to write to, a plan in it is replaced; None for `plan-<dataset>` here.
        console: Where the tables are shown.
        as_json: Whether what is written is printed instead of the tables.

    Raises:
        ValueError: for a mistake in the overrides, the data or the output, before anything is written.
        StorageError: if the output cannot be written.
    """
    data = compose([_UNNAMED, *overrides]).experiment.data
    if output is not None:
        check_output(output, _DEFAULT)
    fingerprint, plan = inspect_data(data)
    place = output or f"plan-{to_safe_name(fingerprint.name)}"
    check_output(place, _DEFAULT)
    content = json.dumps(to_json(fingerprint, plan), indent=2)
    folder = Folder(place)
    folder.write(PLAN_FILE, content.encode())
    if as_json:
        print(content)
        return ExitCode.DONE
    for table in (fingerprint_table(fingerprint), class_table(fingerprint), plan_table(plan)):
        console.print(table)
    if words := suggest_overrides(fingerprint, plan):
        console.print(f"A search with this spacing and scaling: {' '.join(words)}", markup=False, soft_wrap=True)
    console.print(f"JSON: {folder.child(PLAN_FILE).location}", markup=False, soft_wrap=True)
    return ExitCode.DONE
