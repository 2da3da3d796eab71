"""A wheel of this checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("spaces", "trainables", "cluster", "search")


def copy_sources(place: Path) -> None:
    """Copies what a wheel is made of into an empty folder."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place / name)
    for name in ("paretoseg", *FOLDERS):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))


def build_wheel(place: Path) -> tuple[Path, str]:
    """A wheel, built from a copy so that no build folder is left behind or reused, and what the tool said."""
    copy = place / "source"
    copy.mkdir()
    copy_sources(copy)
    words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place), str(copy)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = place.glob("*.whl")
    return path, done.stdout + done.stderr
