"""The tutorial, from a wheel: an environment that sees the libraries of this one, but not the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from docs.pages.tutorial import write_script
from tests.wheels import ROOT, build_wheel

FEW_TRIALS = "budget.trials=2 confirm.seeds=1"
"""In place of twelve trials with three seeds: `.ci/tutorial` runs the page as it is."""


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    wheel, _ = build_wheel(tmp_path)
    place = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(place), "platbase": str(place)}))
    words = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(place / "bin" / "python")]
    subprocess.run([*words, "install", "--quiet", "--no-deps", str(wheel)], check=True)
    (own / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place


@pytest.mark.slow
def test_a_user_gets_from_a_folder_of_images_to_masks(tmp_path: Path, environment: Path) -> None:
    folder = tmp_path / "user"
    folder.mkdir()
    script = write_script((ROOT / "docs" / "tutorial_folder.md").read_text())
    assert script.count("budget.trials=12") == 2
    settings = {**os.environ, "PATH": f"{environment / 'bin'}:{os.environ['PATH']}", "COLUMNS": "120"}
    done = subprocess.run(
        ["bash", "-c", "which paretoseg\n" + script.replace("budget.trials=12", FEW_TRIALS)],
        cwd=folder,
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith(str(environment))
    assert "Traceback" not in done.stdout

    assert len(list((folder / "masks").iterdir())) == 40
    reference, mask = (
        np.asarray(Image.open(folder / place / name))
        for place, name in (("cells/masks", "patient00_a.png"), ("masks-of-the-bundle", "patient00_a_mask.png"))
    )
    assert mask.shape == reference.shape
    assert set(np.unique(mask)) <= {0, 1}
    assert (folder / "studies" / "cells" / "report.html").is_file()
