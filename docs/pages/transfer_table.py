"""The shipped transfer matrices as they stand in the docs, read off their files: pictures, and tables of gains.

`python -m docs.pages.transfer_table docs/transfer.md` writes the page and its pictures again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from docs.pages.generated_part import replace_part
from paretoseg.search.reports.transfer_picture import draw_transfer
from paretoseg.trainables.trainable import CLEAN
from paretoseg.trainables.transfer.gains import Gain
from paretoseg.trainables.transfer.kinds import KINDS
from paretoseg.trainables.transfer.matrix import TransferMatrix, read_matrix
from paretoseg.trainables.transfer.shipped import SHIPPED_MATRICES
from paretoseg.trainables.transfer.verdict import MOST_POINTS, judge

PICTURES = "transfers"
"""Folder of the pictures, beside the page."""

_NONE = "No matrix is shipped with this version: measure your own data."


def read_shipped() -> dict[str, TransferMatrix]:
    """Every shipped matrix by name."""
    return {name: read_matrix(SHIPPED_MATRICES.path_of(name)) for name in SHIPPED_MATRICES.names()}


def write_pictures() -> str:
    """The pictures of the shipped matrices; Markdown."""
    lines = [
        f"![Dice points that each kind of augmentation gains under each corruption, {name}]({PICTURES}/{name}.png)"
        for name in SHIPPED_MATRICES.names()
    ]
    return "\n\n".join(lines) or _NONE


def write_tables() -> str:
    """For every shipped matrix how it was measured, what is held out, and a table of gains; Markdown."""
    return "\n\n".join(_write_matrix(name, matrix) for name, matrix in read_shipped().items()) or _NONE


def renew(page: str) -> str:
    """The page with its pictures and tables as they are today."""
    return replace_part(replace_part(page, "pictures", write_pictures()), "transfers", write_tables())


def _write_matrix(name: str, matrix: TransferMatrix) -> str:
    verdict = judge(matrix.corruptions, KINDS, matrix.bounds)
    dice = [network.clean_dice for network in matrix.networks]
    severities = " and ".join(map(str, matrix.severities))
    lines = [
        f"### `{name}`",
        "",
        f"{matrix.dataset}: {len(matrix.networks)} networks of {len(matrix.seeds)} seeds, {matrix.num_iterations} "
        f"iterations each, clean Dice {min(dice):.2f} to {max(dice):.2f}; {len(matrix.subjects)} validation cases of "
        f"{len(set(matrix.subjects.values()))} subjects, severities {severities}.",
        "",
        "| with every kind open | corruptions |",
        "| --- | --- |",
        *(
            f"| {part} | {_list(names)} |"
            for part, names in (
                ("held out", verdict.held_out),
                ("trained", verdict.trained),
                ("not known", verdict.unknown),
            )
        ),
        "",
        f"| Dice points gained under | {' | '.join(matrix.kinds)} |",
        f"| --- |{' --- |' * len(matrix.kinds)}",
    ]
    for corruption in (CLEAN, *matrix.corruptions):
        cells = [_write_gain(matrix.gains[kind][corruption]) for kind in matrix.kinds]
        lines.append(f"| {'clean images' if corruption == CLEAN else f'`{corruption}`'} | {' | '.join(cells)} |")
    return "\n".join([*lines, *(f"\n{weak[0].upper()}{weak[1:]}." for weak in matrix.describe_weak())])


def _write_gain(gain: Gain | None) -> str:
    if gain is None:
        return "not known"
    text = f"{gain.points:.1f} ({gain.low:.1f} to {gain.high:.1f})"
    return f"**{text}**" if gain.high < MOST_POINTS else text


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def main() -> None:
    """Writes pictures and tables of the page that is named on the command line."""
    page = Path(sys.argv[1])
    for name, matrix in read_shipped().items():
        folder = page.parent / PICTURES
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.png").write_bytes(draw_transfer(matrix))
    page.write_text(renew(page.read_text()))


if __name__ == "__main__":
    main()
