"""One draw for all severities: each one does what the one before it does, and more."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pytest
import torch

from paretoseg.trainables.corruptions.grids import Grids
from paretoseg.trainables.corruptions.table import CORRUPTIONS, case_generator, corrupt
from paretoseg.trainables.data.brain import BrainConfig
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.severities.calibration import read_calibration
from paretoseg.trainables.severities.levels import LEVELS, SeverityTable, default_strengths
from paretoseg.trainables.severities.shipped import list_shipped, locate_shipped

TABLES: Mapping[str, SeverityTable] = {
    "defaults": default_strengths(),
    **{name: read_calibration(locate_shipped(name)).strengths for name in list_shipped()},
}
MOVING = {name for name, levels in LEVELS.items() if levels.moves_labels}
SATURATING = {*MOVING, "motion"}
Cases = list[torch.Tensor]


@pytest.fixture(scope="module")
def pictures() -> Cases:
    cases = TexturesConfig(image_size=64, num_train=1, num_validation=1, num_test=12).load().test
    return [torch.from_numpy(case.image)[None] for case in cases]


@pytest.fixture(scope="module")
def volumes() -> Cases:
    cases = BrainConfig(block_size=32, num_train=1, num_validation=1, num_test=6).load().test
    return [torch.from_numpy(case.image)[None] for case in cases]


def degrade(image: torch.Tensor, name: str, strength: float, case: str, edges: tuple[float, ...] = ()) -> torch.Tensor:
    label = (image[:, 0] > 0.5).to(torch.uint8)
    grids = Grids(edges, edges) if edges else None
    return corrupt(image, label, name, strength, [case_generator(case, name, 0)], grids)[0]


def distances(image: torch.Tensor, name: str, table: SeverityTable, case: str, edges: tuple[float, ...]) -> list[float]:
    """Root of the mean squared difference to the clean image: none, then severity 1 to 5, all clipped."""
    after = (degrade(image, name, strength, case, edges).clamp(0, 1) for strength in table[name])
    return [0.0, *((one - image).double().square().mean().sqrt().item() for one in after)]


@pytest.mark.parametrize(
    ("name", "table"), [(name, table) for name in CORRUPTIONS for table in TABLES if name in TABLES[table]]
)
@pytest.mark.parametrize(
    ("kind", "edges"), [("pictures", ()), ("pictures", (0.5, 1.5)), ("volumes", ()), ("volumes", (0.7, 0.7, 3.0))]
)
def test_no_image_comes_nearer_to_the_clean_one_with_severity(
    kind: str, edges: tuple[float, ...], name: str, table: str, request: pytest.FixtureRequest
) -> None:
    for number, image in enumerate(request.getfixturevalue(kind)):
        found = distances(image, name, TABLES[table], f"case {number}", edges)
        # What has moved farther than its structures are wide differs from itself as from any other image. From there
        # on, the distance to the clean image wavers, while the movement grows (see the test of places). In these
        # volumes, structures are wide enough unless their voxels are thick.
        least = 0.9 if name in SATURATING and (kind, edges) != ("volumes", ()) else 1.0
        assert all(high >= least * low for low, high in itertools.pairwise(found)), (number, found)
        assert found[5] > found[0]


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("kind", ["pictures", "volumes"])
def test_every_severity_of_the_defaults_does_more_than_the_one_before(
    kind: str, name: str, request: pytest.FixtureRequest
) -> None:
    found = [
        distances(image, name, TABLES["defaults"], f"case {number}", ())
        for number, image in enumerate(request.getfixturevalue(kind))
    ]
    means = np.mean(found, axis=0).tolist()
    assert means == sorted(set(means))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", sorted(MOVING))
@pytest.mark.parametrize(
    ("shape", "edges"), [((64, 64), (1.0, 1.0)), ((64, 48), (1.0, 2.0)), ((40, 48, 44), (2.0, 1.0, 1.0))]
)
def test_every_place_moves_farther_with_severity(
    shape: tuple[int, ...], edges: tuple[float, ...], name: str, table: str
) -> None:
    # Channels that hold a place's own position: the difference is the way that it has come.
    places = [torch.arange(extent) * edge for extent, edge in zip(shape, edges, strict=True)]
    ramps = torch.stack(torch.meshgrid(places, indexing="ij"))[None]
    middle = (..., *(slice(extent // 2 - 4, extent // 2 + 4) for extent in shape))
    for case in ("a", "b", "c"):
        ways = [
            (degrade(ramps, name, strength, case, edges) - ramps)[middle].norm(dim=1)
            for strength in TABLES[table][name]
        ]
        for low, high in itertools.pairwise(ways):
            assert (high >= low - 1e-4).all()
            assert high.mean() > low.mean()


@pytest.mark.parametrize("name", ["impulse_noise", "occlusion"])
@pytest.mark.parametrize("shape", [(1, 1, 64, 60), (1, 1, 20, 24, 22)])
def test_what_one_severity_hides_the_next_ones_hide_too(name: str, shape: tuple[int, ...]) -> None:
    image = torch.full(shape, 0.5)
    strengths = np.linspace(0.001, LEVELS[name].strongest, 60).tolist()
    hidden = [degrade(image, name, strength, "case") != 0.5 for strength in strengths]
    assert all((more | ~less).all() for less, more in itertools.pairwise(hidden))
    assert hidden[-1].sum() > hidden[0].sum()


@pytest.mark.parametrize("name", ["low_resolution", "anisotropy"])
def test_factors_between_the_steps_are_mixed_from_the_two_nearest(name: str) -> None:
    image = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))

    def look(factor: float) -> torch.Tensor:
        return degrade(image, name, factor, "case")

    for low, high in itertools.pairwise((1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)):
        for share in (0.01, 0.5):
            expected = torch.lerp(look(low), look(high), share)
            assert torch.allclose(look(low + share * (high - low)), expected, atol=1e-6)
    whole = corrupt(image, image[:, 0].byte(), name, 3.0, [case_generator("case", name, 0)], version=1)[0]
    assert torch.allclose(look(3.0), whole, atol=1e-6)


@pytest.mark.parametrize("name", ["low_resolution", "anisotropy"])
@pytest.mark.parametrize("size", [64, 100, 128])
def test_no_factor_gives_an_image_nearer_to_the_clean_one_than_a_smaller_one(name: str, size: int) -> None:
    cases = TexturesConfig(image_size=size, num_train=1, num_validation=1, num_test=4).load().test
    for case in cases:
        image = torch.from_numpy(case.image)[None]
        factors = np.arange(1.0, 8.0, 0.17)
        found = [(degrade(image, name, factor, "case") - image).double().norm().item() for factor in factors]
        assert found == sorted(found)
