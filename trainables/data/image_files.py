"""Reads a picture or volume from its file, with the channel first. Free of torch.

The axes are those of the file: (channel, height, width) for a picture (PNG, TIFF, JPEG, BMP), and (channel, x, y, z)
for a volume (NIfTI, NRRD, MetaImage), whose affine gives the directions of x, y and z. A stack of pictures in a TIFF
file is a volume with axes (channel, z, y, x) and without directions. Unlike this one, MONAI's reader of pictures
returns the width first.

A file is read once, as bytes, so that its hash is that of the decoded content; only SimpleITK, for NRRD and MetaImage,
opens it again. A compressed NIfTI is checked against its own checksum, which a reader that stops at the end of the data
would skip.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from paretoseg.trainables.data.itk_files import ITK_SUFFIXES, decode_itk, find_data_files
from paretoseg.trainables.data.tiff_files import TIFF_SUFFIXES, decode_tiff, find_sidecar, read_spacing

PICTURE_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp")
VOLUME_SUFFIXES = (".nii.gz", ".nii", *ITK_SUFFIXES)

FIRST_CHANNEL = "_0000"
"""End of the name of an image's first file, where every channel has one."""

COLOURS = 3
"""Channels of a colour picture."""

_NIFTI2_HEADER_BYTES = 540
_SPATIAL_DIMS_OF_VOLUME = 3
_AXES_OF_PICTURE = 3
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

    spacing_mm: tuple[float, ...] | None = None
    """Edges of a voxel in the order of the axes, if there is no affine but the spacing is known; else None."""

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
    """True for a kind of file that only holds volumes; a TIFF may hold either."""
    return suffix_of(path.name) in VOLUME_SUFFIXES


def find_companions(path: Path) -> list[Path]:
    """The files without which an image cannot be read: the voxels of an `.mhd` header, the spacing of a TIFF stack."""
    suffix = suffix_of(path.name)
    if suffix == ".mhd":
        return find_data_files(path)
    found = find_sidecar(path) if suffix in TIFF_SUFFIXES else None
    return [] if found is None else [found]


def digest_of(path: Path) -> str:
    """SHA-256 of a file and its companions, in hexadecimal digits."""
    digests = []
    for part in (path, *find_companions(path)):
        with part.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return join_digests(digests)


def join_digests(digests: Sequence[str]) -> str:
    """One digest for several files, in their order; that of the file itself if it is alone."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


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
    return replace(raw, array=array)


def list_channel_files(path: Path, number: int) -> list[Path]:
    """The files of an image whose first is `CASE_0000`, one per channel; the file alone if it is the only one.

    Raises:
        ValueError: if there are several, and the name of the first does not end in `_0000`.
    """
    if number == 1:
        return [path]
    stem, case = stem_of(path.name), stem_of(name_case(path.name))
    suffix = path.name[len(stem) :]
    if stem == case:
        raise ValueError(f"file '{path}' must be the first of {number} channels, as CASE{FIRST_CHANNEL}{suffix}")
    return [path.with_name(f"{case}_{channel:04d}{suffix}") for channel in range(number)]


def name_case(file: str) -> str:
    """The path of an image's first file without `_0000`."""
    stem = stem_of(file)
    return stem.removesuffix(FIRST_CHANNEL) + file[len(stem) :]


def read_channels(paths: Sequence[Path]) -> Raw:
    """An image whose channels are in files of their own, in their order; like `read_image` for a single file.

    Raises:
        ValueError: as in `read_image`, and if the files differ in shape.
    """
    raws = [read_image(path) for path in paths]
    for path, raw in zip(paths, raws, strict=True):
        if raw.spatial_shape != raws[0].spatial_shape:
            raise ValueError(
                f"file '{path}' has shape {raw.spatial_shape}, but '{paths[0]}' {raws[0].spatial_shape}; resample one, "
                "as channels of an image must have one shape"
            )
    return join_channels(raws)


def join_channels(raws: Sequence[Raw]) -> Raw:
    """Images of one shape as the channels of one, on the grid of the first."""
    if len(raws) == 1:
        return raws[0]
    array = np.concatenate([raw.array for raw in raws])
    return replace(raws[0], array=array, digest=join_digests([raw.digest for raw in raws]))


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
    return replace(image, array=array)


def _read(path: Path, decode: Callable[[bytes], tuple[np.ndarray, np.ndarray | None]]) -> Raw:
    if not suffix_of(path.name):
        known = ", ".join((*VOLUME_SUFFIXES, *PICTURE_SUFFIXES))
        raise ValueError(f"file '{path}' is of an unknown kind; known endings: {known}; convert it")
    spacing_mm: tuple[float, ...] | None = None
    affine: np.ndarray | None
    try:
        if suffix_of(path.name) in ITK_SUFFIXES:
            digest = digest_of(path)
            array, affine = decode_itk(path)
        else:
            content = path.read_bytes()
            array, affine = decode(content)
            digest = hashlib.sha256(content).hexdigest()
        if array.ndim > _AXES_OF_PICTURE and affine is None and (sidecar := find_sidecar(path)):
            spacing_mm, digest = read_spacing(sidecar), digest_of(path)
    except FileNotFoundError as error:
        missing = error.filename or path  # perhaps the file with the voxels of a header
        raise ValueError(f"file '{missing}' is missing; put it there, or take its case out") from None
    except _UNREADABLE as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ValueError(
            f"file '{path}' cannot be read ({cause}); copy it again from its source, or take its case out"
        ) from None
    if array.dtype.kind not in "buif" or array.size == 0:
        raise ValueError(f"file '{path}' must hold real numbers, got {array.dtype} of shape {array.shape}; convert it")
    return Raw(array, affine, digest, spacing_mm)


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
        return decode_tiff(content)
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        if (num_pictures := getattr(picture, "n_frames", 1)) > 1:
            raise ValueError(f"it holds {num_pictures} pictures")
        mode = _OPAQUE_MODES.get(picture.mode, picture.mode)
        if picture.mode == "P" and not keep_palette:
            mode = "RGBA" if "transparency" in picture.info else "RGB"
        array = np.asarray(picture.convert(mode) if mode != picture.mode else picture)
    return np.moveaxis(array, -1, 0) if array.ndim == 3 else array[np.newaxis]
