"""MONAI's transformer networks, for inputs of any size divisible by their stride."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from monai.networks.nets.swin_unetr import SwinUNETR
from monai.networks.nets.unetr import UNETR
from torch import Tensor, nn

from paretoseg.spaces.architecture import Architecture

UNETR_STRIDE = 16
UNETR_EXTENT = 96
"""Image extent for whose tokens position embeddings are learned; for others they are interpolated."""

_HIDDEN, _PERCEPTRON, _FEATURES = 48, 192, 3
"""Sizes relative to the width, such that the default width gives those of the papers."""


class AnySizeUnetr(UNETR):  # type: ignore[misc]
    """UNETR whose position embeddings are interpolated to the input's tokens, as in vision transformers.

    Source: Dosovitskiy et al., 'An image is worth 16x16 words' (ICLR 2021), section 3.2. At 96 pixels per axis the
    output equals MONAI's.
    """

    def forward(self, x_in: Tensor) -> Tensor:
        """Logits at the resolution of the images."""
        grid = [extent // UNETR_STRIDE for extent in x_in.shape[2:]]
        tokens, hidden = self._embed(x_in, grid), []
        for block in self.vit.blocks:
            tokens = block(tokens)
            hidden.append(tokens)
        levels = [self.encoder1(x_in)]
        for encoder, index in ((self.encoder2, 3), (self.encoder3, 6), (self.encoder4, 9)):
            levels.append(encoder(_to_image(hidden[index], grid)))
        features = _to_image(self.vit.norm(tokens), grid)
        for decoder in (self.decoder5, self.decoder4, self.decoder3, self.decoder2):
            features = decoder(features, levels.pop())
        logits: Tensor = self.out(features)
        return logits

    def _embed(self, images: Tensor, grid: Sequence[int | torch.SymInt]) -> Tensor:
        """Tokens with position embeddings, shape (b, num_tokens, hidden)."""
        embedding = self.vit.patch_embedding
        learned = [UNETR_EXTENT // UNETR_STRIDE] * len(grid)
        mode = {2: "bilinear", 3: "trilinear"}[len(grid)]
        as_image = _to_image(embedding.position_embeddings, learned)
        # Interpolate even to the same grid, where it changes nothing: an export for any extents cannot branch. torch
        # accepts an export's symbols as extents, its annotation does not.
        raised = nn.functional.interpolate(as_image, size=grid, mode=mode, align_corners=False)  # type: ignore[arg-type]
        positions = raised.flatten(2).transpose(1, 2)
        tokens = embedding.patch_embeddings(images).flatten(2).transpose(1, 2)
        placed: Tensor = embedding.dropout(tokens + positions)
        return placed


def build_unetr(
    architecture: Architecture, spatial_dims: int, in_channels: int, num_classes: int, norm: tuple[str, dict[str, Any]]
) -> nn.Module:
    """UNETR with residual or plain convolution blocks, and tokens from a convolution."""
    network = AnySizeUnetr(
        in_channels,
        num_classes,
        img_size=UNETR_EXTENT,
        feature_size=architecture.width,
        hidden_size=_HIDDEN * architecture.width,
        mlp_dim=_PERCEPTRON * architecture.width,
        norm_name=norm,
        res_block=architecture.block != "plain",
        dropout_rate=architecture.dropout,
        spatial_dims=spatial_dims,
    )
    for block in network.vit.blocks:
        # Cross attention is not used here, so nothing would train its weights.
        block.norm_cross_attn = nn.Identity()
    return network


def build_swin_unetr(
    architecture: Architecture, spatial_dims: int, in_channels: int, num_classes: int, norm: tuple[str, dict[str, Any]]
) -> nn.Module:
    """Swin UNETR with two blocks in each of four stages; the width must be a multiple of 4."""
    network: nn.Module = SwinUNETR(
        in_channels,
        num_classes,
        feature_size=_FEATURES * architecture.width,
        norm_name=norm,
        drop_rate=architecture.dropout,
        attn_drop_rate=architecture.dropout,
        dropout_path_rate=architecture.dropout,
        spatial_dims=spatial_dims,
    )
    return network


def _to_image(tokens: Tensor, grid: Sequence[int | torch.SymInt]) -> Tensor:
    """Tokens (b, num_tokens, hidden) as features (b, hidden, *grid)."""
    return torch.unflatten(tokens.transpose(1, 2), 2, grid)
