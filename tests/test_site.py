"""The site of the docs builds without a warning and without the network, and its notebook runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from docs.pages.notebook import execute, list_results
from docs.pages.site import describe_commands, redirect_links

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(place)]
    settings = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(words, cwd=REPOSITORY, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return place


def test_it_fetches_nothing(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text()
        assert not re.search(r"<(?:script|img|iframe)[^>]* src=\"https?:|<link[^>]* href=\"https?:", text), page
        assert 'data-md-component="source"' not in text  # it would ask GitHub for figures


def test_it_has_pages_of_what_lies_elsewhere(site: Path) -> None:
    assert "Pareto front" in (site / "index.html").read_text()
    assert 'src="front.png"' in (site / "index.html").read_text()
    names = (site / "python_names.html").read_text()
    assert "Folder or URI of the study" in names
    assert 'id="paretoseg.StudyView' in names
    assert "srcdoc=" in (site / "reading_a_front.html").read_text()


def test_every_command_is_on_its_page() -> None:
    page = describe_commands()
    for name in ("search", "front", "predict", "doctor", "completion"):
        assert f"\n## {name}\n" in page
        assert f"usage: paretoseg {name} " in page


@pytest.mark.parametrize(
    ("link", "folder", "expected"),
    [
        ("[a](docs/data.md#x)", "", "[a](data.md#x)"),
        ("[a](../CHANGELOG.md)", "docs", "[a](changelog.md)"),
        ("[a](data.md)", "docs", "[a](data.md)"),
        ("![a](search_efficiency.png)", "benchmarks", "![a](benchmarks/search_efficiency.png)"),
        ("[a](LICENSE)", "", "[a](https://github.com/paretoseg/paretoseg/blob/main/LICENSE)"),
        ("[a](https://arxiv.org)", "docs", "[a](https://arxiv.org)"),
        ("[a](#x)", "docs", "[a](#x)"),
    ],
)
def test_links_lead_somewhere_on_the_site(link: str, folder: str, expected: str) -> None:
    assert redirect_links(link, folder) == expected


@pytest.mark.slow
def test_the_notebook_gives_what_it_shows() -> None:
    """After a change: python -m docs.pages.notebook docs/reading_a_front.ipynb."""
    path = REPOSITORY / "docs" / "reading_a_front.ipynb"
    shown = nbformat.read(path, nbformat.NO_CONVERT)
    assert list_results(execute(path)) == list_results(shown)
