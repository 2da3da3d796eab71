"""Skip connections between an encoder level and the decoder level of its resolution."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from jaxtyping import Float
from monai.networks.layers.factories import Conv
from torch import Tensor, nn


class Skip(nn.Module, ABC):
    """Joins decoder and encoder features, both of shape (b, channels, ...spatial)."""

    def __init__(self, channels: int, spatial_dims: int) -> None:
        super().__init__()
        self.out_channels = channels

    @abstractmethod
    def forward(
        self, decoded: Float[Tensor, "b c *spatial"], encoded: Float[Tensor, "b c *spatial"]
    ) -> Float[Tensor, "b c2 *spatial"]:
        """The joined features, with `out_channels` channels."""


class NoSkip(Skip):
    """No skip: the decoder gets only the bottleneck."""

    def forward(
        self, decoded: Float[Tensor, "b c *spatial"], encoded: Float[Tensor, "b c *spatial"]
    ) -> Float[Tensor, "b c2 *spatial"]:
        """The decoder's features, unchanged."""
        return decoded


class Concatenation(Skip):
    """Channels side by side, as in the U-Net (Ronneberger et al., MICCAI 2015)."""

    def __init__(self, channels: int, spatial_dims: int) -> None:
        super().__init__(channels, spatial_dims)
        self.out_channels = 2 * channels

    def forward(
        self, decoded: Float[Tensor, "b c *spatial"], encoded: Float[Tensor, "b c *spatial"]
    ) -> Float[Tensor, "b c2 *spatial"]:
        """Decoder channels first, then encoder channels."""
        return torch.cat((decoded, encoded), dim=1)


class Addition(Skip):
    """The sum, as in LinkNet (Chaurasia and Culurciello, VCIP 2017): as many channels as without a skip."""

    def forward(
        self, decoded: Float[Tensor, "b c *spatial"], encoded: Float[Tensor, "b c *spatial"]
    ) -> Float[Tensor, "b c2 *spatial"]:
        """Decoder plus encoder."""
        return decoded + encoded


class AttentionGate(Skip):
    """Concatenation of gated encoder features (Oktay et al., 'Attention U-Net', MIDL 2018, equation 1).

    The gate is one weight in [0, 1] per position: sigmoid(psi(relu(W_x encoded + W_g decoded))).
    """

    def __init__(self, channels: int, spatial_dims: int) -> None:
        super().__init__(channels, spatial_dims)
        self.out_channels = 2 * channels
        hidden = max(channels // 2, 1)
        convolution = Conv[Conv.CONV, spatial_dims]
        self.from_decoded = convolution(channels, hidden, kernel_size=1)
        self.from_encoded = convolution(channels, hidden, kernel_size=1, bias=False)
        self.psi = convolution(hidden, 1, kernel_size=1)

    def forward(
        self, decoded: Float[Tensor, "b c *spatial"], encoded: Float[Tensor, "b c *spatial"]
    ) -> Float[Tensor, "b c2 *spatial"]:
        """Decoder channels first, then the gated encoder channels."""
        gate = torch.sigmoid(self.psi(torch.relu(self.from_decoded(decoded) + self.from_encoded(encoded))))
        return torch.cat((decoded, encoded * gate), dim=1)


SKIPS: Mapping[str, type[Skip]] = {
    "none": NoSkip,
    "concatenation": Concatenation,
    "addition": Addition,
    "attention_gate": AttentionGate,
    "dense": Concatenation,
}
"""By option of `Architecture.skip`; the nested nodes of a dense skip are in `nested.py`."""
