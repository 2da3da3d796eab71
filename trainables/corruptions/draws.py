"""Random draws of corruptions: every image has its own generator, so no draw depends on other images of the batch.

If there are few numbers per image, they are drawn on the CPU and are equal on every device. One number per pixel is
drawn on the images' device, from a generator that is seeded on the CPU: its bits are equal on all devices of one kind.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Generators = Sequence[torch.Generator]
"""One CPU generator per image of a batch."""

Images = Float[Tensor, "b c *spatial"]


def draw_uniform(generators: Generators, *shape: int) -> Float[Tensor, "b *shape"]:
    """Numbers in [0, 1) for every image, on the CPU."""
    return torch.stack([torch.rand(shape, generator=generator) for generator in generators])


def draw_integers(generators: Generators, high: int) -> list[int]:
    """An integer in [0, high) for every image."""
    return [int(torch.randint(high, (1,), generator=generator)) for generator in generators]


def draw_signs(generators: Generators) -> Float[Tensor, " b"]:
    """-1 or 1 for every image, on the CPU."""
    return torch.tensor([2.0 * sign - 1.0 for sign in draw_integers(generators, 2)])


def draw_directions(generators: Generators, num_axes: int) -> Float[Tensor, "b axes"]:
    """A unit vector for every image, all directions equally likely, on the CPU."""
    normal = torch.stack([torch.randn(num_axes, generator=generator) for generator in generators])
    directions: Tensor = normal / normal.norm(dim=1, keepdim=True).clamp_min(1e-6)
    return directions


def draw_normal_pixels(images: Images, generators: Generators) -> Images:
    """A standard normal number for every pixel and channel, on the device of the images."""
    drawn = torch.empty_like(images, memory_format=torch.contiguous_format)
    for pixels, generator in zip(drawn, _device_generators(images, generators), strict=True):
        pixels.normal_(generator=generator)
    return drawn


def draw_uniform_pixels(images: Images, generators: Generators) -> Images:
    """A number in [0, 1) for every pixel and channel, on the device of the images."""
    drawn = torch.empty_like(images, memory_format=torch.contiguous_format)
    for pixels, generator in zip(drawn, _device_generators(images, generators), strict=True):
        pixels.uniform_(generator=generator)
    return drawn


def per_image(values: Float[Tensor, " b"], images: Tensor) -> Tensor:
    """One value per image, shaped to broadcast over its pixels, on its device."""
    return values.reshape(-1, *[1] * (images.ndim - 1)).to(images.device)


def _device_generators(images: Tensor, generators: Generators) -> Generators:
    """The generators themselves on a CPU; otherwise one per image on the device, seeded by them."""
    if images.device.type == "cpu":
        return generators
    seeds = draw_integers(generators, 2**62)
    return [torch.Generator(images.device).manual_seed(seed) for seed in seeds]
