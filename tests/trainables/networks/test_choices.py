"""Every option of the architecture, in two and three dimensions: trains a step, saves, loads, predicts the same."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from paretoseg.spaces.architecture import PLANNED, Architecture
from paretoseg.spaces.canonical import FAMILY_DIMENSIONS
from paretoseg.spaces.domain import Choice, Value
from paretoseg.spaces.search_space import DIMENSIONS, Candidate, SearchSpace
from paretoseg.trainables.networks.encoder_decoder import build_network, initialise_weights

SMALL: dict[str, Value] = {"depth": 3, "width": 4}
SHAPE = {name for names in FAMILY_DIMENSIONS.values() for name in names} - {"depth", "width"}
NEEDS: dict[str, dict[str, Value]] = {
    "bias": {"family": "unet", "norm": "batch"},
    "head": {"family": "basic_unet_plus_plus", "norm": "batch"},
    "family": {"norm": "batch", "blocks": 1},
    **{f"skip_level_{level}": {"depth": level + 1} for level in (3, 4, 5)},
}
"""What else must be set for a dimension to have an effect, or for a network to accept a small image."""


def list_choices() -> Iterator[tuple[str, Value]]:
    for name in ("family", *sorted(SHAPE)):
        domain = DIMENSIONS[name]
        options = domain.options if isinstance(domain, Choice) else [domain.from_unit(unit) for unit in (0.3, 1.0)]
        yield from ((name, option) for option in options)


def build(architecture: Architecture, spatial_dims: int, seed: int = 0) -> torch.nn.Module:
    network = build_network(architecture, spatial_dims=spatial_dims, in_channels=1, num_classes=3)
    initialise_weights(network, seed)
    return network


def answer(network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = network.eval()(images)
    return logits


@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize(("name", "option"), list(list_choices()))
def test_every_choice_trains_a_step_saves_loads_and_predicts_the_same(
    name: str, option: Value, spatial_dims: int
) -> None:
    architecture = Architecture(**SMALL | NEEDS.get(name, {}) | {name: option})  # type: ignore[arg-type]
    network = build(architecture, spatial_dims)
    # Norms over a single image need more than one place in the bottleneck; the others are batch norms.
    is_batch = architecture.norm == "batch" and architecture.family not in PLANNED
    extent = architecture.total_stride * (1 if is_batch else 2)
    images = torch.rand(2, 1, *[extent] * spatial_dims, generator=torch.Generator().manual_seed(0))
    before = [parameter.detach().clone() for parameter in network.parameters()]
    with torch.random.fork_rng(devices=[]):
        logits, auxiliary = network(images, auxiliary=True)
    assert logits.shape == (2, 3, *images.shape[2:])
    assert bool(auxiliary) == architecture.is_supervised
    sum(output.square().mean() for output in [logits, *auxiliary]).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    assert any(not torch.equal(one, other) for one, other in zip(before, network.parameters(), strict=True))

    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    again = build(architecture, spatial_dims, seed=1)
    again.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(answer(network, images), answer(again, images))


@pytest.mark.parametrize("family", FAMILY_DIMENSIONS)
def test_a_canonical_candidate_builds_the_network_of_every_genome_of_it(family: str) -> None:
    """Random genomes: canonical or not, they are the same network, weight by weight."""
    space, generator = SearchSpace({"width": 4, "depth": [2, 4]}, "full"), np.random.default_rng(0)
    num_genomes = 12 if family in ("composable", "unet", "segresnet", "dynunet") else 2
    for _ in range(num_genomes):
        units = generator.random(len(DIMENSIONS))
        pairs = zip(space.domains.items(), units, strict=True)
        raw = Candidate.from_dict({name: domain.from_unit(unit) for (name, domain), unit in pairs} | {"family": family})
        if family == "dynunet" and raw.architecture.depth == 2:
            continue
        networks = [build(candidate.architecture, 2) for candidate in (raw, space.canonical(raw))]
        one, other = (network.state_dict() for network in networks)
        extent = 2 * raw.architecture.total_stride
        images = torch.rand(1, 1, extent, extent, generator=torch.Generator().manual_seed(0))
        assert torch.equal(answer(networks[0], images), answer(networks[1], images)), raw.as_dict()
        if raw.architecture.skip != "dense":
            assert list(one) == list(other)


@pytest.mark.parametrize("option", ["off", "on"])
def test_auxiliary_logits_come_from_coarser_levels_finest_first(option: str) -> None:
    network = build(Architecture(depth=4, width=4, deep_supervision=option), 2)
    images = torch.rand(1, 1, 32, 32)
    logits, auxiliary = network(images, auxiliary=True)
    assert torch.equal(logits, network(images))
    assert [tuple(item.shape[2:]) for item in auxiliary] == ([(16, 16), (8, 8)] if option == "on" else [])


def test_dynunet_gives_the_auxiliary_logits_that_monai_computes() -> None:
    network = build(Architecture(family="dynunet", depth=4, width=4, deep_supervision="on"), 2)
    images = torch.rand(1, 1, 32, 32)
    logits, auxiliary = network(images, auxiliary=True)
    stacked = network.get_submodule("network").train()(images)
    assert torch.equal(stacked[:, 0], logits)
    for index, item in enumerate(auxiliary, start=1):
        assert torch.equal(stacked[:, index], torch.nn.functional.interpolate(item, logits.shape[2:]))
