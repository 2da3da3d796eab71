"""What the site of the docs needs beside the pages: those made from other files, and links that leave the folder.

Material for MkDocs loads this file as a hook, see `mkdocs.yml`. Pages are the same files that are read in the
repository, so a link from one to a file outside `docs/` becomes a link to the page made of it, or to the repository.
"""

from __future__ import annotations

import argparse
import os
import posixpath
import re
import tempfile
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPOSITORY = Path(__file__).parents[2]

FROM_FILES = {
    "index.md": "README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "benchmarks.md": "benchmarks/RESULTS.md",
}
"""Pages of the site that are files outside `docs/`."""

_ROOMS = ("spaces", "trainables", "cluster", "search")
_LINK = re.compile(r"(\]\(|<(?:img|a) (?:src|href)=\")([^)\s#\"]+)")


@event_priority(100)  # before mkdocstrings reads where packages lie
def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Lets mkdocstrings find the packages, whose folders lie at the top of the repository."""
    place = Path(tempfile.mkdtemp(prefix="paretoseg-docs-")) / "paretoseg"
    place.mkdir()
    for path in [*(REPOSITORY / "paretoseg").iterdir(), *(REPOSITORY / room for room in _ROOMS)]:
        (place / path.name).symlink_to(path)
    handlers: Any = config.plugins["mkdocstrings"].config["handlers"]
    handlers["python"]["paths"] = [str(place.parent)]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are no files of `docs/`."""
    for name, source in FROM_FILES.items():
        text = (REPOSITORY / source).read_text()
        files.append(File.generated(config, name, content=redirect_links(text, posixpath.dirname(source))))
    files.append(File.generated(config, "commands.md", content=describe_commands()))
    for picture in sorted((REPOSITORY / "benchmarks").glob("*.png")):
        files.append(File.generated(config, f"benchmarks/{picture.name}", content=picture.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The text of a page with links that lead somewhere on the site."""
    if page.file.src_uri in FROM_FILES or page.file.src_uri.endswith(".ipynb"):
        return markdown
    return redirect_links(markdown, posixpath.join("docs", posixpath.dirname(page.file.src_uri)))


def redirect_links(text: str, folder: str) -> str:
    """The Markdown of a file with its links as they are on the site.

    Args:
        text: The Markdown.
        folder: The folder of the file, relative to the repository.
    """
    pages = {source: name for name, source in FROM_FILES.items()}

    def redirect(match: re.Match[str]) -> str:
        before, target = match.groups()
        if re.match(r"[a-z]+:|/", target):
            return match.group()
        path = posixpath.normpath(posixpath.join(folder, target))
        if path in pages:
            return before + pages[path]
        if path.startswith("docs/"):
            return before + path.removeprefix("docs/")
        if path.startswith("benchmarks/") and path.endswith(".png"):
            return before + path
        return before + f"https://github.com/paretoseg/paretoseg/blob/main/{path}"

    return _LINK.sub(redirect, text)


def describe_commands() -> str:
    """Every command with its help, as Markdown."""
    from paretoseg.search.commands.cli import build_parser

    os.environ["COLUMNS"] = "110"
    parser = build_parser()
    parts = ["# Commands", "What `paretoseg COMMAND --help` prints.", f"```text\n{parser.format_help().strip()}\n```"]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                parts.append(f"## {name}\n\n```text\n{command.format_help().strip()}\n```")
    return "\n\n".join(parts) + "\n"
