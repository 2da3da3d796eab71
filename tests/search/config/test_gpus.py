"""How many GPUs a trial gets where the user does not say."""

from __future__ import annotations

import pytest

from paretoseg.cluster import local, local_gpus, serial
from paretoseg.cluster.probe import ProbeError
from paretoseg.search.config.config import compose
from paretoseg.search.config.gpus import name_gpus
from paretoseg.search.config.resuming import compose_again

SLURM = ("cluster=slurm", "cluster.nodes=2", "cluster.cpus=8")


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (local, serial):
        monkeypatch.setattr(module, "count_local_gpus", lambda: 2)


def find(*words: str) -> float:
    return compose(["study=s", *words]).experiment.resources.gpus


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("words", "gpus"),
    [
        ((), 1.0),
        (("cluster=serial",), 1.0),
        (("resources.gpus=auto",), 1.0),
        (("resources.gpus=0",), 0.0),
        (("task=toy",), 0.0),
        (("cluster.gpus=0",), 0.0),
        (("resources.workers=2",), 2.0),
        (("resources.workers=3",), 0.0),
        (("resources.workers=2", "cluster.gpus=1"), 0.0),
        (SLURM, 0.0),
        ((*SLURM, "cluster.gpus=4"), 1.0),
        (("cluster=kubernetes", "cluster.gpus=1"), 1.0),
        (("cluster=attached",), 0.0),
        (("cluster=attached", "cluster.max_nodes=2", "cluster.cpus=4", "cluster.gpus=1"), 1.0),
    ],
)
def test_a_trial_gets_a_gpu_where_there_is_one(words: tuple[str, ...], gpus: float) -> None:
    assert find(*words) == gpus


@pytest.mark.usefixtures("two_gpus")
def test_a_job_gets_the_number_that_was_settled_where_it_was_sent() -> None:
    words = ["task=toy", "resources.gpus=auto", "resources.cpus=2", "resources.gpus=-1"]
    assert name_gpus(words, 1.0) == ["task=toy", "resources.gpus=1", "resources.cpus=2", "resources.gpus=1"]
    assert name_gpus(["resources.gpus=0.5"], 0.5) == ["resources.gpus=0.5"]


@pytest.mark.usefixtures("two_gpus")
def test_a_study_keeps_its_number_until_it_is_asked_again() -> None:
    began = compose(["study=s", "resources.gpus=0"])
    stored = ("study=s",)
    assert compose_again(stored, began.text, ()).experiment.resources.gpus == 0.0
    assert compose_again(stored, began.text, ("resources.gpus=auto",)).experiment.resources.gpus == 1.0


@pytest.mark.parametrize("answer", [3, ProbeError("no module named torch")])
def test_torch_is_asked_only_where_there_is_a_driver(answer: int | ProbeError, monkeypatch: pytest.MonkeyPatch) -> None:
    def probe(code: str, timeout_s: float) -> int:
        if isinstance(answer, ProbeError):
            raise answer
        return answer

    count = local_gpus.count_local_gpus.__wrapped__
    monkeypatch.setattr(local_gpus, "probe", probe)
    monkeypatch.setattr(local_gpus, "has_driver", lambda: True)
    assert count() == (answer if isinstance(answer, int) else 0)
    monkeypatch.setattr(local_gpus, "has_driver", lambda: False)
    assert count() == 0
