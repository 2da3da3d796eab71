"""The gate: which networks are left out of the front, and with which cases that is found out.

It gets masks, and a function that predicts masks of changed images, so it does not depend on how images are predicted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.data.regions import Regions
from paretoseg.trainables.evaluation.degeneracy import Verdict, find_degeneracy, find_ignored_images
from paretoseg.trainables.seeds import derive_seed

MAX_PROBED = 4
"""Largest number of cases with which it is tested whether a network ignores its images."""

PredictMasks = Callable[[Sequence[Case]], Mapping[str, Tensor]]
"""Predicts the classes of cases, by name of the case, on the grid of the other masks and on the CPU."""


def judge(
    cases: Sequence[Case],
    predicted: Mapping[str, Tensor],
    actual: Mapping[str, Tensor],
    *,
    class_names: Sequence[str],
    predict_masks: PredictMasks,
    regions: Regions | None = None,
) -> Verdict:
    """Whether a network is degenerate; it does not depend on the order of cases.

    Args:
        cases: The cases on which it was measured.
        predicted: Its predicted classes of their clean images, by name of the case.
        actual: The references, by name of the case.
        class_names: Names by label, the background first.
        predict_masks: Predicts with this network; it gets some of the cases, their images shuffled.
        regions: What the classes consist of, if they overlap.
    """
    names = [case.name for case in cases]
    masks, labels = ([of[name] for name in names] for of in (predicted, actual))
    found = find_degeneracy(masks, labels, class_names, regions)
    if found.reason:
        return found
    return dataclasses.replace(found, reason=_probe(choose_probed(cases, predicted), predicted, predict_masks))


def choose_probed(cases: Sequence[Case], predicted: Mapping[str, Tensor]) -> list[Case]:
    """The cases with which it is tested whether a network ignores its images: some whose masks have foreground.

    An empty mask says nothing, because it is empty for shuffled pixels too. Only masks and names decide.
    """
    with_foreground = [case for case in cases if predicted[case.name].any()]
    return sorted(with_foreground, key=lambda case: derive_seed("probed", case.name))[:MAX_PROBED]


def _probe(cases: Sequence[Case], predicted: Mapping[str, Tensor], predict_masks: PredictMasks) -> str:
    if not cases:
        return ""
    shuffled = predict_masks([_shuffle(case) for case in cases])
    return find_ignored_images([predicted[case.name] for case in cases], [shuffled[case.name] for case in cases])


def _shuffle(case: Case) -> Case:
    """The case with the pixels of its image shuffled, all channels alike; the order depends only on its name."""
    generator = torch.Generator().manual_seed(derive_seed("probe", case.name))
    places = torch.randperm(case.label.size, generator=generator).numpy()
    image = np.asarray(case.image)
    return dataclasses.replace(case, image=image.reshape(len(image), -1)[:, places].reshape(image.shape))
