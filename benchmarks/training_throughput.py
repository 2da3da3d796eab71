"""How fast a trial trains and measures, beside what nothing can be faster than and beside MONAI's own pipeline.

All in one process with the same network, loss, optimiser and layout in memory, on batches of the same size from the
same volumes or pictures, in rounds of turns, each round with another one first, so that a noisy machine disturbs all
alike. What counts are the ratios; each is the median over rounds. On a CPU, time is that of the process: what others
take from the machine does not count. Freed memory is kept by the process for all of them, as a trial does: without
that, page faults hit one or the other by chance, by up to a tenth, and the limit is none.

    ours     the trial's loop: draw patches with the foreground ratio, augment, learn
    limit    learn alone, from one batch that is there: nothing to draw, move or augment
    MONAI    CacheDataset, RandCropByPosNegLabeld, RandFlipd, RandScaleIntensityd, RandShiftIntensityd, DataLoader as
             its documentation has them, without worker processes on a CPU, as the one thread is busy; and the same
             learning
    data     that pipeline without learning

The first network is small, MONAI's U-Net with 8, 16 and 32 channels, so that the data matter as much as they can: on a
CPU thread that learns some 90 patches of 32 x 32 x 32 a second, MONAI's data take half of what learning takes. The
second is our own, with as many channels and a multiple of the operations, as it works at full resolution.

Whole-image inference the same way: the sliding window of a trial's evaluation, forward passes of the same windows in
the same batches, and MONAI's SlidingWindowInferer with its default overlap, which is ours, and the four windows at a
time of its tutorials or the one of its defaults. Ours is the same function with as many windows at a time as fit: where
that is four, as in three dimensions with an edge of 32, there is no difference to find.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from monai.inferers import SlidingWindowInferer
from monai_pipeline import prepare_monai_batches
from results import record
from rounds import time_calls
from torch import Tensor, nn

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.recipe import Recipe
from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.evaluation.measuring import predict
from paretoseg.trainables.networks.encoder_decoder import build_network, initialise_weights
from paretoseg.trainables.scoring.windows import WINDOW_OVERLAP
from paretoseg.trainables.training.augmentation import augment, draw_augmentation
from paretoseg.trainables.training.learner import Learner, use_channels_last, uses_bfloat16
from paretoseg.trainables.training.memory import keep_freed_memory
from paretoseg.trainables.training.sampling import PatchSampler, TrainingCases

RECIPE = Recipe(patch=32, mirroring="on", augmentation="intensity")
NETWORKS = {"small U-Net": "unet", "own network": "composable"}
"""By its name in the table: `Architecture.family`."""

DEPTH = 3


@dataclass(frozen=True)
class Setting:
    """What is measured."""

    spatial_dims: int
    device: str
    batch_size: int
    iterations: int
    rounds: int
    architecture: Architecture


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
    network = build_network(setting.architecture, spatial_dims=setting.spatial_dims, in_channels=1, num_classes=2)
    initialise_weights(network, 0)
    network.to(setting.device)
    is_bfloat16 = uses_bfloat16("auto", setting.device)
    if is_bfloat16:
        use_channels_last(network, setting.spatial_dims)
    return Learner(network, RECIPE, num_iterations=10**6, seed=0, is_bfloat16=is_bfloat16)


def prepare_batches(setting: Setting, cases: list[Case]) -> Callable[[], tuple[Tensor, Tensor]]:
    """The images and labels of a trial's iteration."""
    generator = torch.Generator().manual_seed(0)
    sampler = PatchSampler(
        TrainingCases(cases, setting.device), window=(RECIPE.patch,) * setting.spatial_dims, foreground_ratio=0.5
    )

    def draw_batch() -> tuple[Tensor, Tensor]:
        images, labels = sampler.sample(setting.batch_size, generator)
        draw = draw_augmentation(setting.batch_size, setting.spatial_dims, RECIPE.augmentation_strength, generator)
        return augment(images, labels, RECIPE, draw, (1.0,) * setting.spatial_dims)

    return draw_batch


def prepare_ours(setting: Setting, cases: list[Case]) -> Callable[[], object]:
    """One iteration of a trial."""
    learner, draw_batch = build_learner(setting), prepare_batches(setting, cases)
    return lambda: learner.learn(*draw_batch(), 0)


def prepare_limit(setting: Setting, cases: list[Case]) -> Callable[[], object]:
    """Forward, backward and step on one batch that stays where it is."""
    learner, (images, labels) = build_learner(setting), prepare_batches(setting, cases)()
    return lambda: learner.learn(images, labels, 0)


def prepare_monai(setting: Setting, cases: list[Case]) -> Callable[[], object]:
    """The same learning, fed by MONAI's data pipeline."""
    learner, draw_batch = (
        build_learner(setting),
        prepare_monai_batches(cases, RECIPE.patch, batch_size=setting.batch_size, device=setting.device),
    )
    return lambda: learner.learn(*draw_batch(), 0)


def measure_training(setting: Setting, name: str) -> list[str]:
    """A row of the table: patches per second, and their ratios."""
    cases = build_cases(setting.spatial_dims)
    works = {
        "ours": prepare_ours(setting, cases),
        "limit": prepare_limit(setting, cases),
        "monai": prepare_monai(setting, cases),
        "data": prepare_monai_batches(cases, RECIPE.patch, batch_size=setting.batch_size, device=setting.device),
    }
    seconds = alternate(works, setting)
    return [f"training, {setting.spatial_dims}D, {name}", *rate(seconds, works, setting), *compare(seconds)]


def measure_inference(setting: Setting, name: str, windows_at_a_time: int) -> list[str]:
    """A row of the table: whole images per second, and their ratios."""
    network = build_learner(setting)._network.eval()
    shape = (48, 56, 40) if setting.spatial_dims == 3 else (160, 160)
    size = [RECIPE.patch] * setting.spatial_dims
    images = torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(0)).to(setting.device)
    counted = _Counter(network)
    predict(counted, images, size)
    passes = [torch.rand(num, 1, *size, device=setting.device) for num in counted.sizes]
    inferer = SlidingWindowInferer(roi_size=size, sw_batch_size=windows_at_a_time, overlap=WINDOW_OVERLAP)

    def run(work: Callable[[], object]) -> Callable[[], object]:
        def infer() -> object:
            with torch.inference_mode():
                return work()

        return infer

    works = {
        "ours": run(lambda: predict(network, images, size)),
        "limit": run(lambda: [network(windows) for windows in passes]),
        "monai": run(lambda: inferer(images, network)),
    }
    setting = dataclasses.replace(setting, batch_size=1)
    seconds = alternate(works, setting)
    title = f"inference, {setting.spatial_dims}D, {name}, MONAI with {windows_at_a_time} at a time"
    return [title, *rate(seconds, works, setting), "", *compare(seconds)]


def alternate(works: dict[str, Callable[[], object]], setting: Setting) -> dict[str, list[float]]:
    """Seconds of every work in every round, in turns, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    names = list(works)
    for number in range(setting.rounds + 1):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            taken = time_calls(works[name], setting.iterations, setting.device)
            if number:
                seconds[name].append(taken)
    return seconds


def rate(seconds: dict[str, list[float]], works: Iterable[str], setting: Setting) -> list[str]:
    """Patches or images per second of every work, by the median of its rounds."""
    num = setting.batch_size * setting.iterations
    return [f"{num / statistics.median(seconds[name]):.0f}" for name in works]


def compare(seconds: dict[str, list[float]]) -> list[str]:
    """Our speed as a share of the limit's, and as a multiple of MONAI's: medians of rounds, with their range."""
    cells = []
    for peer in ("limit", "monai"):
        ratios = [theirs / ours for ours, theirs in zip(seconds["ours"], seconds[peer], strict=True)]
        cells.append(f"{statistics.median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})")
    return cells


class _Counter(nn.Module):
    """Counts the windows that go through a network at a time."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.sizes = network, list[int]()

    def forward(self, images: Tensor) -> Tensor:
        self.sizes.append(len(images))
        logits: Tensor = self.network(images)
        return logits


def main() -> None:
    """Measures all and writes the section of RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--iterations", type=int, default=0)
    parser.add_argument("--width", type=int, default=8, help="of the networks: the wider, the less the data matter")
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 3], help="spatial dimensions")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS, help="which ones")
    parser.add_argument("--print-only", action="store_true", help="leave RESULTS.md as it is")
    parsed = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    is_gpu = parsed.device != "cpu"
    rows = []
    for spatial_dims, name in itertools.product(parsed.dims, parsed.networks):
        batch_size = (64 if spatial_dims == 3 else 256) if is_gpu else (4 if spatial_dims == 3 else 16)
        iterations = parsed.iterations or (30 if is_gpu else 6)
        architecture = Architecture(family=NETWORKS[name], depth=DEPTH, width=parsed.width)
        setting = Setting(spatial_dims, parsed.device, batch_size, iterations, parsed.rounds, architecture)
        rows.append(measure_training(setting, name))
        rows += [measure_inference(setting, name, windows) for windows in (4, 1)]
        print(*rows[-3:], sep="\n", flush=True)
    head = ["", "ours, patches or images/s", "limit", "MONAI", "MONAI's data alone"]
    head += ["share of the limit", "multiple of MONAI"]
    where = torch.cuda.get_device_name(parsed.device) if is_gpu else "one CPU thread"
    text = (
        f"{where}; patches of edge 32, networks of width {parsed.width} and depth {DEPTH}: MONAI's small U-Net, where "
        "the data matter most, and our own (`benchmarks/training_throughput.py`). The limit is forward, backward and "
        "step on a batch that is there, or forward passes of the windows. Medians of "
        f"{parsed.rounds} rounds in turns, ratios with the lowest and highest round. The aims are 0.90 of the limit "
        "and 1.4 times MONAI on a CPU, 0.80 and 5 times on a GPU."
    )
    if parsed.print_only:
        print("\n".join(" | ".join(row) for row in [head, *rows]))
    else:
        print(record(f"Training throughput on a {'GPU' if is_gpu else 'CPU'}", text, [head, *rows]))


if __name__ == "__main__":
    main()
