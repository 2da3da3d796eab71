"""Fixtures of the search's tests."""

import pytest


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """No power cut happens here, and waiting for the disk after every record would be most of these tests' time."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Every command runs in an empty folder, on a terminal of eighty columns that is none.

    A search does not measure first how long it takes.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("paretoseg.search.commands.search._show_estimate", lambda *_: None)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def show(open_page, tmp_path):
    """Opens the report of a record; every text in it that users or data decide is `text`."""
    from tests.search.pages import write_page  # late: pictures need torch, which other tests here do without

    def show_record(record, text="blur", classes=("left",), certainty=None, **options):
        path = tmp_path / "report.html"
        write_page(path, record, text, classes, certainty)
        return open_page(path, **options)

    return show_record
