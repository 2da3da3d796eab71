"""How long a search will take, before it starts: measured on a few candidates, and printed once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from paretoseg.search.commands import search as search_command
from paretoseg.search.commands.estimate import Estimate, describe_trial, estimate, sample
from paretoseg.search.commands.plan import make_plan
from paretoseg.search.commands.trial_seconds import Order, choose_measured, measure_trials
from paretoseg.search.config.config import compose
from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.toy import ToyConfig, ToyTask, ToyTrainable, count_parameters
from paretoseg.trainables.trainable import Assignment, TrialSeconds
from tests.search.command_line import TOY, run

show_estimate: Callable[..., None] = search_command._show_estimate
pytestmark = pytest.mark.usefixtures("elsewhere")


@dataclasses.dataclass(frozen=True)
class ToyOfOperations(ToyTask):
    """A toy whose operations are its weights; those with fewer than 10,000 fail."""

    def predictable(self) -> tuple[str, ...]:
        return ("flops",)

    def predict(self, candidate: Candidate, names: object) -> dict[str, float]:
        return {"flops": float(count_parameters(candidate))}

    def build(self, assignment: Assignment) -> ToyTrainable:
        if count_parameters(assignment.candidate) < 10_000:
            raise ValueError("too small")
        return super().build(assignment)


def widths(*values: int) -> list[Candidate]:
    return [Candidate(Architecture(width=value, depth=3)) for value in values]


def test_the_middle_of_each_third_by_operations_is_measured() -> None:
    candidates = widths(24, 4, 16, 8, 32, 12)
    chosen = choose_measured(ToyOfOperations(ToyConfig()), candidates)
    assert [one.architecture.width for one in chosen] == [8, 16, 32]
    assert [one.architecture.width for one in choose_measured(ToyTask(), widths(24, 4, 16))] == [24, 4, 16]


def test_candidates_that_fail_are_left_out() -> None:
    def measure(*values: int) -> list[TrialSeconds]:
        order = Order(ToyOfOperations(ToyConfig(seconds=3.0)), [Assignment(one, 0) for one in widths(*values)])
        return [dataclasses.replace(one, building=0.0) for one in (measure_trials(order) or (0.0, []))[1]]

    # 36 * width^2 * 21 weights
    assert measure(2, 24, 32) == [TrialSeconds(3.0, 0.0, 0.0)] * 2
    assert measure(2, 2, 2) == []


@pytest.mark.parametrize("cluster", ["serial", "local"])
def test_a_process_of_its_own_finds_the_same(cluster: str) -> None:
    words = [*TOY[1:], f"cluster={cluster}", "task.seconds=7"]
    plan = make_plan(compose(words), words)
    found = estimate(plan, None, sample(plan))
    assert found is not None
    assert [one.training for one in found.trials] == [7.0] * 3
    assert found.trial_seconds == pytest.approx(7.0, abs=0.5)


def test_a_search_says_it_before_its_first_trial_and_never_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_command, "_show_estimate", show_estimate)
    assert run(*TOY) == 0
    lines = capsys.readouterr().out.splitlines()
    [line] = [line for line in lines if line.startswith("Estimate: ")]
    assert line.startswith("Estimate: about 0 s a trial (by 3 candidates that were trained for a moment, ")
    assert "so 0 s for 6 trials, 1 at a time" in line
    assert lines.index(line) < next(place for place, shown in enumerate(lines) if shown.startswith("[1/6]"))
    assert run("search", "study=mine", "budget.trials=8") == 0
    assert "Estimate" not in capsys.readouterr().out


def test_a_search_may_start_without_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_command, "_show_estimate", show_estimate)
    assert run(*TOY, "resources.estimate=false") == 0
    assert "Estimate" not in capsys.readouterr().out


def test_the_range_over_candidates_and_the_share_of_training_are_named() -> None:
    trials = TrialSeconds(30.0, 9.0, 5.0, building=1.0), TrialSeconds(70.0, 9.0, 5.0, building=1.0)
    assert describe_trial(Estimate(trials, 0.0, "made up")) == (
        "about 1 min 00 s a trial (made up, 40 s to 1 min 20 s by candidate, 83% of it training)"
    )
