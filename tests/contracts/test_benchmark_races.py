"""The races of strategies run on points as well as on candidates; the full races are run by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))


@pytest.mark.usefixtures("benchmarks")
@pytest.mark.parametrize("method", ["surrogate", "random"])
def test_our_strategies_race_on_a_table(method: str) -> None:
    from search_peers import race
    from search_problems import PointSpace, Recorded

    from paretoseg.spaces.domain import Choice, Int

    space = PointSpace([Int(0, 7), Choice(("a", "b", "c"))])
    values = np.random.default_rng(0).random((24, 2, 2))
    losses, seconds = race(method, Recorded("table", space, values), seed=0, num_evaluations=14, num_workers=2)
    assert losses.shape == (14, 2)
    assert seconds > 0
    means = {tuple(row) for row in values.mean(1).round(9)}
    assert {tuple(row) for row in losses.round(9)} <= means
