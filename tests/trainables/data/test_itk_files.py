"""MetaImage headers whose voxels lie in other files: one, one a slice, or numbered ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from paretoseg.trainables.data.image_files import digest_of, find_companions, read_image

HEADER = """ObjectType = Image
NDims = 3
DimSize = 4 5 3
ElementType = MET_UCHAR
ElementSpacing = 1 1 2
ElementDataFile = """

VOLUME = np.arange(60, dtype=np.uint8).reshape(3, 5, 4)


@pytest.mark.parametrize(
    ("names", "data_file"),
    [
        (["a.raw", "b.raw", "c.raw"], "LIST\na.raw\nb.raw\nc.raw\n"),
        (["s001.raw", "s003.raw", "s005.raw"], "s%03d.raw 1 5 2\n"),
        (["all.raw"], "all.raw\n"),
        (["sub/a b.raw"], "sub/a b.raw\n"),
    ],
)
def test_all_files_of_a_header_are_its_companions(tmp_path: Path, names: list[str], data_file: str) -> None:
    for name, part in zip(names, np.array_split(VOLUME, len(names)), strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(part.tobytes())
    header = tmp_path / "case.mhd"
    header.write_text(HEADER + data_file)

    assert find_companions(header) == [tmp_path / name for name in names]
    np.testing.assert_array_equal(read_image(header).array, np.transpose(VOLUME, (2, 1, 0))[np.newaxis])
    before = digest_of(header)
    (tmp_path / names[-1]).write_bytes(np.flip(np.array_split(VOLUME, len(names))[-1]).tobytes())
    assert digest_of(header) != before


def test_a_header_with_its_voxels_inside_has_no_companions(tmp_path: Path) -> None:
    header = tmp_path / "case.mhd"
    header.write_bytes((HEADER + "LOCAL\n").encode() + VOLUME.tobytes())
    assert find_companions(header) == []
