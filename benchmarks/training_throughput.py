"""How fast a trial trains and measures, beside what nothing can be faster than and beside MONAI's own pipeline.

All with the same network, loss, optimiser, batches of the same size from the same volumes or pictures, one after the
other in rounds, so that a noisy machine disturbs all alike. What counts are the ratios; each is the median over rounds.
On a CPU, time is that of the process: what others take from the machine does not count.

    ours     the trial's loop: draw patches with the foreground ratio, augment, learn
    limit    learn alone, from one batch that is there: nothing to draw, move or augment
    MONAI    CacheDataset, RandCropByPosNegLabeld, RandFlipd, RandScaleIntensityd, RandShiftIntensityd, DataLoader as
             its documentation has them, without worker processes on a CPU, as the one thread is busy; and the same
             learning

Whole-image inference the same way: the sliding window of a trial's evaluation, a forward pass of as many windows, and
MONAI's SlidingWindowInferer with its documented settings.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from monai.data import CacheDataset, DataLoader
from monai.inferers import SlidingWindowInferer
from monai.transforms import (
    Compose,
    EnsureTyped,
    RandCropByPosNegLabeld,
    RandFlipd,
    RandScaleIntensityd,
    RandShiftIntensityd,
)
from results import record
from torch import Tensor, nn

from spaces.architecture import Architecture
from spaces.recipe import Recipe
from trainables.augmentation import augment, draw_augmentation
from trainables.datasets import Case
from trainables.evaluation import WINDOW_OVERLAP, predict
from trainables.learner import Learner, find_half, lay_out
from trainables.networks import build_network, initialise_weights
from trainables.sampling import PatchSampler, TrainingCases

RECIPE = Recipe(patch=32, mirroring="on", augmentation="intensity")
DEPTH = 3

CROPS_PER_CASE = 4
"""Patches that MONAI's crop takes from a case at a time, as in its spleen tutorial."""


@dataclass(frozen=True)
class Setting:
    """What is measured."""

    spatial_dims: int
    device: str
    batch_size: int
    iterations: int
    rounds: int
    width: int


def build_cases(spatial_dims: int) -> list[Case]:
    """Sixteen noisy images with a ball, the size of those that are searched with: real pixels would train alike."""
    generator = np.random.default_rng(0)
    shape = (48, 56, 40) if spatial_dims == 3 else (160, 160)
    cases = []
    for number in range(16):
        places = np.stack(np.meshgrid(*[np.arange(extent) for extent in shape], indexing="ij"))
        middle = np.array(shape).reshape(-1, *[1] * spatial_dims) * generator.uniform(0.4, 0.6)
        label = (((places - middle) ** 2).sum(axis=0) < (min(shape) / 4) ** 2).astype(np.uint8)
        image = np.clip(0.3 * label + 0.6 * generator.random(shape), 0, 1).astype(np.float32)[None]
        cases.append(Case(f"case_{number}", "here", f"{number}", "train", image, label))
    return cases


def build_learner(setting: Setting) -> Learner:
    """A fresh network in the hands of a learner; the same weights every time."""
    architecture = Architecture(depth=DEPTH, width=setting.width)
    network = build_network(architecture, spatial_dims=setting.spatial_dims, in_channels=1, num_classes=2)
    initialise_weights(network, 0)
    network.to(setting.device)
    is_half = find_half("auto", setting.device)
    if is_half:
        lay_out(network, setting.spatial_dims)
    return Learner(network, RECIPE, num_iterations=10**6, seed=0, is_half=is_half)


def prepare_ours(setting: Setting, cases: list[Case]) -> Callable[[], None]:
    """One iteration of a trial."""
    learner, generator = build_learner(setting), torch.Generator().manual_seed(0)
    sampler = PatchSampler(TrainingCases(cases, setting.device), patch=RECIPE.patch, foreground_ratio=0.5)

    def iterate() -> None:
        images, labels = sampler.sample(setting.batch_size, generator)
        draw = draw_augmentation(setting.batch_size, setting.spatial_dims, RECIPE.augmentation_strength, generator)
        learner.learn(*augment(images, labels, RECIPE, draw), 0)

    return iterate


def prepare_limit(setting: Setting, cases: list[Case]) -> Callable[[], None]:
    """Forward, backward and step on one batch that stays where it is."""
    learner = build_learner(setting)
    sampler = PatchSampler(TrainingCases(cases, setting.device), patch=RECIPE.patch, foreground_ratio=0.5)
    images, labels = sampler.sample(setting.batch_size, torch.Generator().manual_seed(0))
    return lambda: _forget(learner.learn(images, labels, 0))


def prepare_monai(setting: Setting, cases: list[Case]) -> Callable[[], None]:
    """The same learning, fed by MONAI's data pipeline."""
    learner, keys = build_learner(setting), ["image", "label"]
    size = [RECIPE.patch] * setting.spatial_dims
    transform = Compose(
        [
            EnsureTyped(keys=keys),
            RandCropByPosNegLabeld(
                keys=keys, label_key="label", spatial_size=size, pos=1, neg=1, num_samples=CROPS_PER_CASE
            ),
            *[RandFlipd(keys=keys, prob=0.5, spatial_axis=axis) for axis in range(setting.spatial_dims)],
            RandScaleIntensityd(keys="image", factors=0.3, prob=1.0),
            RandShiftIntensityd(keys="image", offsets=0.15, prob=1.0),
        ]
    )
    transform.set_random_state(seed=0)
    items = [{"image": case.image, "label": case.label[None]} for case in cases]
    dataset = CacheDataset(items, transform, cache_rate=1.0, progress=False)
    loader = DataLoader(
        dataset,
        batch_size=max(setting.batch_size // CROPS_PER_CASE, 1),
        shuffle=True,
        num_workers=8 if setting.device != "cpu" else 0,
        pin_memory=setting.device != "cpu",
        persistent_workers=setting.device != "cpu",
    )
    batches = _repeat(loader)

    def iterate() -> None:
        batch = next(batches)
        images = batch["image"].as_tensor().to(setting.device, non_blocking=True)
        labels = batch["label"].as_tensor().to(setting.device, non_blocking=True)
        learner.learn(images, labels[:, 0].long(), 0)

    return iterate


def measure_training(setting: Setting) -> list[str]:
    """A row of the table: ratios of patches per second."""
    cases = build_cases(setting.spatial_dims)
    works = {
        "ours": prepare_ours(setting, cases),
        "limit": prepare_limit(setting, cases),
        "monai": prepare_monai(setting, cases),
    }
    seconds = alternate(works, setting)
    rate = setting.batch_size * setting.iterations / statistics.median(seconds["ours"])
    return [f"training, {setting.spatial_dims}D", f"{rate:.0f} patches/s", *compare(seconds)]


def measure_inference(setting: Setting) -> list[str]:
    """A row of the table: ratios of whole images per second."""
    network = build_learner(setting)._network.eval()
    shape = (48, 56, 40) if setting.spatial_dims == 3 else (160, 160)
    size = [RECIPE.patch] * setting.spatial_dims
    images = torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(0)).to(setting.device)
    counted = _Counter(network)
    predict(counted, images, RECIPE.patch)
    windows = torch.rand(counted.num_windows, 1, *size, device=setting.device)
    inferer = SlidingWindowInferer(roi_size=size, sw_batch_size=4, overlap=WINDOW_OVERLAP)

    def run(work: Callable[[], object]) -> Callable[[], None]:
        def infer() -> None:
            with torch.inference_mode():
                work()

        return infer

    works = {
        "ours": run(lambda: predict(network, images, RECIPE.patch)),
        "limit": run(lambda: network(windows)),
        "monai": run(lambda: inferer(images, network)),
    }
    seconds = alternate(works, setting)
    rate = setting.iterations / statistics.median(seconds["ours"])
    return [f"inference, {setting.spatial_dims}D", f"{rate:.1f} images/s", *compare(seconds)]


def alternate(works: dict[str, Callable[[], None]], setting: Setting) -> dict[str, list[float]]:
    """Seconds of every work in every round, in turns, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    clock = time.process_time if setting.device == "cpu" else time.perf_counter
    for number in range(setting.rounds + 1):
        for name, work in works.items():
            _wait(setting.device)
            start = clock()
            for _ in range(setting.iterations):
                work()
            _wait(setting.device)
            if number:
                seconds[name].append(clock() - start)
    return seconds


def compare(seconds: dict[str, list[float]]) -> list[str]:
    """Our speed as a share of the limit's, and as a multiple of MONAI's: medians of rounds, with their range."""
    cells = []
    for peer in ("limit", "monai"):
        ratios = [theirs / ours for ours, theirs in zip(seconds["ours"], seconds[peer], strict=True)]
        cells.append(f"{statistics.median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})")
    return cells


class _Counter(nn.Module):
    """Counts the windows that go through a network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.num_windows = network, 0

    def forward(self, images: Tensor) -> Tensor:
        self.num_windows += len(images)
        logits: Tensor = self.network(images)
        return logits


def _repeat(loader: DataLoader) -> Iterator[dict[str, Tensor]]:
    while True:
        yield from loader


def _forget(loss: Tensor) -> None:
    del loss


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def main() -> None:
    """Measures all and writes the section of RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--iterations", type=int, default=0)
    parser.add_argument("--width", type=int, default=4, help="of the network: the wider, the less the data matter")
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 3], help="spatial dimensions")
    parser.add_argument("--print-only", action="store_true", help="leave RESULTS.md as it is")
    parsed = parser.parse_args()
    torch.set_num_threads(1)
    is_gpu = parsed.device != "cpu"
    rows = []
    for spatial_dims in parsed.dims:
        batch_size = (64 if spatial_dims == 3 else 256) if is_gpu else (4 if spatial_dims == 3 else 16)
        iterations = parsed.iterations or (30 if is_gpu else 6)
        setting = Setting(spatial_dims, parsed.device, batch_size, iterations, parsed.rounds, parsed.width)
        rows += [measure_training(setting), measure_inference(setting)]
        print(rows[-2:], flush=True)
    head = ["", "ours", "share of the limit", "multiple of MONAI"]
    where = torch.cuda.get_device_name(parsed.device) if is_gpu else "one CPU thread"
    text = (
        f"{where}; patches of edge 32, a network of width {parsed.width} and depth {DEPTH} "
        "(`benchmarks/training_throughput.py`). The limit is forward, backward and step on a batch that is there, or a "
        "forward pass of the windows. Medians of "
        f"{parsed.rounds} rounds in turns, with the lowest and highest round. The aims are 0.90 of the limit and 1.4 "
        "times MONAI on a CPU, 0.80 and 5 times on a GPU."
    )
    if parsed.print_only:
        print("\n".join(" | ".join(row) for row in [head, *rows]))
    else:
        print(record(f"Training throughput on a {'GPU' if is_gpu else 'CPU'}", text, [head, *rows]))


if __name__ == "__main__":
    main()
