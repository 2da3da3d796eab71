"""A batch norm over processes is that of the whole batch, and MONAI's networks train on two as on one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.trial import SegmentationTrainable
from paretoseg.trainables.trainable import Assignment
from paretoseg.trainables.training.synced_norm import SyncedBatchNorm, set_num_own, sync_norms
from tests.trainables.processes import join, run_together
from tests.trainables.rounding import compute_in_double

FAMILIES = {
    "segresnet": Architecture(family="segresnet", depth=2, width=8),
    "unet with batch norm": Architecture(family="unet", depth=3, width=4, norm="batch", block="residual"),
    "attention_unet": Architecture(family="attention_unet", depth=3, width=4),
    "ours with batch norm": Architecture(depth=3, width=4, norm="batch", deep_supervision="on"),
}


def build_trial(architecture: Architecture) -> SegmentationTrainable:
    """Batches of five patches, which two processes cannot share evenly."""
    data = TexturesConfig(image_size=48, num_train=4, num_validation=3, num_test=2)
    task = SegmentationConfig(num_steps=1, iterations_per_step=1, pixels_per_batch=5 * 32**2).build(data)
    trial = task.build(Assignment(Candidate(architecture, Recipe(patch=32)), seed=1))
    compute_in_double(trial._network)
    return trial


def learn_once(architecture: Architecture) -> dict[str, torch.Tensor]:
    """The first gradient by name, and what the norms have kept for the evaluation."""
    trial = build_trial(architecture)
    trial._train_once(0)
    network = trial._network
    gradients = {name: weight.grad for name, weight in network.named_parameters() if weight.grad is not None}
    return gradients | {name: buffer.double() for name, buffer in network.named_buffers()}


def learn_together(rank: int, num_workers: int, meeting: str, folder: Path) -> None:
    join(rank, num_workers, meeting)
    for name, architecture in FAMILIES.items():
        torch.save(learn_once(architecture), folder / f"{name}-{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_families_and_batch_norms_learn_on_two_processes_as_on_one(tmp_path: Path) -> None:
    run_together(learn_together, 2, tmp_path)
    for name, architecture in FAMILIES.items():
        alone = learn_once(architecture)
        assert max(float(value.abs().max()) for value in alone.values()) > 1e-2, "nothing would be shown"
        for rank in (0, 1):
            together = torch.load(tmp_path / f"{name}-{rank}.pt", weights_only=True)
            assert set(together) == set(alone), name
            for weight, value in alone.items():
                torch.testing.assert_close(together[weight], value, rtol=1e-9, atol=1e-11, msg=f"{name}: {weight}")


def normalise(rank: int, num_workers: int, meeting: str) -> None:
    join(rank, num_workers, meeting)
    batch = torch.rand(3, 2, 4, 5, generator=torch.Generator().manual_seed(0))
    plain = nn.BatchNorm2d(2)
    whole = nn.Sequential(nn.BatchNorm2d(2))
    sync_norms(whole)
    # The second process was given the first item as well, and must not count it.
    share, own = (batch[[0, 2]], 2) if rank == 0 else (batch[[1, 0]], 1)
    set_num_own(whole, own)
    found, expected = whole(share), plain(batch)
    torch.testing.assert_close(found, expected[[0, 2]] if rank == 0 else expected[[1, 0]])
    layer = whole[0]
    assert isinstance(layer, SyncedBatchNorm)
    torch.testing.assert_close(layer.running_mean, plain.running_mean)
    torch.testing.assert_close(layer.running_var, plain.running_var)
    assert layer.num_batches_tracked == 1
    dist.destroy_process_group()


@pytest.mark.slow
def test_what_two_processes_were_given_counts_once() -> None:
    run_together(normalise, 2)


def test_only_batch_norms_are_replaced_and_they_keep_their_weights_and_names() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Sequential(nn.InstanceNorm2d(2), nn.BatchNorm2d(2))
    )
    before = dict(network.state_dict(keep_vars=True))
    images = torch.rand(2, 1, 4, 4)
    answer = network.eval()(images)
    sync_norms(network)
    assert [type(module).__name__ for module in network.modules()].count("SyncedBatchNorm") == 2
    after = network.state_dict(keep_vars=True)
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    assert torch.equal(network(images), answer)
