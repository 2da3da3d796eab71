"""Measuring a trained network: on clean images, and on the battery of corruptions.

Inference slides a window of the size of the training patch over the image, so that a network sees as much context in
use as it saw in training.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from monai.inferers.utils import sliding_window_inference
from torch import Tensor, nn

from trainables.corruptions import corrupt, corruption_generator
from trainables.datasets import Case
from trainables.degeneracy import find_degeneracy
from trainables.metrics import dice
from trainables.severities import CLEAN
from trainables.trainable import CaseScore

WINDOW_OVERLAP = 0.25
"""Least share of a window that its neighbour covers again."""

PIXELS_PER_PASS = 2**17
"""Pixels or voxels that go through the network at once: bounds the memory, whatever the size of images and windows."""


@dataclass(frozen=True)
class Condition:
    """One state in which every case is measured."""

    corruption: str
    severity: int


CLEAN_CONDITION = Condition(CLEAN, 0)


@dataclass(frozen=True)
class Battery:
    """All conditions of a measurement, with the seed of their draws."""

    conditions: tuple[Condition, ...]
    seed: int

    @classmethod
    def of(cls, corruptions: Sequence[str], severities: Sequence[int], seed: int) -> Battery:
        """Clean, then every corruption at every severity."""
        pairs = itertools.product(corruptions, severities)
        return cls((CLEAN_CONDITION, *(Condition(*pair) for pair in pairs)), seed)


@dataclass(frozen=True)
class Scores:
    """What a network reached on some cases."""

    rows: tuple[CaseScore, ...]
    """One for every condition and case."""

    degenerate: str
    """Why the network counts as broken, judged on clean images, or ''."""


def predict(
    network: nn.Module, images: Float[Tensor, "b c *spatial"], patch: int
) -> Float[Tensor, "b classes *spatial"]:
    """Logits of whole images; windows of edge `patch` overlap, and their logits are averaged.

    Images smaller than the window are padded with zeros, as in training.
    """
    spatial_dims = images.ndim - 2
    windows_per_pass = max(PIXELS_PER_PASS // patch**spatial_dims, 1)
    with torch.inference_mode():
        logits = sliding_window_inference(
            images, (patch,) * spatial_dims, windows_per_pass, network, overlap=WINDOW_OVERLAP, mode="constant"
        )
    assert isinstance(logits, Tensor)
    return logits


def measure(
    network: nn.Module, cases: Sequence[Case], battery: Battery, *, patch: int, num_classes: int, device: str = "cpu"
) -> Scores:
    """Dice of every case under every condition, mean over foreground classes.

    The network is put into evaluation mode for the while. A corrupted image depends on case, corruption, severity and
    the battery's seed alone: neither on the network nor on the order.
    """
    was_training = network.training
    network.eval()
    rows: list[CaseScore] = []
    clean: tuple[list[Tensor], list[Tensor]] = ([], [])
    for condition in battery.conditions:
        for group in _same_shape(cases):
            images = torch.cat([degrade(case, condition, battery.seed) for case in group]).to(device)
            labels = torch.stack([torch.from_numpy(case.label).long() for case in group]).to(device)
            masks = predict(network, images, patch).argmax(dim=1)
            rows += _to_rows(group, condition, dice(masks, labels, num_classes))
            if condition == CLEAN_CONDITION:
                clean[0].extend(masks)
                clean[1].extend(labels)
    network.train(was_training)
    return Scores(tuple(rows), find_degeneracy(*clean) if clean[0] else "")


def degrade(case: Case, condition: Condition, seed: int) -> Float[Tensor, "1 c *spatial"]:
    """The case's image under a condition: the same for every network, on the CPU."""
    generator = corruption_generator(case.name, condition.corruption, condition.severity, seed)
    return corrupt(torch.from_numpy(case.image)[None], condition.corruption, condition.severity, generator)


def _same_shape(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """Groups of cases that fit into one batch, together all cases."""
    groups: dict[tuple[int, ...], list[Case]] = {}
    for case in cases:
        groups.setdefault(case.label.shape, []).append(case)
    yield from groups.values()


def _to_rows(cases: Sequence[Case], condition: Condition, scores: Float[Tensor, "b classes"]) -> Iterator[CaseScore]:
    for case, value in zip(cases, scores.mean(dim=1).tolist(), strict=True):
        yield CaseScore(case.name, case.domain, condition.corruption, condition.severity, "dice", value)
