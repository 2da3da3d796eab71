"""The front as a notebook shows it: a small page in a frame, whatever text it holds."""

from __future__ import annotations

import re
from html import unescape

import pytest

from paretoseg.search.api.notebook import frame_front_page
from tests.search.pages import HOSTILE, build_record, build_wide_record


def read_page(shown: str) -> str:
    """The page in the frame."""
    [quoted] = re.findall("srcdoc='([^']*)'></iframe>$", shown)
    return unescape(quoted)


def test_the_page_is_small_and_may_fetch_nothing() -> None:
    shown = frame_front_page(build_record(), None)
    assert len(shown) < 50_000
    page = read_page(shown)
    assert page.startswith("<!doctype html>")
    assert "default-src 'none'; script-src 'sha256-" in page
    assert 'sandbox="allow-scripts"' in shown


def test_of_many_trials_off_the_front_the_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    record = build_record(measured=[(0.9, 0.9), (0.1, 0.1), (0.2, 0.2), (0.3, 0.3)])
    monkeypatch.setattr("paretoseg.search.api.notebook._MOST", 2)
    page = read_page(frame_front_page(record, None))
    drawn = [int(number) for number in re.findall(r'\{"id":(\d+),"candidate"', page)]
    assert drawn == [0, 2, 3]  # 4 is degenerate, and 5 failed


@pytest.mark.chromium
@pytest.mark.slow
@pytest.mark.parametrize("text", ["plain", HOSTILE])
def test_a_notebook_shows_the_front_and_what_is_selected(open_page, tmp_path, text: str) -> None:
    path = tmp_path / "notebook.html"
    frame_text = frame_front_page(build_record(text), None)
    path.write_text(f"<!doctype html><meta charset=utf-8><link rel=icon href='data:,'>{frame_text}")
    page = open_page(path)
    frame = page.frame_locator("iframe")
    assert page.locator("iframe").get_attribute("title") == f"Front of {text}"
    assert frame.locator("#panel h3").first.inner_text() == "Trial 0, on the front"
    frame.locator("[data-trial='2']").click(force=True)
    assert frame.locator("#panel h3").first.inner_text() == "Trial 2"
    assert frame.locator("body").evaluate("() => window.stolen") is None


@pytest.mark.chromium
@pytest.mark.slow
def test_a_notebook_shows_a_study_without_a_trial(open_page, tmp_path) -> None:
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><link rel=icon href='data:,'>{frame_front_page(build_wide_record(0), None)}")
    assert open_page(path).frame_locator("iframe").locator("#panel").inner_text() == "No trial has started yet."
