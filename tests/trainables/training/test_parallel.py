"""Several processes train as one would: two of them, with gloo, against the plain loop."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.task import SegmentationTask
from paretoseg.trainables.segmentation.trial import SegmentationTrainable
from paretoseg.trainables.trainable import Assignment, Split
from paretoseg.trainables.training.parallel import count_workers, gather, is_leader, replicate, take_share
from tests.trainables.processes import join, run_together
from tests.trainables.rounding import compute_in_double

PLAIN = Candidate(Architecture(depth=2, width=4, skip="addition", attention="none"), Recipe(patch=32))
GATED = Candidate(
    Architecture(depth=3, width=4, skip="attention_gate", attention="cbam"),
    Recipe(patch=48, augmentation="spatial_intensity", optimiser="sgd", learning_rate=0.05),
)


def build_task() -> SegmentationTask:
    """Batches of 5 patches of 32, an odd number, and of 2 patches of 48."""
    data = TexturesConfig(image_size=48, num_train=4, num_validation=3, num_test=2)
    return SegmentationConfig(num_steps=3, iterations_per_step=2, pixels_per_batch=5 * 32**2).build(data)


def build_trial(candidate: Candidate) -> SegmentationTrainable:
    trial = build_task().build(Assignment(candidate, seed=1))
    compute_in_double(trial._network)
    return trial


def train(rank: int, num_workers: int, meeting: str, folders: tuple[Path, ...]) -> None:
    join(rank, num_workers, meeting)
    for folder, (index, candidate) in itertools.product(folders, enumerate((PLAIN, GATED))):
        first = build_trial(candidate)
        torch.save(first_gradient(first), folder / f"gradient-{index}.pt")
        trial = build_trial(candidate)
        if (folder / f"begun-{index}").exists():
            trial.load(folder / f"begun-{index}")
        steps = [trial.step().values for _ in range(trial.num_steps - trial.steps_done)]
        torch.save(trial._network.state_dict(), folder / f"rank-{rank}-{index}.pt")
        if is_leader():
            (folder / f"saved-{index}").mkdir()
            trial.save(folder / f"saved-{index}")
            torch.save(steps, folder / f"steps-{index}.pt")
        else:
            assert steps == [{}] * len(steps)
        dist.barrier()
    dist.destroy_process_group()


def first_gradient(trial: SegmentationTrainable) -> dict[str, torch.Tensor]:
    trial._train_once(0)
    return {name: parameter.grad for name, parameter in trial._network.named_parameters() if parameter.grad is not None}


def read(path: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = torch.load(path, weights_only=True)
    return weights


def distance(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert list(one) == list(other)
    return max(float((one[name] - other[name]).abs().max()) for name in one)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_end_in_the_weights_of_one_and_go_on_from_its_checkpoints(tmp_path: Path) -> None:
    fresh, resumed = tmp_path / "fresh", tmp_path / "resumed"
    resumed.mkdir()
    fresh.mkdir()
    expected = []
    for index, candidate in enumerate((PLAIN, GATED)):
        trial = build_trial(candidate)
        steps = []
        for _ in range(trial.num_steps):
            if trial.steps_done == 1:
                (resumed / f"begun-{index}").mkdir()
                trial.save(resumed / f"begun-{index}")
            steps.append(trial.step().values)
        before = build_trial(candidate)._network.state_dict()
        assert distance(before, trial._network.state_dict()) > 0.01, "without training, nothing would be shown"
        expected.append((trial, steps))

    run_together(train, 2, (fresh, resumed))
    for folder in (fresh, resumed):
        for index, (trial, steps) in enumerate(expected):
            saved = read(folder / f"saved-{index}" / "weights.pt")
            candidate = trial._assignment.candidate
            gradient = first_gradient(build_trial(candidate))
            assert distance(gradient, read(folder / f"gradient-{index}.pt")) < 1e-10
            assert distance(trial._network.state_dict(), saved) < 1e-7
            assert distance(read(folder / f"rank-0-{index}.pt"), read(folder / f"rank-1-{index}.pt")) == 0.0
            told = torch.load(folder / f"steps-{index}.pt", weights_only=True)
            for mine, theirs in zip(steps[-len(told) :], told, strict=True):
                assert mine == pytest.approx(theirs, abs=1e-6)
            alone = build_trial(candidate)
            alone.load(folder / f"saved-{index}")
            assert alone.steps_done == 3
            assert alone.evaluate(Split.TEST).objectives.values == pytest.approx(
                trial.evaluate(Split.TEST).objectives.values, abs=1e-6
            )


def check_gather(rank: int, num_workers: int, meeting: str) -> None:
    join(rank, num_workers, meeting)
    batch = torch.arange(10.0).reshape(5, 2) + 1.0
    share = take_share(batch)
    assert share[:, 0].tolist() == [[1.0, 7.0], [3.0, 9.0], [5.0, 1.0]][rank]
    weight = torch.nn.Parameter(torch.tensor(2.0))
    gathered = gather(share * weight, len(batch))
    assert torch.equal(gathered, 2.0 * batch)
    # No sum over items: a loss of shares would be another one.
    (gathered.sum() ** 2).backward()
    average = weight.grad
    assert average is not None
    dist.all_reduce(average)
    # d/dw (w * 55)^2 = 2 * w * 55^2, with w = 2.
    assert average.item() / num_workers == pytest.approx(4 * 55**2)
    dist.destroy_process_group()


@pytest.mark.slow
def test_the_gradient_through_the_gather_is_that_of_the_whole_batch() -> None:
    run_together(check_gather, 3)


def diverge(rank: int, num_workers: int, meeting: str) -> None:
    join(rank, num_workers, meeting)
    recipe = dataclasses.replace(PLAIN.recipe, learning_rate=1e38)
    trial = build_task().build(Assignment(dataclasses.replace(PLAIN, recipe=recipe), seed=1))
    with pytest.raises(ValueError, match="loss must be finite, got nan"):
        [trial.step() for _ in range(3)]
    dist.destroy_process_group()


@pytest.mark.slow
def test_a_diverged_training_is_noticed_by_every_process() -> None:
    run_together(diverge, 2)


def test_a_plain_process_takes_the_whole_batch_and_trains_the_network_itself() -> None:
    batch, network = torch.rand(3, 1, 4, 4), torch.nn.Conv2d(1, 1, 1)
    assert (count_workers(), is_leader()) == (1, True)
    assert take_share(batch) is batch
    assert gather(batch, 3) is batch
    assert replicate(network) is network
