"""Which baselines a new study has, how wide they are, and what the user is told."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from paretoseg.search.config.baselines import find_baselines
from paretoseg.search.config.config import compose
from paretoseg.search.config.resuming import compose_again
from paretoseg.search.config.settling import settle
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.toy import ToyTask

SMALL = ("study=any", "data.image_size=32", "data.num_train=4", "data.num_validation=2", "data.num_test=2")


@dataclass
class Working:
    """A task whose planned networks take a number of operations for every channel squared."""

    per_channel: float

    def objectives(self) -> tuple[()]:
        return ()

    def count_work(self, candidate: Candidate) -> float:
        is_planned = candidate.architecture.family == "nnunet"
        return self.per_channel * candidate.architecture.width**2 if is_planned else 1.0

    def describe_training(self, candidate: Candidate) -> str:
        return "3 iterations"


@pytest.mark.parametrize(("work", "width"), [(3.0, 32), (3.1, 28), (12.0, 16), (1e6, 4)])
def test_the_width_is_scaled_until_the_work_is_that_of_three_median_trials(work: float, width: int) -> None:
    task = Working(work / 32**2)
    [found], notes = find_baselines(["nnunet"], task, SearchSpace(), 0)  # type: ignore[arg-type]
    assert found.architecture.width == width
    name = "nnU-Net" if width == 32 else "scaled nnU-Net"
    assert notes[-1] == f"baseline {name}: 3 iterations"
    assert len(notes) == (1 if width == 32 else 2)
    if width < 32:
        assert f"would take {work:.1f} times the operations of a median trial" in notes[0]
        assert f"with {width} instead of 32 channels" in notes[0]


def test_a_task_without_networks_has_no_baselines() -> None:
    with pytest.raises(ValueError, match=r"which this task has none of; use baselines=\[\]"):
        find_baselines(["nnunet"], ToyTask(), SearchSpace(), 0)
    assert find_baselines([], ToyTask(), SearchSpace(), 0) == ((), [])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (SMALL, ["nnunet"]),
        ((*SMALL, "baselines=[]"), []),
        ((*SMALL, "baselines=[resenc,nnunet]"), ["resenc", "nnunet"]),
        ((*SMALL, "task.match_parameters=100000"), []),
        ((*SMALL, "space.augmentation=spatial", "task.trained_corruptions=exclude"), []),
        ((*SMALL, "task.trained_corruptions=exclude", "task.corruptions=[motion]"), ["nnunet"]),
        (("study=any", "task=toy"), []),
        (("experiment=quickstart",), []),
    ],
)
def test_a_new_study_keeps_the_usual_baselines_unless_it_names_others(
    words: tuple[str, ...], expected: list[str]
) -> None:
    composed = settle(compose(words))
    assert composed.experiment.baselines == expected
    assert compose_again(words, composed.text, ()).experiment.baselines == expected


def test_a_default_that_would_change_what_counts_is_left_out_with_the_reason() -> None:
    experiment = compose([*SMALL, "space.augmentation=spatial", "task.trained_corruptions=exclude"]).experiment
    names, reason = experiment.task.choose_baselines(experiment.build_space())
    assert not names
    assert "would count no more: nnU-Net sees such changes in training; baselines=[nnunet] trains it" in reason


def test_an_earlier_study_has_none_and_gets_none() -> None:
    stored = settle(compose(SMALL)).text
    earlier = "\n".join(line for line in stored.splitlines() if line not in ("baselines:", "- nnunet"))
    assert compose_again(SMALL, earlier, ()).experiment.baselines == []
    with pytest.raises(ValueError, match=r"was started with baselines=\[\] and cannot be resumed with baselines"):
        compose_again(SMALL, earlier, ["baselines=[nnunet]"])
