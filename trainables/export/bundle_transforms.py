"""Pre- and postprocessing of a bundle whose dataset was read from files: from raw image files to masks on their grid.

Copied into the bundle with everything that it imports.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data.meta_tensor import MetaTensor

from paretoseg.trainables.data.preprocessing import Preprocessing
from paretoseg.trainables.data.raw_images import Preparation, prepare_file
from paretoseg.trainables.evaluation.restoring import restore_mask


class PrepareImage:
    """Reads the file that an item names under 'image', and prepares it as in training.

    Args:
        settings: Preprocessing of the dataset.
        spacing_mm: Spacing of the dataset's prepared cases, in the order of the axes.
        num_channels: Input channels of the network.
    """

    def __init__(self, settings: Preprocessing, spacing_mm: Sequence[float], num_channels: int) -> None:
        self._preparation = Preparation(settings, tuple(spacing_mm))
        self._num_channels = num_channels

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """The item with the prepared image, and its place in the file under 'placement'.

        Raises:
            SystemExit: if the file is not like those of the training, with a message of one line.
        """
        file = str(item["image"])
        try:
            image, placement = prepare_file(Path(file), self._preparation, self._num_channels)
        except ValueError as error:
            raise SystemExit(str(error)) from None
        meta = {"filename_or_obj": file}
        return item | {"image": MetaTensor(torch.from_numpy(image), meta=meta), "placement": placement}


class RestoreMask:
    """Brings the logits under 'pred' to the file's grid, as in the search, and turns them into a mask there."""

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """The item with the mask, whose axes are (channel, *spatial of the file)."""
        pred, placement = item["pred"], item["placement"]
        mask = placement.turn_back(restore_mask(pred.as_tensor(), placement.placement).numpy())
        affine = torch.from_numpy(np.eye(4) if placement.affine is None else np.asarray(placement.affine, np.float64))
        meta = dict(pred.meta) | {"spatial_shape": mask.shape, "affine": affine, "original_affine": affine}
        return item | {"pred": MetaTensor(torch.from_numpy(mask)[None], meta=meta)}
