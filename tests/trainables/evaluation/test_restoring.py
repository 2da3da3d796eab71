"""What a network predicts comes back to the grid of the file, whatever the size of the slabs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.data.image_files import Raw
from paretoseg.trainables.data.placement import measure_round_trip, place
from paretoseg.trainables.data.preprocessing import Preprocessing, find_original, prepare
from paretoseg.trainables.evaluation import measuring
from paretoseg.trainables.evaluation.degrading import CaseBatch, Seen
from paretoseg.trainables.evaluation.measuring import measure
from paretoseg.trainables.evaluation.restoring import count_restoring_bytes, restore_mask, restore_probabilities
from paretoseg.trainables.scoring.battery import Battery, MeasuringRules
from paretoseg.trainables.scoring.measures import Scoring, SurfaceMetrics
from paretoseg.trainables.scoring.objectives import measure_accuracy, select_means
from paretoseg.trainables.trainable import Condition

PLACEMENT = place((21, 13, 17), (1.0, 2.5, 1.0), (1.7, 1.0, 1.3)).cropped_to((slice(2, 11), slice(0, 30), slice(1, 13)))


def draw_logits(num_classes: int = 3) -> Tensor:
    shape = [part.stop - part.start for part in PLACEMENT.slices]
    return torch.randn(num_classes, *shape, generator=torch.Generator().manual_seed(0))


def test_the_class_with_the_largest_restored_probability_wins_and_margins_are_background() -> None:
    mask, shares = restore_mask(draw_logits(), PLACEMENT), restore_probabilities(draw_logits(), PLACEMENT)
    assert mask.shape == PLACEMENT.shape
    assert torch.equal(mask, shares.argmax(dim=0).to(torch.uint8))
    assert torch.allclose(shares.sum(dim=0), torch.ones(PLACEMENT.shape))
    assert not mask[:3].any()


@pytest.mark.parametrize("voxels", [1, 500, 1000, 10**9])
def test_slabs_of_any_size_give_the_same_mask(voxels: int) -> None:
    assert torch.equal(restore_mask(draw_logits(), PLACEMENT, voxels), restore_mask(draw_logits(), PLACEMENT))


def test_on_the_files_own_grid_nothing_is_interpolated() -> None:
    placement = place((5, 6), (1.0, 1.0), (1.0, 1.0))
    logits = torch.randn(4, 5, 6, generator=torch.Generator().manual_seed(1))
    assert torch.equal(restore_mask(logits, placement), logits.argmax(dim=0).to(torch.uint8))
    assert count_restoring_bytes(placement, 4) == 30 * (8 + 1), "torch counts classes in 64 bits"


def test_the_memory_that_is_foretold_covers_what_is_taken() -> None:
    placement = place((64, 160, 160), (1.0, 1.0, 1.0), (2.0, 2.0, 2.0))
    logits = torch.randn(3, *placement.resampled_shape, generator=torch.Generator().manual_seed(0))
    with torch.profiler.profile(profile_memory=True) as profile:
        restore_mask(logits, placement)
    live = most = 0
    for event in sorted(profile.profiler.kineto_results.events(), key=lambda event: event.start_ns()):
        live += event.nbytes() if event.name() == "[memory]" else 0
        most = max(most, live)
    foretold = count_restoring_bytes(placement, 3)
    assert 0.5 * foretold < most <= foretold


class Shares(nn.Module):
    """Says what it sees: two channels that are the shares of two classes. Perfect, up to the grid."""

    def forward(self, images: Tensor) -> Tensor:
        background = (1.0 - images.sum(dim=1, keepdim=True)).clamp_min(0.0)
        return torch.cat((background, images), dim=1).clamp_min(1e-9).log()


def build_case(edge: float, crops: bool = False) -> Case:
    places = np.indices((40, 36, 38)) - np.array([20.0, 17.0, 19.0])[:, None, None, None]
    label = np.zeros((40, 36, 38), dtype=np.uint8)
    label[(places**2).sum(axis=0) < 9**2] = 1
    label[np.abs(places).max(axis=0) < 4] = 2
    image = np.stack([label == 1, label == 2]).astype(np.float32)
    settings = Preprocessing(spacing_mm=[edge] * 3, intensity="window", window=[0.0, 1.0], crop_foreground=crops)
    raw = Raw(image, np.eye(4), "")
    prepared, original = prepare(raw, label, settings), find_original(raw, label, settings)
    return Case("ball", "here", "ball", "validation", prepared.image, prepared.label, original)


SCORING = Scoring(("background", "shell", "core"), (2.0,) * 3, surface_metrics=SurfaceMetrics.none)


@pytest.mark.parametrize("crops", [False, True])
def test_a_perfect_network_scores_what_its_way_to_the_grid_and_back_costs(crops: bool) -> None:
    case, battery = build_case(2.0, crops), Battery((Condition("none", 0),), seed=0, has_gate=False)
    assert case.original is not None
    found = measure_accuracy(measure(Shares(), [case], battery, window=(16, 16, 16), scoring=SCORING).rows)
    assert found == pytest.approx(measure_round_trip(case.original.label, case.original.placement, 3), abs=2e-3)
    assert 0.8 < found < 0.99


@pytest.mark.parametrize("corruption", ["rotation", "scaling", "translation", "elastic_deformation"])
def test_references_move_with_the_image_on_a_grid_of_their_own(corruption: str) -> None:
    case = build_case(1.3)
    assert case.original is not None
    battery = Battery((Condition("none", 0), Condition(corruption, 4)), seed=0, has_gate=False)
    rows = select_means(measure(Shares(), [case], battery, window=(16, 16, 16), scoring=SCORING).rows, "dice")
    clean, moved = (row.value for row in rows)
    assert clean > 0.93
    assert moved == pytest.approx(clean, abs=0.07)


def test_surfaces_are_measured_in_millimetres_of_the_files_grid() -> None:
    class Shifted(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return Shares()(images.roll(1, dims=2))

    label = np.zeros((12, 10, 10), dtype=np.uint8)
    label[4:7, 3:7, 3:7] = 1
    raw = Raw(np.stack([label == 1, label == 2]).astype(np.float32), np.diag([5.0, 1.0, 1.0, 1.0]), "")
    settings = Preprocessing(intensity="window", window=[0.0, 1.0])
    prepared, original = prepare(raw, label, settings), find_original(raw, label, settings)
    case = Case("block", "here", "block", "validation", prepared.image, prepared.label, original)
    battery = Battery((Condition("none", 0),), seed=0, has_gate=False)
    scoring = Scoring(("background", "block", "none"), (1.0, 1.0, 1.0))
    rows = measure(Shifted(), [case], battery, window=(16, 16, 16), scoring=scoring).rows
    [hd95] = [row.value for row in rows if row.metric == "hd95_mm" and row.label == "block"]
    assert hd95 == 5.0


def test_an_earlier_study_measures_surfaces_in_the_spacing_that_it_recorded() -> None:
    raw = Raw(np.random.default_rng(0).random((1, 37, 20), dtype=np.float32), None, "")
    label = (raw.array[0] > 0.5).astype(np.uint8)
    settings = Preprocessing(spacing_mm=[2.0, 1.0], resampling="stretched")
    prepared, original = prepare(raw, label, settings), find_original(raw, label, settings)
    case = Case("case", "here", "case", "validation", prepared.image, prepared.label, original)
    for is_native, expected in ((False, (2.0, 1.0)), (True, (1.0, 1.0))):
        battery = Battery((), seed=0, rules=MeasuringRules(is_native, corrupts_before_scaling=False))
        assert CaseBatch([case], battery, prepared.spacing_mm, "cpu").spacing_mm == expected


@pytest.mark.parametrize(("is_native", "most"), [(True, 2), (False, 64)])
def test_masks_on_the_grid_of_the_file_bound_how_much_is_in_memory_at_once(
    monkeypatch: pytest.MonkeyPatch, is_native: bool, most: int
) -> None:
    restored: list[int] = []
    plain = measuring.predict_masks

    def predict_masks(network: nn.Module, seen: Sequence[Seen], patch: int, regions: None) -> list[Tensor]:
        restored.append(len(seen))
        return plain(network, seen, patch, regions)

    monkeypatch.setattr(measuring, "predict_masks", predict_masks)
    raw = Raw(np.random.default_rng(0).random((2, 64, 64), dtype=np.float32), None, "")
    label = (raw.array[0] > 0.5).astype(np.uint8)
    settings = Preprocessing(spacing_mm=[8.0, 8.0], intensity="range")
    prepared, original = prepare(raw, label, settings), find_original(raw, label, settings)
    cases = [Case(f"{n}", "here", f"{n}", "validation", prepared.image, prepared.label, original) for n in range(8)]
    monkeypatch.setattr(measuring, "PIXELS_PER_BATCH", 2 * label.size)
    conditions = Battery.of(["gaussian_noise"], [1, 2, 3], 0).conditions
    battery = Battery(conditions, 0, has_gate=False, rules=MeasuringRules(is_native))
    measure(Shares(), cases, battery, window=(8, 8), scoring=Scoring(("background", "a", "b"), (8.0, 8.0)))
    assert max(restored) == min(most, 32)
