"""How the tests are shared out where they run in several processes."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

END_TO_END = "tests/end_to_end/"


class ByFile(LoadScopeScheduling):
    """Each process takes file after file, so that what the tests of a file share is built once.

    All end-to-end tests run in one process, one after the other: a Ray wants the machine for itself. The mark
    `xdist_group` cannot say so, as pytest 9.2 ignores the name that pytest-xdist 3.8 gives to a test of a group.
    """

    def _split_scope(self, nodeid: str) -> str:
        return END_TO_END if nodeid.startswith(END_TO_END) else nodeid.partition("::")[0]


def put_long_ones_first(items: list[pytest.Item]) -> None:
    """Sorts tests by file: first the end-to-end tests, then files with slow tests, so that no process ends alone."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (not item.nodeid.startswith(END_TO_END), item.path not in slow))
