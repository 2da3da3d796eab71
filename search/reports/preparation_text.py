"""What must happen to a raw file before a network sees it, with all values: text of the model card. Markdown."""

from __future__ import annotations

from paretoseg.trainables.data.datasets import Dataset
from paretoseg.trainables.data.placement import STRETCHED
from paretoseg.trainables.data.preprocessing import ZSCORE_RANGE, Intensity, Preprocessing

BUNDLE_USAGE = """\
Needs MONAI with {packages}; paretoseg is not needed. In this folder:

    python -m monai.bundle run --config_file configs/inference.json --images FILE_OR_FOLDER --output_dir masks

An image is a raw {kind}, like those of the dataset; nothing has to be prepared. The bundle prepares it as the search
prepared its files, in this order:

{steps}

Masks are NIfTI files on the grid of the raw file, with its axes and its place in space: the probabilities are
interpolated linearly to that grid, and the likeliest class wins. What was cut off is background.

`scripts/` holds the code of network and preparation, `models/model.pt` the weights
(`torch.load(..., weights_only=True)`), `architecture.yaml` the network's shape.
"""

ONNX_USAGE = """\
Needs `onnxruntime` and `numpy`; neither torch nor paretoseg. In this folder:

    python segment.py IMAGE.npy MASK.npy

**The array must be prepared already; `segment.py` does not do it.** From a raw file, in this order:

{steps}

The array has the channel first, then the spatial axes. `model.json` states these values under `preparation`, and every
step around `model.onnx`.

**The mask lies on the prepared grid.** The scores below are taken on the grid of the file, unless the study has
`task.grid=prepared`. For the mask that was scored there, bring probabilities back and not the mask, from the last step
to the first:

1. Take the softmax over classes of the logits, which `slide` in `segment.py` returns.
2. Where margins were cut off, background has probability 1.
3. Interpolate every class linearly to the grid of the file, if it was resampled: both grids have the same centre.
4. Every voxel takes the likeliest class, the lower of equal ones.
5. Turn the axes back.

The nearest voxel of the finished mask would be off by up to half a voxel at every border. An export as a bundle does
all of this.

The network takes any batch size, and the spatial extents that `extents` names:
multiples of `extents_divisible_by`, or those of the window.
"""


def describe_use(form: str, dataset: Dataset, settings: Preprocessing) -> str:
    """How to use an export of a network whose dataset lay in files.

    Args:
        form: 'bundle' or 'onnx'.
        dataset: What the network was trained on.
        settings: What was done to its files.
    """
    steps = "\n".join(f"{number}. {text}" for number, text in enumerate(describe_steps(dataset, settings), start=1))
    if form == "onnx":
        return ONNX_USAGE.format(steps=steps)
    is_flat = dataset.spatial_dims == 2
    packages = "`fire`, `nibabel`, `pillow`, `scipy` and `tifffile`" if is_flat else "`fire`, `nibabel` and `scipy`"
    kind = "picture (PNG, TIFF, JPEG or BMP)" if is_flat else "volume (`.nii`, `.nii.gz`)"
    return BUNDLE_USAGE.format(packages=packages, kind=kind, steps=steps)


def describe_steps(dataset: Dataset, settings: Preprocessing) -> list[str]:
    """The steps in their order, each with its values."""
    spacing = " x ".join(f"{edge:g}" for edge in dataset.spacing_mm)
    how = _describe_resampling(settings)
    if settings.spacing_mm:
        pixels = f" from {settings.pixel_mm:g} mm a pixel" if dataset.spatial_dims == 2 else ""
        resampling = f"resampled{pixels} to {spacing} mm, {how}"
    elif dataset.spatial_dims == 2:
        resampling = f"none; pixels count as {spacing} mm"
    else:
        resampling = f"{spacing} mm, as in all cases; a file with another one is resampled to it, {how}"
    turning = f"volumes are turned so that their axes point to {settings.orientation}, in this order"
    middle = [
        f"Spacing: {resampling}.",
        f"Intensity, each channel on its own, to [0, 1]: {_describe_intensity(settings)}.",
    ]
    return [
        f"Axes: {turning if dataset.spatial_dims == 3 else 'height first, then width'}.",
        *(reversed(middle) if settings.resampling == STRETCHED else middle),
        "Crop: "
        + ("margins in which all channels are 0 are cut off." if settings.crop_foreground else "nothing is cut off."),
    ]


def _describe_resampling(settings: Preprocessing) -> str:
    if settings.resampling == STRETCHED:
        return "linearly, channel by channel: `scipy.ndimage.zoom(..., order=1, mode='nearest', grid_mode=True)`"
    return (
        "linearly, channel by channel: `scipy.ndimage.affine_transform(..., order=1, mode='nearest')` to a grid with "
        "the same centre and, along every axis, round(voxels x old spacing / new spacing) voxels"
    )


def _describe_intensity(settings: Preprocessing) -> str:
    low, high = settings.low_percentile, settings.high_percentile
    percentile = f"the {low:g}th and {high:g}th percentile of the image become 0 and 1, clipped"
    match Intensity(settings.intensity):
        case Intensity.window:
            return f"{settings.window[0]:g} becomes 0 and {settings.window[1]:g} becomes 1, clipped"
        case Intensity.zscore:
            return f"{ZSCORE_RANGE:g} standard deviations below and above the mean of the image become 0 and 1, clipped"
        case Intensity.range:
            return "numbers without sign are divided by the largest of their type; fractions in [0, 1] stay as they are"
        case Intensity.percentile:
            return percentile
        case _:
            return f"pictures of 8 bit are divided by 255; of all else {percentile}"
