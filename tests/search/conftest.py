"""Fixtures of the search's tests."""

import pytest


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """No power cut happens here, and waiting for the disk after every record would be most of these tests' time."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture(autouse=True)
def no_waiting_for_other_writers(monkeypatch):
    """Nobody else writes a lease while a test takes one."""
    monkeypatch.setattr("search.store.lock._SETTLE_SECONDS", 0.0)
