"""How long trainings are, in words and in iterations."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from paretoseg.search.config.config import compose
from paretoseg.search.config.resuming import compose_again
from paretoseg.search.config.settling import settle
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.length import Length

WORDS = ("study=s", "data.num_train=3", "data.num_validation=1", "data.num_test=1")


@pytest.mark.parametrize(
    ("settings", "iterations"),
    [
        ({}, 50),
        ({"num_steps": 8}, 25),
        ({"length": Length.short}, 500),
        ({"length": Length.full, "num_steps": 1}, 250_000),
        ({"num_steps": 1000}, 1),
        ({"length": Length.full, "iterations_per_step": 7}, 7),
    ],
)
def test_steps_share_the_iterations_of_a_training(settings: dict[str, object], iterations: int) -> None:
    assert SegmentationConfig(**settings).step_iterations == iterations


@pytest.mark.parametrize(
    ("words", "length"),
    [
        ((), "look"),
        (("cluster=slurm", "cluster.gpus=1"), "standard"),
        (("task.length=short",), "short"),
        (("task.iterations_per_step=3",), "auto"),
    ],
)
def test_a_new_study_keeps_the_length_that_its_device_allows(words: tuple[str, ...], length: str) -> None:
    settled = settle(compose([*WORDS, *words]))
    assert settled.experiment.task.length == length
    assert OmegaConf.create(settled.text).task.length == length
    assert compose_again([*WORDS, *words], settled.text, ()).experiment.task == settled.experiment.task


def test_an_earlier_study_goes_on_with_its_iterations() -> None:
    before = OmegaConf.create(compose(WORDS).text)
    before.task.pop("length")
    before.task.iterations_per_step = 50
    task = compose_again(WORDS, OmegaConf.to_yaml(before), ()).experiment.task
    assert (task.length, task.step_iterations) == ("auto", 50)
    with pytest.raises(ValueError, match=r"task\.length"):
        compose_again(WORDS, OmegaConf.to_yaml(before), ("task.length=short",))
