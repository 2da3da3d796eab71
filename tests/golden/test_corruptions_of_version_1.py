"""What version 1 of the corruptions makes of two random images, as older studies were measured.

For severity 1 and 5 the file has mean, standard deviation and three pixels of the image clipped to [0, 1], and the sum
of the label. It was written before version 2 existed, and never changes.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from paretoseg.trainables.corruptions.table import CORRUPTIONS, corrupt, corruption_generator
from paretoseg.trainables.severities.levels import LEVELS

FILE = Path(__file__).with_name("corruptions_version_1.json")
SHAPES = {"2D": (1, 2, 24, 20), "3D": (1, 1, 16, 18, 20)}


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("dims", SHAPES)
def test_version_1_gives_what_it_gave(dims: str, name: str) -> None:
    images = torch.rand(SHAPES[dims], generator=torch.Generator().manual_seed(0))
    labels = (images[:, 0] > 0.5).to(torch.uint8)
    for severity, expected in zip((1, 5), json.loads(FILE.read_text())[dims][name], strict=True):
        generators = [corruption_generator("case", name, severity, 0)]
        strength = LEVELS[name].values[severity - 1]
        after, moved = corrupt(images, labels, name, strength, generators, version=1)
        pixels = after.clamp(0, 1).flatten()
        found = [pixels.mean(), pixels.std(), pixels[7], pixels[333], pixels[-50], moved.sum()]
        assert [float(number) for number in found] == pytest.approx(expected, abs=1e-4)


def test_version_1_takes_a_pixel_away_at_the_smallest_factor() -> None:
    image = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    label = torch.zeros(1, 64, 64, dtype=torch.uint8)
    after, _ = corrupt(image, label, "low_resolution", 1.01, [torch.Generator()], version=1)
    fewer = torch.nn.functional.interpolate(image, size=(63, 63), mode="area")
    expected = torch.nn.functional.interpolate(fewer, size=(64, 64), mode="bilinear", align_corners=False)
    assert torch.equal(after, expected)
