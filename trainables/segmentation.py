"""One trial: a network is built from a candidate, trained, and measured.

Nothing here calls anybody back, so a trial runs in a plain loop:

    task = SegmentationConfig().build(TexturesConfig())
    trial = task.build(Assignment(Candidate(), seed=1))
    for _ in range(trial.num_steps):
        print(trial.step().values)
    print(trial.evaluate(Split.VALIDATION).objectives.values)

Everything random derives from the assignment's seed, in streams of their own: the weights, the patches, the
augmentation. Two candidates with equal seeds therefore meet the same patches as far as their patch size allows. On a
CPU, equal assignments end in equal bits.

In a process group, every process runs this same code on its share of each batch (see `parallel.py`), and one of them,
the leader, measures and saves for all. A trial can be saved by one process and go on with several, and the reverse.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from monai.losses.dice import DiceCELoss
from torch import Tensor, nn

from spaces.objective import Measurement
from trainables.augmentation import augment, draw_augmentation
from trainables.costs import count_parameters, measure_latency_ms
from trainables.datasets import load_once
from trainables.evaluation import Battery, Scores, measure
from trainables.networks import build_network, initialise_weights
from trainables.objectives import ACCURACY, ROBUSTNESS, measure_accuracy, measure_robustness
from trainables.parallel import gather, is_leader, replicate, take_share
from trainables.sampling import PatchSampler
from trainables.seeds import derive_seed
from trainables.segmentation_task import SegmentationTask
from trainables.trainable import Assignment, Evaluation, Split

WARM_UP = 0.1
"""Share of the budget over which the learning rate rises."""

WEIGHT_DECAY = 1e-4
MAX_GRADIENT_NORM = 12.0
"""Longer gradients are shortened to this: one odd batch must not throw a short training off its course."""

WEIGHTS_FILE, STATE_FILE = "weights.pt", "training.pt"


class SegmentationTrainable:
    """A candidate in training on a segmentation task. Implements `Trainable`."""

    def __init__(self, task: SegmentationTask, assignment: Assignment) -> None:
        torch.set_num_threads(assignment.num_threads)
        self._task, self._assignment = task, assignment
        self._recipe = assignment.candidate.recipe
        self._dataset = load_once(task.data)
        self._network = build_network(
            assignment.candidate.architecture,
            spatial_dims=self._dataset.spatial_dims,
            in_channels=self._dataset.num_channels,
            num_classes=self._dataset.num_classes,
        )
        initialise_weights(self._network, assignment.seed)
        self._network.to(assignment.device)
        self._replica: nn.Module | None = None
        self._sampler = PatchSampler(
            self._dataset.train,
            patch=self._recipe.patch,
            foreground_ratio=self._recipe.foreground_ratio,
            device=assignment.device,
        )
        self._loss = DiceCELoss(to_onehot_y=True, softmax=True, batch=True)
        self._optimiser = torch.optim.AdamW(self._network.parameters(), weight_decay=WEIGHT_DECAY, fused=True)
        self._patch_generator = _generator("patches", assignment.seed)
        self._augmentation_generator = _generator("augmentation", assignment.seed)
        self._steps_done, self._train_seconds = 0, 0.0

    @property
    def num_steps(self) -> int:
        """How often `step` is to be called in all."""
        return self._task.num_steps

    @property
    def steps_done(self) -> int:
        """How often `step` was called, counting those before a `load`."""
        return self._steps_done

    def step(self) -> Measurement:
        """Trains for `iterations_per_step` iterations, then measures both objectives on a few validation cases.

        The quick robustness takes one severity of each corruption; it is paired across candidates and steps. Processes
        other than the leader return an empty measurement.

        Raises:
            ValueError: if the loss is not finite; the message names the iteration.
        """
        start = time.perf_counter()
        first = self._steps_done * self._task.iterations_per_step
        losses = [self._train_once(first + offset) for offset in range(self._task.iterations_per_step)]
        # Looked at once per step: asking after every iteration would make a GPU wait.
        for offset, loss in enumerate(torch.stack(losses).tolist()):
            if not math.isfinite(loss):
                raise ValueError(
                    f"loss must be finite, got {loss} at iteration {first + offset}; try a lower learning rate than "
                    f"{self._recipe.learning_rate:g}"
                )
        self._train_seconds += time.perf_counter() - start
        self._steps_done += 1
        if not is_leader():
            return Measurement({})
        return _summarise(self._measure(Split.VALIDATION, [self._task.quick_severity], self._task.num_quick_cases))

    def evaluate(self, split: Split) -> Evaluation:
        """Objectives on all cases of a split over the whole battery, the rows they are made of, and the costs."""
        scores = self._measure(split, self._task.severities)
        image = torch.from_numpy(self._dataset.cases(split)[0].image).to(self._assignment.device)
        costs = {
            "parameters": float(count_parameters(self._network)),
            "latency_ms": measure_latency_ms(self._network, image, self._recipe.patch),
            "train_seconds": self._train_seconds,
        }
        return Evaluation(_summarise(scores), costs, scores.rows, scores.degenerate)

    def save(self, folder: Path) -> None:
        """Writes `weights.pt` (the network alone) and `training.pt` (all else that going on needs)."""
        state = {
            "candidate": self._assignment.candidate.short_hash,
            "seed": self._assignment.seed,
            "steps_done": self._steps_done,
            "train_seconds": self._train_seconds,
            "optimiser": self._optimiser.state_dict(),
            "patch_generator": self._patch_generator.get_state(),
            "augmentation_generator": self._augmentation_generator.get_state(),
        }
        _write(self._network.state_dict(), folder / WEIGHTS_FILE)
        _write(state, folder / STATE_FILE)

    def load(self, folder: Path) -> None:
        """Goes on from what `save` wrote, bit by bit as without the interruption.

        Raises:
            ValueError: if another candidate or seed was saved there.
        """
        state = torch.load(folder / STATE_FILE, weights_only=True, map_location="cpu")
        mine = (self._assignment.candidate.short_hash, self._assignment.seed)
        if (state["candidate"], state["seed"]) != mine:
            raise ValueError(
                f"checkpoint must hold candidate {mine[0]} with seed {mine[1]}, got {state['candidate']} with seed "
                f"{state['seed']} in '{folder}'; name the folder of this trial"
            )
        weights = torch.load(folder / WEIGHTS_FILE, weights_only=True, map_location="cpu")
        self._network.load_state_dict(weights)
        self._optimiser.load_state_dict(state["optimiser"])
        self._patch_generator.set_state(state["patch_generator"])
        self._augmentation_generator.set_state(state["augmentation_generator"])
        self._steps_done, self._train_seconds = state["steps_done"], state["train_seconds"]

    def _train_once(self, iteration: int) -> Tensor:
        """The loss of one optimiser iteration, still on the device."""
        num_iterations = self._task.num_steps * self._task.iterations_per_step
        for group in self._optimiser.param_groups:
            group["lr"] = self._recipe.learning_rate * learning_rate_factor(iteration, num_iterations)
        batch_size = self._task.batch_size(self._recipe.patch, self._dataset.spatial_dims)
        images, labels = self._sampler.sample(batch_size, self._patch_generator)
        draw = draw_augmentation(batch_size, self._dataset.spatial_dims, self._augmentation_generator)
        images, labels = augment(images, labels, self._recipe.augmentation, draw)
        if self._replica is None:
            # Not earlier: a trial that is only measured trains nothing, and then no other process takes part.
            self._replica = replicate(self._network)
        logits = gather(self._replica(take_share(images)), batch_size)
        loss: Tensor = self._loss(logits, labels[:, None])
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), MAX_GRADIENT_NORM)
        self._optimiser.step()
        return loss.detach()

    def _measure(self, split: Split, severities: Sequence[int], num_cases: int | None = None) -> Scores:
        return measure(
            self._network,
            self._dataset.cases(split)[:num_cases],
            Battery.of(self._task.corruptions, severities, self._task.battery_seed),
            patch=self._recipe.patch,
            num_classes=self._dataset.num_classes,
            device=self._assignment.device,
        )


def learning_rate_factor(iteration: int, num_iterations: int) -> float:
    """Share of the peak learning rate: rises linearly over the warm-up, then falls to 0 along a cosine.

    Args:
        iteration: 0 to num_iterations - 1.
        num_iterations: The whole budget, not a step's.
    """
    num_warm_up = max(1, round(WARM_UP * num_iterations))
    if iteration < num_warm_up:
        return (iteration + 1) / num_warm_up
    progress = (iteration - num_warm_up) / max(num_iterations - num_warm_up, 1)
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def _summarise(scores: Scores) -> Measurement:
    return Measurement({ACCURACY.name: measure_accuracy(scores.rows), ROBUSTNESS.name: measure_robustness(scores.rows)})


def _generator(stream: str, seed: int) -> torch.Generator:
    """A CPU generator for one stream of a trial: equal on every device."""
    return torch.Generator().manual_seed(derive_seed(stream, seed))


def _write(state: object, path: Path) -> None:
    """Under a temporary name first: a crash leaves the old file or the new one, never half of one."""
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
