"""Every entry of the table of corruptions keeps the same promises, in two and in three dimensions."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch

from paretoseg.trainables.corruptions.table import CORRUPTIONS, case_generator, corrupt, corruption_generator
from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.severities.levels import LEVELS

NAMES = list(CORRUPTIONS)
SHAPES = [(2, 1, 16, 16), (2, 3, 33, 20), (2, 1, 16, 16, 16), (2, 2, 9, 24, 17)]
Pair = tuple[torch.Tensor, torch.Tensor]


def corrupted(pair: Pair, name: str, severity: int, seed: int = 0, first: int = 0) -> Pair:
    """After a severity of the default strengths; the images are called by their places, the first of them `first`."""
    images, labels = pair
    generators = [case_generator(f"case {first + i}", name, seed) for i in range(len(images))]
    return corrupt(images, labels, name, LEVELS[name].values[severity - 1], generators)


def draw_pair(shape: tuple[int, ...]) -> Pair:
    images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    return images, (images[:, 0] > 0.5).to(torch.uint8)


def stack(cases: tuple[Case, ...]) -> Pair:
    return tuple(torch.from_numpy(np.stack([getattr(case, part) for case in cases])) for part in ("image", "label"))


@pytest.fixture(scope="module")
def pictures() -> Pair:
    return stack(TexturesConfig(image_size=64, num_train=1, num_validation=1, num_test=16).load().test)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_shape_and_type_stay_and_labels_move_only_where_that_is_said(name: str, shape: tuple[int, ...]) -> None:
    images, labels = draw_pair(shape)
    for severity in (1, 5):
        after, moved = corrupted((images, labels), name, severity)
        assert after.shape == images.shape
        assert after.dtype == torch.float32
        assert after.isfinite().all()
        assert moved.shape == labels.shape
        assert moved.dtype == torch.uint8
        if severity == 5 or not LEVELS[name].moves_labels:
            assert torch.equal(moved, labels) != LEVELS[name].moves_labels


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_uniform_images_stay_finite(name: str, spatial_dims: int, value: float) -> None:
    images = torch.full((2, 1, *[17] * spatial_dims), value)
    after, _ = corrupted((images, torch.ones_like(images[:, 0], dtype=torch.uint8)), name, 5)
    assert after.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_an_image_does_not_depend_on_who_else_is_in_its_batch(name: str, shape: tuple[int, ...]) -> None:
    images, labels = draw_pair((5, *shape[1:]))
    together, moved_together = corrupted((images, labels), name, 3)
    for place in (0, 3):
        alone, moved = corrupted((images[[place]], labels[[place]]), name, 3, first=place)
        assert torch.equal(alone[0], together[place])
        assert torch.equal(moved[0], moved_together[place])


@pytest.mark.parametrize("name", NAMES)
def test_the_same_draw_gives_the_same_image_and_the_input_is_not_written_to(name: str, pictures: Pair) -> None:
    before = tuple(part.clone() for part in pictures)
    once, again = corrupted(pictures, name, 5), corrupted(pictures, name, 5)
    assert torch.equal(once[0], again[0])
    assert torch.equal(once[1], again[1])
    assert torch.equal(before[0], pictures[0])
    assert torch.equal(before[1], pictures[1])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_neutral_strength_changes_nothing(name: str, shape: tuple[int, ...]) -> None:
    if name == "gibbs_ringing" and len(shape) == 5:
        pytest.skip("in 3D the corners of k-space lie beyond its radius")
    images, labels = draw_pair(shape)
    if name == "legacy_leaking_blur":
        labels = torch.zeros_like(labels)
    generators = [case_generator("case", name, 0) for _ in images]
    after, moved = corrupt(images, labels, name, LEVELS[name].neutral, generators)
    if name == "occlusion":  # a block has one pixel at least
        assert (after != images).flatten(1).sum(dim=1).max() <= 8 * shape[1]
        return
    assert torch.allclose(after, images, atol=1e-5)
    assert torch.equal(moved, labels)


@pytest.mark.parametrize("name", [name for name in NAMES if LEVELS[name].moves_labels])
@pytest.mark.parametrize("shape", [(4, 1, 64, 64), (2, 1, 40, 48, 44)])
def test_labels_move_with_the_image(name: str, shape: tuple[int, ...]) -> None:
    # An image that is its label: after the movement it still is, but for pixels on the edge of the object.
    labels = torch.zeros(shape[0], *shape[2:], dtype=torch.uint8)
    labels[(slice(None), *(slice(extent // 4, 3 * extent // 4) for extent in shape[2:]))] = 1
    after, moved = corrupted((labels[:, None].float(), labels), name, 4)
    assert ((after[:, 0] > 0.5) == (moved > 0)).float().mean() > 0.995
    assert (moved != labels).float().mean() > 0.01


@pytest.mark.parametrize("name", NAMES)
def test_images_that_are_not_contiguous_become_the_same(name: str) -> None:
    images, labels = draw_pair((2, 1, 24, 20))
    strided = images.movedim(2, 3).contiguous().movedim(3, 2)
    # Not to the bit: another layout is summed in another order.
    found, expected = (corrupted((pixels, labels), name, 3)[0] for pixels in (strided, images))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_none_leaves_everything_as_it_is(pictures: Pair) -> None:
    after = corrupt(*pictures, "none", 0.0, [torch.Generator()] * len(pictures[0]))
    assert after[0] is pictures[0]
    assert after[1] is pictures[1]


def test_draws_depend_on_case_corruption_and_seed_and_not_on_the_order() -> None:
    keys = [
        ("a", "gaussian_noise", 0),
        ("b", "gaussian_noise", 0),
        ("a", "speckle_noise", 0),
        ("a", "gaussian_noise", 1),
    ]
    forth = {key: torch.rand(4, generator=case_generator(*key)) for key in keys}
    back = {key: torch.rand(4, generator=case_generator(*key)) for key in reversed(keys)}
    assert all(torch.equal(forth[key], back[key]) for key in keys)
    assert len({tuple(draw.tolist()) for draw in forth.values()}) == len(keys)


def test_draws_of_version_1_depend_on_the_severity_too() -> None:
    first, again, second = (
        torch.rand(4, generator=corruption_generator("a", "motion", severity, 0)) for severity in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_another_process_draws_the_same() -> None:
    code = (
        "import hashlib, torch\n"
        "from paretoseg.trainables.corruptions.table import CORRUPTIONS, case_generator as g, corrupt\n"
        "from paretoseg.trainables.severities.levels import LEVELS\n"
        "torch.set_num_threads(1)\n"
        "image, label = torch.full((1, 1, 16, 16), 0.5), torch.ones(1, 16, 16, dtype=torch.uint8)\n"
        "after = [corrupt(image, label, n, LEVELS[n].values[2], [g('case 0', n, 0)])[0] for n in CORRUPTIONS]\n"
        "print(hashlib.sha256(torch.cat(after).numpy().tobytes()).hexdigest())"
    )
    there = subprocess.check_output([sys.executable, "-c", code], text=True).strip()
    pair = torch.full((1, 1, 16, 16), 0.5), torch.ones(1, 16, 16, dtype=torch.uint8)
    here = torch.cat([corrupted(pair, name, 3)[0] for name in NAMES]).numpy().tobytes()
    assert there == hashlib.sha256(here).hexdigest()


def test_an_unknown_corruption_is_refused_with_the_nearest_names(pictures: Pair) -> None:
    with pytest.raises(ValueError, match="unknown corruption 'gausian_noise'; did you mean 'gaussian_noise'"):
        corrupt(*pictures, "gausian_noise", 0.1, [torch.Generator()] * len(pictures[0]))
