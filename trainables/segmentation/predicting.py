"""What a training costs, as far as that is known before it: on torch's `meta` device, without values."""

from __future__ import annotations

from collections.abc import Collection

import torch

from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.datasets import Dataset
from paretoseg.trainables.networks.capacity import count_size, draw_blueprint
from paretoseg.trainables.segmentation.budget import count_training, plan_candidate
from paretoseg.trainables.segmentation.options import Precision
from paretoseg.trainables.segmentation.settings import SegmentationSettings
from paretoseg.trainables.trainable import BYTES_PER_GB, ESTIMATED_MEMORY
from paretoseg.trainables.training.learner import Learner
from paretoseg.trainables.training.losses import LabelKind


def predict_costs(
    settings: SegmentationSettings, candidate: Candidate, dataset: Dataset, names: Collection[str]
) -> dict[str, float]:
    """The costs of a candidate, of parameters, flops and the estimate of the memory, as far as they are named.

    Parameters and operations are those that the trial reports. So is the memory of a training that is not split and
    computes in float32; on a GPU with `precision=auto` the trial reports less, as it computes in bfloat16.
    """
    found = count_size(candidate, dataset, settings.network_rules, [name for name in names if name != ESTIMATED_MEMORY])
    if ESTIMATED_MEMORY in names:
        found[ESTIMATED_MEMORY] = _estimate_memory_gb(settings, candidate, dataset)
    return found


def count_work(settings: SegmentationSettings, candidate: Candidate, dataset: Dataset) -> float:
    """Operations of the whole training of a candidate, as the trial reports them (cost train_flops)."""
    plan = plan_candidate(settings, candidate, dataset)
    flops = count_size(candidate, dataset, settings.network_rules, ["flops"])["flops"]
    return count_training(plan, plan.num_steps, voxels=1, flops=flops)["train_flops"]


def _estimate_memory_gb(settings: SegmentationSettings, candidate: Candidate, dataset: Dataset) -> float:
    # MONAI's Swin transformer reads values while it is built, so it cannot be built of tensors without values.
    with torch.device("cpu" if candidate.architecture.family == "swin_unetr" else "meta"):
        blueprint = draw_blueprint(candidate, dataset, settings.network_rules)
        network = blueprint.build()
    plan = plan_candidate(settings, candidate, dataset)
    learner = Learner(
        network,
        candidate.recipe,
        num_iterations=plan.num_iterations,
        seed=0,
        has_auxiliary=candidate.architecture.is_supervised,
        is_bfloat16=settings.precision is Precision.bfloat16,
        labels=LabelKind(regions=dataset.regions),
    )
    batch = (plan.batch_size, dataset.num_channels, *blueprint.window)
    return learner.estimate_need(batch).total() / BYTES_PER_GB
