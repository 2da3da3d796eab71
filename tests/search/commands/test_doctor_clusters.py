"""`paretoseg doctor cluster=...` as a user types it, where there is no cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from paretoseg.search.commands.cli import main

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_without_slurm_there_is_a_line_with_its_fix_and_nothing_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["doctor", "cluster=slurm", "cluster.gpus=4", "--job"]) == 1
    storage, commands, summary = capsys.readouterr().out.splitlines()
    assert storage.startswith("pass    storage: ")
    assert commands.startswith("fail    Slurm's commands: not found: sbatch, ")
    assert "run this on a login node" in commands
    assert summary == "1 of 2 checks fail: fix these first."
    assert list(Path().iterdir()) == []


def test_without_a_kubeconfig_there_is_a_line_with_its_fix_also_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("kubernetes")
    monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert main(["doctor", "cluster=kubernetes", "cluster.image=r/p:1", "cluster.claim=studies", "--json"]) == 1
    [row] = json.loads(capsys.readouterr().out)
    assert row["verdict"] == "fail"
    assert "no Kubernetes cluster is configured" in row["text"]
    assert "--dry-run needs no cluster" in row["remedy"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--job"], "--job is for a cluster; name it, as in cluster=slurm"),
        (["cluster=local"], "doctor looks at cluster=slurm and cluster=kubernetes"),
        (["cluster=slurm", "cluster.nodes=0"], "cluster.nodes must be at least 1, got 0"),
        (["cluster=slurm", "cluster.typo=1"], "unknown key 'cluster.typo'"),
    ],
)
def test_a_mistake_is_refused_in_one_line(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert main(["doctor", *words]) == 2
    assert message in capsys.readouterr().err
