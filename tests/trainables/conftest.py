"""What the tests of this folder share: one thread, as their networks are too small for more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from monai.data import get_track_meta, set_track_meta


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def plain_tensors() -> Iterator[None]:
    """MONAI's transforms give tensors without its metadata, which other tests need again."""
    before = get_track_meta()
    set_track_meta(False)
    yield
    set_track_meta(before)
