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

from paretoseg.trainables.data.image_files import name_case
from paretoseg.trainables.data.preprocessing import Preprocessing
from paretoseg.trainables.data.raw_images import Preparation, prepare_file
from paretoseg.trainables.evaluation.restoring import restore_mask


class PrepareImage:
    """Reads the file that an item names under 'image', and prepares it as in training.

    Args:
        settings: Preprocessing of the dataset.
        spacing_mm: Spacing of the dataset's prepared cases, in the order of the axes.
        num_channels: Input channels of the network.
        files_per_image: Files of an image, if every channel has its own; the item names the first, `CASE_0000`.
    """

    def __init__(
        self, settings: Preprocessing, spacing_mm: Sequence[float], num_channels: int, files_per_image: int = 1
    ) -> None:
        self._preparation = Preparation(settings, tuple(spacing_mm), files_per_image)
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
        name = name_case(file) if self._preparation.files_per_image > 1 else file
        meta = {"filename_or_obj": name}  # the mask's name is made of it
        return item | {"image": MetaTensor(torch.from_numpy(image), meta=meta), "placement": placement}


class RestoreMask:
    """Brings the logits under 'pred' to the file's grid, as in the search, and turns them into a mask there.

    Args:
        order: The classes in the order in which they are painted into the mask, if they overlap.
    """

    def __init__(self, order: Sequence[int] | None = None) -> None:
        self._order = order

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """The item with the mask, whose axes are (channel, *spatial of the file)."""
        pred, placement = item["pred"], item["placement"]
        mask = placement.turn_back(restore_mask(pred.as_tensor(), placement.placement, order=self._order).numpy())
        affine = torch.from_numpy(np.eye(4) if placement.affine is None else np.asarray(placement.affine, np.float64))
        meta = dict(pred.meta) | {"spatial_shape": mask.shape, "affine": affine, "original_affine": affine}
        return item | {"pred": MetaTensor(torch.from_numpy(mask)[None], meta=meta)}
