"""Bundles as the tests of them write and run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from torch import nn

from paretoseg.trainables.export.bundle import write_bundle
from paretoseg.trainables.networks.blueprint import Blueprint
from tests.trainables import exports

BLOCKER = """\
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"paretoseg", "jaxtyping", "omegaconf"}:
            raise ImportError(f"{name} is not to be there")

sys.meta_path.insert(0, Blocker())
"""
"""Python runs a `sitecustomize` at its start; with this one nothing of ours can be imported."""

SERVER = """\
import gc, json, os, runpy, sys, traceback
import fire, monai.bundle, nibabel, PIL.Image, torch

def run():
    try:
        runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0

gc.freeze()  # a fork that collects what was imported copies all of it
for line in sys.stdin:
    words, *streams = json.loads(line)
    child = os.fork()
    if child == 0:
        for number, (path, flags) in enumerate(streams):
            os.dup2(os.open(path, flags, 0o600), number)
        folder, *sys.argv = words
        os.chdir(folder)
        code = run()
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)  # as taking a copy of torch down takes longer than the command
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Runs MONAI's command in a fork of itself, again and again."""


_RUN = subprocess.run


class Monai:
    """MONAI's command in fresh processes that import nothing of ours; torch and MONAI are imported once for all.

    Args:
        folder: An empty one, for its own use.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "sitecustomize.py").write_text(BLOCKER)
        environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """What `python -m monai.bundle` answers to the words in the folder."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        output, errors = self._folder / "output", self._folder / "errors"
        write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        streams = ((os.devnull, os.O_RDONLY), (str(output), write), (str(errors), write))
        self._server.stdin.write(json.dumps([[str(folder), "monai.bundle", *words], *streams]) + "\n")
        self._server.stdin.flush()
        code = int(self._server.stdout.readline())
        return subprocess.CompletedProcess(words, code, output.read_text(), errors.read_text())

    def answer(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """In the place of `subprocess.run`: does the same, but for MONAI's command."""
        if command[1:3] == ["-m", "monai.bundle"]:
            return self.run(command[3:], options["cwd"])
        return _RUN(command, **options)

    def run_bundle(self, bundle: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """What a bundle answers, beside its folder."""
        return self.run(["run", "--config_file", str(bundle / "configs/inference.json"), *words], bundle.parent)

    def close(self) -> None:
        """Ends the process."""
        self._server.communicate()


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
