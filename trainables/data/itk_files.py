"""Reads volumes with SimpleITK: NRRD and MetaImage. Free of torch.

ITK counts axes x, y, z and gives positions with the first axis to the left and the second to the back (LPS). NIfTI
counts the same axes with positions to the right and to the front (RAS). Arrays and affines here are those that the same
image has as NIfTI, so that nothing after the reader depends on the kind of file.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

ITK_SUFFIXES = (".nrrd", ".mha", ".mhd")

_SPATIAL_DIMS = 3
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_DATA_FILE, _INSIDE, _LISTED = "ElementDataFile", "LOCAL", "LIST"
_NUMBERED = re.compile(r"(.*)%(0?\d*)d(.*)")


def decode_itk(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The volume with axes (channel, x, y, z), and its affine from voxels to millimetres (RAS).

    Raises:
        ValueError: if it cannot be read, or does not have three spatial axes.
    """
    import SimpleITK  # late: composing a config does not need it

    SimpleITK.ProcessObject.GlobalWarningDisplayOff()
    try:
        image = SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ValueError(lines[-1] if lines else "SimpleITK cannot read it") from None
    array, dims = SimpleITK.GetArrayFromImage(image), image.GetDimension()
    if dims not in (_SPATIAL_DIMS, _SPATIAL_DIMS + 1):
        raise ValueError(f"a volume has 3 axes, got {dims}; save a single picture as PNG or TIFF")
    if image.GetNumberOfComponentsPerPixel() == 1:
        array = array[..., np.newaxis]
    elif dims > _SPATIAL_DIMS:
        raise ValueError("it has channels both in its voxels and along a fourth axis")
    # ITK's arrays count the axes from the last to the first: (fourth,) z, y, x, component.
    array = array if dims == _SPATIAL_DIMS else np.moveaxis(array[..., 0], 0, -1)
    return np.transpose(array, (3, 2, 1, 0)), _to_affine(image.GetOrigin(), image.GetSpacing(), image.GetDirection())


def find_data_files(header: Path) -> list[Path]:
    """The files with the voxels of an `.mhd` header; none if they are in the header's file, or it cannot be read.

    A header names one file, lists one a slice under `LIST`, or numbers them by a pattern with first, last and step, as
    in `slice%03d.raw 1 20 1` (MetaIO's documentation of ElementDataFile).
    """
    try:
        lines = [line.strip() for line in header.read_text(errors="replace").splitlines()]
    except OSError:
        return []
    places = [number for number, line in enumerate(lines) if line.partition("=")[0].strip() == _DATA_FILE]
    if not places:
        return []
    words = lines[places[0]].partition("=")[2].split()
    if not words or words == [_INSIDE]:
        return []
    if words[0] == _LISTED:
        names = [line for line in lines[places[0] + 1 :] if line]
    elif found := _NUMBERED.fullmatch(words[0]):
        first, last, step = ([int(word) for word in words[1:] if word.isdigit()] + [1, 1, 1])[:3]
        names = [f"{found[1]}{number:{found[2]}d}{found[3]}" for number in range(first, last + 1, max(step, 1))]
    else:
        names = [" ".join(words)]
    return [header.parent / name for name in names]


def _to_affine(origin: tuple[float, ...], spacing: tuple[float, ...], direction: tuple[float, ...]) -> np.ndarray:
    dims = len(origin)
    axes = np.array(direction).reshape(dims, dims)[:_SPATIAL_DIMS, :_SPATIAL_DIMS]
    affine = np.eye(_SPATIAL_DIMS + 1)
    affine[:_SPATIAL_DIMS, :_SPATIAL_DIMS] = axes * np.array(spacing[:_SPATIAL_DIMS])
    affine[:_SPATIAL_DIMS, -1] = origin[:_SPATIAL_DIMS]
    affine = _LPS_TO_RAS @ affine
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:_SPATIAL_DIMS, :_SPATIAL_DIMS])) == 0.0:
        raise ValueError("its affine is not invertible")
    return np.asarray(affine)
