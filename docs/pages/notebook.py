"""Runs a notebook of the docs and keeps what it shows.

`python -m docs.pages.notebook docs/reading_a_front.ipynb` writes the notebook again, with its outputs of today.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from unittest import mock

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

_LONGEST_CELL_S = 300


def execute(path: Path) -> NotebookNode:
    """The notebook after all of its cells were run in an empty folder; warnings of libraries are left out.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell fails.
    """
    notebook = nbformat.read(path, nbformat.NO_CONVERT)
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, {"PYTHONWARNINGS": "ignore"}):
        NotebookClient(notebook, timeout=_LONGEST_CELL_S, resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


def list_results(notebook: NotebookNode) -> list[str]:
    """The plain text of what cells return, without what they print on the way, such as the time left."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output["data"]["text/plain"] for output in outputs if output["output_type"] == "execute_result"]


def main() -> None:
    """Writes the notebook that is named on the command line."""
    path = Path(sys.argv[1])
    nbformat.write(execute(path), path)


if __name__ == "__main__":
    main()
