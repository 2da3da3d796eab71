"""Writes masks and probabilities in the format of the image that they are of, on its grid. Free of torch."""

from __future__ import annotations

import gzip
import io
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from paretoseg.trainables.data.image_files import FIRST_CHANNEL, VOLUME_SUFFIXES, stem_of, suffix_of
from paretoseg.trainables.data.itk_files import ITK_SUFFIXES

ARRAY_SUFFIX = ".npy"

LOSSLESS = ".png"
"""What a mask of a JPEG picture becomes: JPEG would blur the class numbers."""

_REPLACED = {".jpg": LOSSLESS, ".jpeg": LOSSLESS, ".mhd": ".mha"}
"""Endings that masks do not have: of lossy pictures, and of headers whose voxels lie in a second file."""


def kind_of(name: str) -> str:
    """The known ending of a file name, in lower case, such as '.nii.gz' or '.npy'; '' for an unknown one."""
    return suffix_of(name) or (ARRAY_SUFFIX if name.lower().endswith(ARRAY_SUFFIX) else "")


def stem_of_image(image: Path, *, has_several: bool = False) -> str:
    """The name of an image without its ending, and without `_0000` if it is the first of several files."""
    name = image.name
    stem = name[: -len(ARRAY_SUFFIX)] if kind_of(name) == ARRAY_SUFFIX else stem_of(name)
    return stem.removesuffix(FIRST_CHANNEL) if has_several else stem


def name_mask(image: Path, stem: str) -> str:
    """The name of an image's mask: `scan_mask.nii.gz` for `scan.nii.gz`, whose stem is `scan`."""
    return f"{stem}_mask{_ending_of(image)}"


def name_probabilities(image: Path, stem: str) -> str:
    """The name of an image's probabilities: in the format of a volume, else an array of NumPy."""
    is_volume = kind_of(image.name) in VOLUME_SUFFIXES
    return f"{stem}_probabilities{_ending_of(image) if is_volume else ARRAY_SUFFIX}"


def encode_mask(mask: np.ndarray, image: Path) -> bytes:
    """The content of a mask's file, in the format of the image and with its place in space.

    Args:
        mask: Class of every pixel or voxel, uint8, with the axes of the image's file.
        image: The file of the image. A NIfTI mask has its affine, codes and units; a TIFF or PNG its resolution.
    """
    suffix = kind_of(image.name)
    if suffix in ITK_SUFFIXES:
        return _encode_itk(mask, image)
    if suffix in VOLUME_SUFFIXES:
        return _encode_volume(mask, image)
    return _ENCODERS.get(suffix, _encode_png)(mask, image)


def encode_probabilities(probabilities: np.ndarray, image: Path) -> bytes:
    """The content of the file of an image's probabilities.

    Args:
        probabilities: Of every class, float32, axes (classes, *spatial of the file). A NIfTI file has the classes last.
        image: The file of the image.
    """
    suffix, last = kind_of(image.name), np.moveaxis(probabilities, 0, -1)
    if suffix in ITK_SUFFIXES:
        return _encode_itk(last, image)
    if suffix in VOLUME_SUFFIXES:
        return _encode_volume(last, image)
    return _encode_array(probabilities, image)


def measure_voxel_ml(image: Path) -> float | None:
    """The volume of a voxel in millilitres; None where the file does not give it, as in pictures."""
    if kind_of(image.name) in ITK_SUFFIXES:
        return float(np.prod(_read_grid(image).GetSpacing())) / 1000.0
    if kind_of(image.name) not in VOLUME_SUFFIXES:
        return None
    import nibabel

    source: Any = nibabel.load(image)
    return float(abs(np.linalg.det(source.affine[:3, :3]))) / 1000.0 if len(source.shape) > 2 else None


def _ending_of(image: Path) -> str:
    suffix = kind_of(image.name)
    return _REPLACED.get(suffix, suffix)


def _read_grid(image: Path) -> Any:
    """The volume of a file with three axes, as SimpleITK reads it."""
    import SimpleITK

    found = SimpleITK.ReadImage(str(image))
    return found if found.GetDimension() == 3 else found[:, :, :, 0]


def _encode_itk(array: np.ndarray, image: Path) -> bytes:
    """NRRD or MetaImage with the grid of the image; values per voxel lie along a fourth axis of the array."""
    import SimpleITK

    axes = (2, 1, 0, 3)[: array.ndim]
    found = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.transpose(axes)), isVector=array.ndim > 3)
    found.CopyInformation(_read_grid(image))
    with tempfile.TemporaryDirectory(prefix="paretoseg-") as folder:
        path = Path(folder) / f"mask{_ending_of(image)}"
        SimpleITK.WriteImage(found, str(path), useCompression=True)
        return path.read_bytes()


def _encode_volume(array: np.ndarray, image: Path) -> bytes:
    """NIfTI with the header of the image, without its extensions: these may hold names of patients."""
    import nibabel

    source: Any = nibabel.load(image)
    header = source.header.copy()
    header.extensions.clear()
    header.set_data_dtype(array.dtype)
    header.set_slope_inter(1.0, 0.0)
    header["cal_min"], header["cal_max"] = 0.0, 0.0
    content: bytes = type(source)(array, source.affine, header).to_bytes()
    if image.name.lower().endswith(".gz"):
        return gzip.compress(content, compresslevel=6, mtime=0)
    return content


def _encode_array(array: np.ndarray, _: Path) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _encode_png(mask: np.ndarray, image: Path) -> bytes:
    return _encode_picture(mask, image, "PNG")


def _encode_bmp(mask: np.ndarray, image: Path) -> bytes:
    return _encode_picture(mask, image, "BMP")


def _encode_picture(mask: np.ndarray, image: Path, form: str) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    with Image.open(image) as source:
        resolution = source.info.get("dpi")
    Image.fromarray(mask).save(stream, form, **({"dpi": resolution} if resolution else {}))
    return stream.getvalue()


def _encode_tiff(mask: np.ndarray, image: Path) -> bytes:
    import tifffile

    with tifffile.TiffFile(image) as source:
        tags = source.pages.first.tags
        known = {name: tags[name].value for name in ("XResolution", "YResolution", "ResolutionUnit") if name in tags}
    settings: dict[str, Any] = {}
    if {"XResolution", "YResolution"} <= set(known):
        settings["resolution"] = (known["XResolution"], known["YResolution"])
        settings["resolutionunit"] = known.get("ResolutionUnit")
    stream = io.BytesIO()
    tifffile.imwrite(stream, mask, compression="zlib", photometric="minisblack", **settings)
    return stream.getvalue()


_ENCODERS: Mapping[str, Callable[[np.ndarray, Path], bytes]] = {
    ARRAY_SUFFIX: _encode_array,
    ".bmp": _encode_bmp,
    ".tif": _encode_tiff,
    ".tiff": _encode_tiff,
}
