"""Bundles as the tests of them write and run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from torch import nn

from paretoseg.trainables.export.bundle import write_bundle
from paretoseg.trainables.networks.blueprint import Blueprint
from tests.trainables import exports

BLOCKER = """\
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"spaces", "trainables", "search", "cluster", "jaxtyping", "omegaconf"}:
            raise ImportError(f"{name} is not to be there")

sys.meta_path.insert(0, Blocker())
"""
"""Python runs a `sitecustomize` at its start; with this one nothing of ours can be imported."""


def write(folder: Path, blueprint: Blueprint, seed: int = 0) -> nn.Module:
    """Writes a bundle into a new folder; returns its network."""
    model = exports.build_model(blueprint, seed)
    folder.mkdir()
    write_bundle(folder, model)
    return model.build_network()


def run_without_us(bundle: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """MONAI's own command in a process that can import nothing of ours."""
    (bundle.parent / "block").mkdir(exist_ok=True)
    (bundle.parent / "block" / "sitecustomize.py").write_text(BLOCKER)
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", str(bundle / "configs/inference.json")]
    environment = os.environ | {"PYTHONPATH": str(bundle.parent / "block"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, *words], cwd=bundle.parent, env=environment, capture_output=True, text=True, check=False
    )
