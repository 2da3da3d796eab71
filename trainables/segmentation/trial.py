"""One trial: a network is built from a candidate, trained, and measured.

There are no callbacks, so a trial runs in a plain loop:

    task = SegmentationConfig().build(TexturesConfig())
    trial = task.build(Assignment(Candidate(), seed=1))
    for _ in range(trial.num_steps):
        print(trial.step().values)
    print(trial.evaluate(Split.VALIDATION).objectives.values)

All randomness derives from the assignment's seed, in separate streams for weights, patches and augmentation. Two
candidates with equal seeds therefore get the same patches as far as their patch size allows. On a CPU, equal
assignments give bitwise equal results.

In a process group, every process runs this code on its share of each batch (see `parallel.py`), and one of them, the
leader, measures and saves. A trial that was saved by one process can be resumed by several, and vice versa.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from paretoseg.spaces.atomic_file import open_atomically
from paretoseg.spaces.cost_objectives import COST_OBJECTIVES
from paretoseg.spaces.objective import Measurement
from paretoseg.spaces.objective_choice import ObjectiveChoice
from paretoseg.trainables.data.datasets import Case, DataConfig, load_once
from paretoseg.trainables.evaluation.costs import measure_costs, name_device
from paretoseg.trainables.evaluation.degrading import original_of, to_tensor
from paretoseg.trainables.evaluation.measuring import NetworkScores, measure
from paretoseg.trainables.evaluation.restoring import count_restoring_bytes
from paretoseg.trainables.networks.capacity import draw_blueprint
from paretoseg.trainables.networks.checkpoint import WEIGHTS_FILE
from paretoseg.trainables.networks.encoder_decoder import initialise_weights
from paretoseg.trainables.scoring.battery import Battery
from paretoseg.trainables.scoring.measures import MEASURES, Scoring, SurfaceMetrics
from paretoseg.trainables.scoring.objectives import RobustnessRule, add_objective_names, define_objectives
from paretoseg.trainables.scoring.profile import measure_profile
from paretoseg.trainables.scoring.score_objectives import SURFACE, measure_scores
from paretoseg.trainables.seeds import derive_seed
from paretoseg.trainables.segmentation.budget import count_training, plan_candidate
from paretoseg.trainables.segmentation.left_out import find_left_out_once
from paretoseg.trainables.segmentation.quick_part import choose_quick_part
from paretoseg.trainables.segmentation.sampled_seconds import sample_seconds
from paretoseg.trainables.segmentation.settings import SegmentationSettings
from paretoseg.trainables.trainable import (
    BYTES_PER_GB,
    ESTIMATED_MEMORY,
    TAKEN_MEMORY,
    Assignment,
    CaseScore,
    Evaluation,
    Split,
    TrialSeconds,
)
from paretoseg.trainables.training.augmentation import augment, draw_augmentation
from paretoseg.trainables.training.learner import Learner, use_channels_last, uses_bfloat16
from paretoseg.trainables.training.losses import LabelKind
from paretoseg.trainables.training.memory import PeakMeter, available_bytes, keep_freed_memory
from paretoseg.trainables.training.nnunet_augmentation import augment_like_nnunet, draw_nnunet
from paretoseg.trainables.training.parallel import count_workers, is_leader
from paretoseg.trainables.training.sampling import PatchSampler, load_training_cases_once

STATE_FILE = "training.pt"


class SegmentationTrainable:
    """Trains and measures one candidate on a segmentation task. Implements `Trainable`."""

    def __init__(
        self,
        settings: SegmentationSettings,
        data: DataConfig,
        rule: RobustnessRule,
        assignment: Assignment,
        choice: ObjectiveChoice | None = None,
    ) -> None:
        torch.set_num_threads(assignment.num_threads)
        keep_freed_memory()
        self._settings, self._data, self._rule, self._assignment = settings, data, rule, assignment
        self._choice = choice or ObjectiveChoice(define_objectives(MEASURES[settings.metric], rule))
        self._quick_costs: dict[str, float] | None = None
        self._recipe = assignment.candidate.recipe
        self._dataset = load_once(data)
        self._scoring = settings.scoring(self._dataset)
        self._spacing_mm = settings.augmentation_spacing(self._dataset)
        blueprint = draw_blueprint(assignment.candidate, self._dataset, settings.network_rules)
        self._window = blueprint.window
        self._sampler = PatchSampler(
            load_training_cases_once(data, assignment.device),
            window=blueprint.window,
            foreground_ratio=self._recipe.foreground_ratio,
            has_fixed_share=self._recipe.training == "nnunet",
        )
        self._meter = PeakMeter(assignment.device)
        self._network = blueprint.build()
        initialise_weights(self._network, assignment.seed)
        self._network.to(assignment.device)
        is_bfloat16 = uses_bfloat16(settings.precision, assignment.device)
        if is_bfloat16:
            use_channels_last(self._network, self._dataset.spatial_dims)
        self._plan = plan_candidate(settings, assignment.candidate, self._dataset)
        self._learner = Learner(
            self._network,
            self._recipe,
            num_iterations=self._plan.num_iterations,
            seed=assignment.seed,
            has_auxiliary=assignment.candidate.architecture.is_supervised,
            is_bfloat16=is_bfloat16,
            labels=LabelKind(self._dataset.has_ignored, self._dataset.regions),
        )
        self._patch_generator = _generator("patches", assignment.seed)
        self._augmentation_generator = _generator("augmentation", assignment.seed)
        self._steps_done, self._train_seconds = 0, 0.0
        self._estimated_memory_gb, self._train_memory_gb = 0.0, 0.0

    @property
    def num_steps(self) -> int:
        """Number of calls of `step` in a complete training."""
        return self._settings.num_steps

    @property
    def steps_done(self) -> int:
        """Number of calls of `step` so far, including those before a `load`."""
        return self._steps_done

    def step(self) -> Measurement:
        """Trains for a step's iterations, then measures both objectives on a small part of the validation battery.

        This part, its cases and its draws are the same for all candidates and steps. The measurement is empty where
        nobody needs one, and in processes other than the leader.

        Raises:
            ValueError: if the loss is not finite; the message gives the iteration.
            MemoryError: if the training does not fit into memory, by the estimate before it starts or when it runs.
        """
        if self._steps_done == 0:
            self._plan_memory()
        start = time.perf_counter()
        self._meter.restart()
        first, end = map(self._plan.count_iterations, (self._steps_done, self._steps_done + 1))
        self._train(first, end)
        self._train_seconds += time.perf_counter() - start
        self._train_memory_gb = max(self._train_memory_gb, self._meter.read_gb())
        self._steps_done += 1
        if not is_leader() or not self._assignment.needs_quick(self._steps_done):
            return Measurement({})
        return self._measure_quickly()

    def sample_seconds(self) -> TrialSeconds:
        """What a trial takes, measured on a few iterations and images; it is of no other use afterwards.

        Raises:
            ValueError: if the loss is not finite.
            MemoryError: if the training does not fit into memory.
        """
        self._plan_memory()
        left_out = find_left_out_once(self._settings, self._data, Split.VALIDATION)
        quick = choose_quick_part(self._settings, self._rule, self._dataset, left_out).num_images
        steps = self._assignment.quick_steps
        return sample_seconds(
            train=self._train,
            measure=lambda battery, cases: self._measure(battery, cases, {}, self._scoring),
            batteries={split: self._find_battery(split) for split in Split},
            dataset=self._dataset,
            window=self._window,
            num_iterations=self._plan.num_iterations,
            num_quick_images=quick * (self.num_steps if steps is None else len(steps)),
        )

    def evaluate(self, split: Split) -> Evaluation:
        """Objectives on the cases of a split over the whole battery, the rows of single cases, and the costs."""
        shift = self._dataset.shift_cases(split)
        start = time.perf_counter()
        battery = self._find_battery(split)
        scores = self._measure(battery, self._dataset.cases(split), shift, self._scoring)
        battery_seconds = time.perf_counter() - start
        rows = add_objective_names(scores.rows, self._settings.metric, self._rule)
        costs = self._measure_costs(split)
        costs |= {TAKEN_MEMORY: self._train_memory_gb, ESTIMATED_MEMORY: self._estimated_memory_gb}
        voxels = math.prod(self._window)
        costs |= count_training(self._plan, self._steps_done, voxels=voxels, flops=costs["flops"])
        costs |= {"train_seconds": self._train_seconds, "battery_seconds": battery_seconds}
        profile = measure_profile(rows, self._settings.metric, self._rule)
        found = self._score(rows)
        objectives, note = self._choice.select(found | costs), scores.note
        costs |= {name: found[name] for name in self._choice.beside}
        return Evaluation(objectives, costs, rows, scores.degenerate, self._device_name, profile, note)

    def save(self, folder: Path) -> None:
        """Writes `weights.pt` (the network) and `training.pt` (everything else that resuming needs)."""
        state = {
            "candidate": self._assignment.candidate.short_hash,
            "seed": self._assignment.seed,
            "steps_done": self._steps_done,
            "train_seconds": self._train_seconds,
            "train_memory_gb": self._train_memory_gb,
            "estimated_memory_gb": self._estimated_memory_gb,
            "learner": self._learner.state_dict(),
            "patch_generator": self._patch_generator.get_state(),
            "augmentation_generator": self._augmentation_generator.get_state(),
        }
        for content, name in ((self._network.state_dict(), WEIGHTS_FILE), (state, STATE_FILE)):
            with open_atomically(folder / name) as file:
                torch.save(content, file)

    def load(self, folder: Path) -> None:
        """Resumes from what `save` wrote, with bitwise the same results as without the interruption.

        Raises:
            ValueError: if the folder contains another candidate or seed.
        """
        state = torch.load(folder / STATE_FILE, weights_only=True, map_location="cpu")
        mine = (self._assignment.candidate.short_hash, self._assignment.seed)
        if (state["candidate"], state["seed"]) != mine:
            raise ValueError(
                f"checkpoint must be of candidate {mine[0]} with seed {mine[1]}, got {state['candidate']} with seed "
                f"{state['seed']} in '{folder}'; name the folder of this trial"
            )
        weights = torch.load(folder / WEIGHTS_FILE, weights_only=True, map_location="cpu")
        self._network.load_state_dict(weights)
        self._learner.load_state_dict(state["learner"])
        self._patch_generator.set_state(state["patch_generator"])
        self._augmentation_generator.set_state(state["augmentation_generator"])
        self._steps_done, self._train_seconds = state["steps_done"], state["train_seconds"]
        self._train_memory_gb = state["train_memory_gb"]
        # Older checkpoints have no estimate.
        self._estimated_memory_gb = state.get("estimated_memory_gb", 0.0)

    @property
    def _device_name(self) -> str:
        return name_device(self._assignment.device, self._assignment.num_threads)

    def _plan_memory(self) -> None:
        """Refuses a training that cannot fit, and splits batches into parts if only that makes it fit.

        The estimate is corrected by what earlier trials used relative to their estimates. It is stored uncorrected, so
        that later trials can be compared with it.
        """
        available = self._settings.memory_gb * BYTES_PER_GB or available_bytes(self._assignment.device)
        # Each process holds its share of a batch, and does not split the share further.
        share, is_alone = -(-self._plan.batch_size // count_workers()), count_workers() == 1
        need = self._learner.estimate_need((share, self._dataset.num_channels, *self._window))
        self._check_restoring(available)
        factor = self._assignment.memory_factors.get(self._device_name, 1.0)
        most_parts = min(2, share) if is_alone else 1
        if factor * need.total(most_parts) > available:
            taken = "" if factor == 1.0 else f" ({factor:.2g} times the estimate, as trials before it)"
            raise MemoryError(
                f"infeasible: needs about {factor * need.total(most_parts) / BYTES_PER_GB:.2g} GB of "
                f"{available / BYTES_PER_GB:.2g} GB{taken}; narrow the space{self._describe_smaller_batches()}"
            )
        if factor * need.total() > available:
            self._learner.num_parts = most_parts
        self._estimated_memory_gb = need.total(self._learner.num_parts) / BYTES_PER_GB

    def _describe_smaller_batches(self) -> str:
        """How all trials of a study get by with less memory and train as long; '' if the batch is the smallest."""
        if self._settings.has_smallest_batch(self._window):
            return ""
        settings = self._settings
        return (
            f", or divide task.pixels_per_batch={settings.count_batch_pixels(len(self._window))} and multiply "
            f"task.iterations_per_step={settings.step_iterations} by the same number"
        )

    def _check_restoring(self, available: float) -> None:
        """Refuses a trial whose masks could not be brought back to the grid of their files."""
        if not self._settings.scores_native:
            return
        shift_cases = self._dataset.shift_cases(Split.VALIDATION).values()
        cases = itertools.chain(self._dataset.validation, *shift_cases)
        needs = {case.name: self._count_restoring_bytes(case) for case in cases}
        name, most = max(needs.items(), key=lambda item: item[1])
        if most > available:
            raise MemoryError(
                f"infeasible: the logits of case '{name}' and their way to the grid of its file need about "
                f"{most / BYTES_PER_GB:.2g} GB of {available / BYTES_PER_GB:.2g} GB; use task.grid=prepared, or leave "
                "the case out"
            )

    def _count_restoring_bytes(self, case: Case) -> int:
        num_classes = self._dataset.num_classes
        logits = 4 * num_classes * case.label.size
        return logits + count_restoring_bytes(original_of(case, self._dataset.spacing_mm).placement, num_classes)

    def _train(self, first: int, end: int) -> None:
        """Does the iterations from the first to the one before the end."""
        losses = [self._train_once(iteration) for iteration in range(first, end)]
        # Checked only here: a check after every iteration would make a GPU wait.
        for offset, loss in enumerate(torch.stack(losses).tolist()):
            if not math.isfinite(loss):
                raise ValueError(
                    f"loss must be finite, got {loss} at iteration {first + offset}; try a lower learning rate than "
                    f"{self._recipe.learning_rate:g}"
                )

    def _measure_quickly(self) -> Measurement:
        """The objectives on the part of the validation battery that `choose_quick_part` chooses."""
        has_surface = SURFACE in self._choice.names
        surface = SurfaceMetrics.clean if has_surface else SurfaceMetrics.none
        scoring = dataclasses.replace(self._scoring, surface_metrics=surface)
        left_out = find_left_out_once(self._settings, self._data, Split.VALIDATION)
        part = choose_quick_part(self._settings, self._rule, self._dataset, left_out)
        rows = self._measure(part.battery, part.cases, part.shift, scoring).rows
        return self._choice.select(self._score(rows) | self._find_quick_costs())

    def _train_once(self, iteration: int) -> Tensor:
        """The loss of one optimiser iteration, still on the device."""
        images, labels = self._sampler.sample(self._plan.batch_size, self._patch_generator)
        images, labels = self._augment(images, labels)
        return self._learner.learn(images, labels, iteration)

    def _augment(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        num_patches, generator = len(images), self._augmentation_generator
        if self._recipe.training == "nnunet":
            planned = draw_nnunet(num_patches, self._dataset.num_channels, self._window, generator)
            return augment_like_nnunet(images, labels, planned, mirrors=self._recipe.mirroring == "on")
        draw = draw_augmentation(num_patches, self._dataset.spatial_dims, self._recipe.augmentation_strength, generator)
        return augment(images, labels, self._recipe, draw, self._spacing_mm)

    def _find_battery(self, split: Split) -> Battery:
        """The complete measurement, without the cases that would lose a class: the same for every candidate."""
        battery = self._settings.battery(tuple(self._dataset.shift_cases(split)), split)
        return dataclasses.replace(battery, left_out=find_left_out_once(self._settings, self._data, split))

    def _measure(
        self, battery: Battery, cases: Sequence[Case], shift: Mapping[str, Sequence[Case]], scoring: Scoring
    ) -> NetworkScores:
        return measure(
            self._network,
            cases,
            battery,
            window=self._window,
            scoring=scoring,
            device=self._assignment.device,
            shift=shift,
        )

    def _score(self, rows: Sequence[CaseScore]) -> dict[str, float]:
        """The scores that the search optimises or keeps beside, by name."""
        names = (*self._choice.names, *self._choice.beside)
        return measure_scores(rows, names, self._settings.metric, self._rule)

    def _measure_costs(self, split: Split) -> dict[str, float]:
        """The costs of the prediction of the first case of a split."""
        case = self._dataset.cases(split)[0]
        placement = original_of(case, self._dataset.spacing_mm).placement if self._settings.scores_native else None
        image = to_tensor(case.image).to(self._assignment.device)
        return measure_costs(self._network, image, self._window, placement)

    def _find_quick_costs(self) -> dict[str, float]:
        """The costs that are objectives, after a step: those of prediction are measured once; empty if none is."""
        if not COST_OBJECTIVES.keys() & {*self._choice.names}:
            return {}
        if self._quick_costs is None:
            self._quick_costs = self._measure_costs(Split.VALIDATION)
        return self._quick_costs | {"train_seconds": self._train_seconds}


def _generator(stream: str, seed: int) -> torch.Generator:
    """A CPU generator for one random stream of a trial, so that draws are equal on every device."""
    return torch.Generator().manual_seed(derive_seed(stream, seed))
