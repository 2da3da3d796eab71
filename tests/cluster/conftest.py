"""What the tests of clusters share.

A Slurm that is only its commands: what each answers is a dict, what they were asked is kept. For Kubernetes the schemas
of its custom resources, where there are any.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.cluster.crd_schemas import Schemas

_COMMAND = """#!{python}
import json, sys
from pathlib import Path
folder = Path({folder!r})
name = Path(sys.argv[0]).name
with (folder / "calls.jsonl").open("a") as stream:
    stream.write(json.dumps([name, *sys.argv[1:]]) + "\\n")
code, output, error = json.loads((folder / "answers.json").read_text())[name]
sys.stdout.write(output)
sys.stderr.write(error)
sys.exit(code)
"""


class FakeSlurm:
    """The commands of Slurm as scripts on PATH."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / "bin"
        self.path.mkdir()
        self._answers: dict[str, tuple[int, str, str]] = {}

    def answer(self, command: str, output: str = "", *, code: int = 0, error: str = "") -> None:
        """Sets what a command says from now on; the first time it also puts it on PATH."""
        self._answers[command] = code, output, error
        (self._folder / "answers.json").write_text(json.dumps(self._answers))
        script = self.path / command
        script.write_text(_COMMAND.format(python=sys.executable, folder=str(self._folder)))
        script.chmod(0o755)

    def show_job(self, state: str, *, nodes: str = "", restarts: int = 0, reason: str = "None") -> None:
        """Sets what squeue says of every job, padded as squeue does."""
        self.answer("squeue", "".join(f"{cell:<12}|" for cell in (state, str(restarts), nodes, reason)) + "\n")

    @property
    def calls(self) -> list[list[str]]:
        """What was called, word by word."""
        path = self._folder / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def slurm(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    """A fake Slurm whose commands are the only ones on PATH."""
    fake = FakeSlurm(tmp_path_factory.mktemp("slurm"))
    monkeypatch.setenv("PATH", str(fake.path))
    return fake


@pytest.fixture(scope="session")
def kuberay_folder() -> Path:
    """The folder with KubeRay's CRDs and the recorded verdicts of an API server."""
    folder = os.environ.get("PARETOSEG_KUBERAY", "")
    if not folder:
        pytest.skip("set PARETOSEG_KUBERAY to a folder with KubeRay's CRDs (ray.io_rayjobs.yaml, ...)")
    return Path(folder)


@pytest.fixture(scope="session")
def schemas(kuberay_folder: Path) -> Schemas:
    """Strict schemas of RayJob and LocalQueue."""
    return Schemas(kuberay_folder, ("ray.io_rayjobs.yaml", "kueue.x-k8s.io_localqueues.yaml"))
