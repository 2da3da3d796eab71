"""The benchmark for a GPU runs: in reduced form, on a CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "on_gpu.py"


@pytest.mark.slow
def test_every_part_of_it_finds_something(tmp_path: Path) -> None:
    words = ["--device", "cpu", "--reduced", "--print-only", "--minutes", "20", "--json", str(tmp_path / "found.json")]
    done = subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    parts = json.loads((tmp_path / "found.json").read_text())["parts"]
    assert {name: part["error"] for name, part in parts.items()} == dict.fromkeys(parts, "")
    assert all(part["rows"] for part in parts.values())
    assert "3 FINISHED" in parts["search"]["rows"][0]


def test_it_says_what_is_missing_without_a_gpu() -> None:
    hidden = {"CUDA_VISIBLE_DEVICES": "", "PATH": "/usr/bin"}
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False, env=hidden)
    assert done.returncode == 2
    assert "torch sees no GPU" in done.stderr
