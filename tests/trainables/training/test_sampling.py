"""Patches: the promised share on foreground, inside the image, reproducible."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.training.sampling import (
    ForegroundIndex,
    PatchSampler,
    TrainingCases,
    load_training_cases_once,
)


def build_case(shape: tuple[int, ...], foreground: tuple[int, ...] | None, name: str = "a") -> Case:
    """A case whose pixels tell where they are, with one pixel of foreground or none."""
    label = np.zeros(shape, dtype=np.uint8)
    if foreground is not None:
        label[foreground] = 1
    image = np.arange(1, label.size + 1, dtype=np.float32).reshape(1, *shape) / label.size
    return Case(name, "here", name, "train", image, label)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("ratio", [0.0, 0.25, 0.8, 1.0])
def test_the_share_of_centred_patches_is_the_foreground_ratio(ratio: float) -> None:
    sampler = PatchSampler(TrainingCases([build_case((200, 200), (100, 90))]), window=(5, 5), foreground_ratio=ratio)
    _, labels = sampler.sample(4000, generator())
    # A patch that lies anywhere hits the pixel in its middle with a probability of 1 / 38416.
    assert labels[:, 2, 2].float().mean().item() == pytest.approx(ratio, abs=0.025)


def test_patches_are_windows_of_the_image_and_labels_belong_to_them() -> None:
    cases = [build_case((12, 9), (5, 5), "a"), build_case((8, 14), (0, 13), "b")]
    images, labels = PatchSampler(TrainingCases(cases), window=(6, 6), foreground_ratio=0.5).sample(200, generator())
    assert images.shape == (200, 1, 6, 6)
    windows = {
        (case.image[0, y : y + 6, x : x + 6].tobytes(), case.label[y : y + 6, x : x + 6].astype(np.int64).tobytes())
        for case in cases
        for y in range(case.label.shape[0] - 5)
        for x in range(case.label.shape[1] - 5)
    }
    drawn = {(image[0].numpy().tobytes(), label.numpy().tobytes()) for image, label in zip(images, labels, strict=True)}
    assert drawn <= windows
    # 28 of the first image's windows and 27 of the second's: nearly all turn up in 200 draws.
    assert len(windows) == 55
    assert len(drawn) > 35


def test_volumes_are_cut_alike() -> None:
    case = build_case((7, 9, 8), (3, 4, 5))
    images, labels = PatchSampler(TrainingCases([case]), window=(4, 5, 3), foreground_ratio=1.0).sample(6, generator())
    assert images.shape == (6, 1, 4, 5, 3)
    assert (labels[:, 2, 2, 1] == 1).all()
    np.testing.assert_array_equal(images[0, 0].numpy(), case.image[0, 1:5, 2:7, 4:7])


def test_windows_on_foreground_at_the_border_stay_inside() -> None:
    case = build_case((10, 10), (0, 9))
    images, _ = PatchSampler(TrainingCases([case]), window=(6, 6), foreground_ratio=1.0).sample(4, generator())
    for image in images:
        np.testing.assert_array_equal(image[0].numpy(), case.image[0, 0:6, 4:10])


def test_small_images_are_padded_with_zeros_on_both_sides() -> None:
    images, labels = PatchSampler(
        TrainingCases([build_case((3, 8), (1, 1))]), window=(8, 8), foreground_ratio=0.5
    ).sample(3, generator())
    assert (images[:, :, :2] == 0).all()
    assert (images[:, :, 5:] == 0).all()
    assert (images[:, :, 2:5] > 0).all()
    assert (labels.sum(dim=(1, 2)) == 1).all()


def test_cases_without_foreground_are_sampled_anywhere() -> None:
    cases = [build_case((9, 9), None, "a"), build_case((9, 9), None, "b")]
    images, labels = PatchSampler(TrainingCases(cases), window=(4, 4), foreground_ratio=1.0).sample(64, generator())
    assert not labels.any()
    assert len({image.numpy().tobytes() for image in images}) > 20


def test_equal_generators_draw_equal_patches() -> None:
    sampler = PatchSampler(TrainingCases([build_case((20, 20), (10, 10))]), window=(4, 4), foreground_ratio=0.5)
    assert torch.equal(sampler.sample(16, generator(3))[0], sampler.sample(16, generator(3))[0])
    assert not torch.equal(sampler.sample(16, generator(3))[0], sampler.sample(16, generator(4))[0])


def test_the_foreground_ratio_does_not_shift_the_draws_of_the_others() -> None:
    case = build_case((50, 50), (25, 25))
    drawn = []
    for ratio in (0.0, 0.3):
        stream = generator()
        sampler = PatchSampler(TrainingCases([case]), window=(4, 4), foreground_ratio=ratio)
        drawn.append((sampler.sample(32, stream)[0], stream.get_state()))
    assert torch.equal(drawn[0][1], drawn[1][1])
    same = (drawn[0][0] == drawn[1][0]).flatten(start_dim=1).all(dim=1).float().mean().item()
    assert 0.4 < same < 1.0


def test_a_rare_class_is_met_as_often_as_a_common_one() -> None:
    case = build_case((64, 64), None)
    case.label[10:50, 10:50] = 1
    case.label[30, 30] = 2
    sampler = PatchSampler(TrainingCases([case]), window=(5, 5), foreground_ratio=1.0)
    _, labels = sampler.sample(2000, generator())
    assert (labels[:, 2, 2] == 2).float().mean().item() == pytest.approx(0.5, abs=0.04)
    assert (labels[:, 2, 2] > 0).all()


def test_the_index_finds_every_place_of_the_foreground_and_no_other() -> None:
    draw = np.random.default_rng(0)
    labels = [draw.integers(0, 3, shape).astype(np.uint8) for shape in ((4, 5, 6), (3, 3, 3))]
    labels.append(np.zeros((5, 2, 2), dtype=np.uint8))
    cases = [
        Case(str(n), "here", str(n), "train", np.zeros((1, *label.shape), np.float32), label)
        for n, label in enumerate(labels)
    ]
    index = ForegroundIndex(cases)
    assert index.has_foreground(torch.arange(3)).tolist() == [True, True, False]
    for number, label in enumerate(labels[:2]):
        which = torch.arange(0, 1, 1e-3, dtype=torch.float64)
        places = index.find(torch.full((len(which),), number), which)
        found = label[tuple(places.T.numpy())]
        assert {tuple(place) for place in places.tolist()} == set(map(tuple, np.argwhere(label).tolist()))
        # The first half of the interval belongs to the first class.
        assert found.tolist() == [1] * 500 + [2] * 500


def test_a_place_on_the_only_class_is_found_even_in_the_last_case() -> None:
    cases = [build_case((6, 6), None, "a"), build_case((5, 7), (4, 6), "b")]
    places = ForegroundIndex(cases).find(torch.tensor([1, 1]), torch.tensor([0.0, 1 - 2**-53], dtype=torch.float64))
    assert places.tolist() == [[4, 6], [4, 6]]


def test_equal_configs_share_the_cases_of_a_process() -> None:
    config = TexturesConfig(image_size=40, num_train=1, num_validation=1, num_test=1)
    same = TexturesConfig(image_size=40, num_train=1, num_validation=1, num_test=1)
    assert load_training_cases_once(config, "cpu") is load_training_cases_once(same, "cpu")
