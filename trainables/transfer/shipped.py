"""Finds the transfer matrix of a study: one beside the data, a shipped one, or a file. Free of torch."""

from __future__ import annotations

from pathlib import Path

from paretoseg.trainables.shipped_files import ShippedFiles

SHIPPED_MATRICES = ShippedFiles("transfer.json", Path(__file__).parent / "transfers")
