"""Reads a picture or volume from its file, with the channel first. Free of torch.

The axes are those of the file: (channel, height, width) for a picture (PNG, TIFF, JPEG, BMP), and (channel, x, y, z)
for a NIfTI volume, whose affine gives the directions of x, y and z. Unlike this one, MONAI's reader of pictures returns
the width first.

A file is read once, as bytes, so that its hash is that of the decoded content. A compressed file is checked against its
own checksum, which a reader that stops at the end of the data would skip.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PICTURE_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp")
VOLUME_SUFFIXES = (".nii.gz", ".nii")

COLOURS = 3
"""Channels of a colour picture."""

_NIFTI2_HEADER_BYTES = 540
_SPATIAL_DIMS_OF_VOLUME = 3
_OPAQUE_MODES = {"1": "L", "CMYK": "RGB", "YCbCr": "RGB", "LA": "RGBA", "PA": "RGBA"}
"""Pillow's modes that are converted first; the others are read unchanged."""

_UNREADABLE = (OSError, EOFError, SyntaxError, ValueError, KeyError, IndexError, TypeError, struct.error, zlib.error)
"""The errors that readers raise for a file that is damaged or of another format."""


@dataclass(frozen=True, eq=False)
class Raw:
    """The content of an image file."""

    array: np.ndarray
    """Any real type, axes (channel, *spatial)."""

    affine: np.ndarray | None
    """Affine from voxels to millimetres, 4 x 4; None for a picture."""

    digest: str
    """SHA-256 of the file, in hexadecimal digits."""

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """The shape without the channel."""
        return self.array.shape[1:]


def suffix_of(name: str) -> str:
    """The known ending of a file name, in lower case; '' for an unknown one."""
    lower = name.lower()
    return next((suffix for suffix in (*VOLUME_SUFFIXES, *PICTURE_SUFFIXES) if lower.endswith(suffix)), "")


def stem_of(name: str) -> str:
    """A file name without its ending, which may be '.nii.gz'."""
    suffix = suffix_of(name)
    return name[: -len(suffix)] if suffix else name


def is_volume(path: Path) -> bool:
    """True for NIfTI."""
    return suffix_of(path.name) in VOLUME_SUFFIXES


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_image(path: Path) -> Raw:
    """An image with its channels first; an alpha channel that is opaque everywhere is left out.

    Raises:
        ValueError: if the file cannot be read, or does not contain real numbers on two (volumes: three) spatial axes;
            the message names the file.
    """
    return _read(path, _decode_volume if is_volume(path) else _decode_picture)


def read_label(path: Path) -> Raw:
    """A label of one channel with the values of the file; for a picture with a palette, the indices.

    A colour picture whose channels are all equal counts as grey.

    Raises:
        ValueError: as in `read_image`, and if there are several channels.
    """
    raw = _read(path, _decode_volume if is_volume(path) else _decode_mask)
    array = raw.array
    if array.shape[0] > 1 and is_grey(array):
        array = array[:1]
    if array.shape[0] != 1:
        raise ValueError(
            f"file '{path}': a label must have one value per pixel, got {array.shape[0]} channels; save class numbers, "
            "not colours or one channel per class"
        )
    return Raw(array, raw.affine, raw.digest)


def is_grey(array: np.ndarray) -> bool:
    """True if all channels (the first axis) are equal."""
    return all(np.array_equal(array[0], other) for other in array[1:])


def fit_channels(image: Raw, num_channels: int) -> Raw:
    """Grey stored as colour as one channel, or grey as three channels, if `num_channels` says so; else unchanged."""
    array = image.array
    if num_channels == 1 and array.shape[0] == COLOURS and is_grey(array):
        array = array[:1]
    elif num_channels == COLOURS and array.shape[0] == 1 and image.affine is None:
        array = np.repeat(array, COLOURS, axis=0)
    return Raw(array, image.affine, image.digest)


def _read(path: Path, decode: Callable[[bytes], tuple[np.ndarray, np.ndarray | None]]) -> Raw:
    if not suffix_of(path.name):
        known = ", ".join((*VOLUME_SUFFIXES, *PICTURE_SUFFIXES))
        raise ValueError(f"file '{path}' is of an unknown kind; known endings: {known}; convert it")
    try:
        content = path.read_bytes()
        array, affine = decode(content)
    except FileNotFoundError:
        raise ValueError(f"file '{path}' is missing; put it there, or take its case out") from None
    except _UNREADABLE as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ValueError(
            f"file '{path}' cannot be read ({cause}); copy it again from its source, or take its case out"
        ) from None
    if array.dtype.kind not in "buif" or array.size == 0:
        raise ValueError(f"file '{path}' must hold real numbers, got {array.dtype} of shape {array.shape}; convert it")
    return Raw(array, affine, hashlib.sha256(content).hexdigest())


def _decode_volume(content: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    # Imported late, like the readers below: composing a config does not need them.
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError, ImageDataError
    from nibabel.wrapstruct import WrapStructError

    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    size = int.from_bytes(content[:4], "little"), int.from_bytes(content[:4], "big")
    kind: Any = nibabel.Nifti2Image if _NIFTI2_HEADER_BYTES in size else nibabel.Nifti1Image
    try:
        image = kind.from_bytes(content)
        array = np.asanyarray(image.dataobj)
    except (ImageFileError, HeaderDataError, ImageDataError, WrapStructError) as error:
        raise ValueError(str(error)) from None
    while array.ndim > _SPATIAL_DIMS_OF_VOLUME and array.shape[3] == 1:
        array = array[..., 0] if array.ndim == _SPATIAL_DIMS_OF_VOLUME + 1 else array.squeeze(3)
    if array.ndim not in (_SPATIAL_DIMS_OF_VOLUME, _SPATIAL_DIMS_OF_VOLUME + 1):
        raise ValueError(f"a volume has 3 axes, or 4 with the channels last; got shape {array.shape}")
    if not np.isfinite(image.affine).all() or abs(np.linalg.det(image.affine[:3, :3])) == 0.0:
        raise ValueError("its affine is not invertible")
    return (np.moveaxis(array, -1, 0) if array.ndim > _SPATIAL_DIMS_OF_VOLUME else array[np.newaxis]), image.affine


def _decode_picture(content: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    array = _decode_pixels(content, keep_palette=False)
    if array.shape[0] in (2, 4) and array.dtype.kind == "u" and (array[-1] == np.iinfo(array.dtype).max).all():
        array = array[:-1]
    return array, None


def _decode_mask(content: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    return _decode_pixels(content, keep_palette=True), None


def _decode_pixels(content: bytes, *, keep_palette: bool) -> np.ndarray:
    if content[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return _decode_tiff(content)
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        if (num_pictures := getattr(picture, "n_frames", 1)) > 1:
            raise ValueError(f"it holds {num_pictures} pictures")
        mode = _OPAQUE_MODES.get(picture.mode, picture.mode)
        if picture.mode == "P" and not keep_palette:
            mode = "RGBA" if "transparency" in picture.info else "RGB"
        array = np.asarray(picture.convert(mode) if mode != picture.mode else picture)
    return np.moveaxis(array, -1, 0) if array.ndim == 3 else array[np.newaxis]


def _decode_tiff(content: bytes) -> np.ndarray:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(content)) as file:
        series = file.series[0]
        array, axes = series.asarray(), series.axes
    if array.ndim == 2:
        return np.asarray(array[np.newaxis])
    if array.ndim == 3 and (axes.startswith(("S", "C")) or axes.endswith(("S", "C"))):
        return np.asarray(array if axes[0] in "SC" else np.moveaxis(array, -1, 0))
    raise ValueError(f"it must hold one picture, got axes {axes} of shape {array.shape}")
