"""Applies an exported bundle to image files: its own transforms and network, with the masks as arrays.

Runs the code of the bundle, as MONAI's command does, so it gives the masks that the bundle was proved to give.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle.config_parser import ConfigParser
from monai.data.meta_tensor import MetaTensor

from paretoseg.trainables.export.bundle_inference import check_image

SCRIPTS = "scripts"
"""The package that holds the code of every bundle."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What a network says of an image, with the axes of the image's file."""

    mask: np.ndarray
    """Class of every pixel or voxel, uint8."""

    probabilities: np.ndarray | None
    """Of every class, float32, the classes first; None if they were not asked for."""


class AppliedBundle:
    """A bundle whose network is loaded; see `open_bundle`."""

    def __init__(self, parser: Any, network: Any, device: str) -> None:
        self._preprocess = parser.get_parsed_content("preprocessing")
        self._inferer = parser.get_parsed_content("inferer")
        self._classify = parser.get_parsed_content("postprocessing::transforms::0")
        self._num_channels = int(parser["run::1::num_channels"])
        self._network, self._device = network, device
        self._order = parser["postprocessing::transforms::0"].get("order")

    def prepare(self, file: Path) -> dict[str, Any]:
        """The prepared image of a file under 'image', and where it lies.

        Raises:
            ValueError: if the file cannot be read or is not like those of the training; one line that names it.
        """
        try:
            item: dict[str, Any] = self._preprocess({"image": str(file)})
            check_image(item["image"], str(file), self._inferer, self._num_channels)
        except SystemExit as error:
            raise ValueError(str(error)) from None
        except (OSError, EOFError, ValueError, TypeError, RuntimeError, KeyError, SyntaxError) as error:
            cause = _find_cause(error)
            raise ValueError(f"'{file}': cannot be read ({cause}); copy it again from its source") from None
        return item

    def segment(self, items: Sequence[Mapping[str, Any]], *, has_probabilities: bool = False) -> list[Answer]:
        """The answers for prepared images of one shape, which go through the network together."""
        images = torch.stack([item["image"].as_tensor() for item in items]).to(self._device)
        with torch.inference_mode():
            logits = self._inferer(images, self._network).cpu()
        return [self._answer(item, one, has_probabilities) for item, one in zip(items, logits, strict=True)]

    def _answer(self, item: Mapping[str, Any], logits: torch.Tensor, has_probabilities: bool) -> Answer:
        found = self._classify({**item, "pred": MetaTensor(logits, meta=dict(item["image"].meta))})["pred"]
        mask = np.ascontiguousarray(found.as_tensor().numpy()[0].astype(np.uint8))
        return Answer(mask, _find_probabilities(item, logits, self._order) if has_probabilities else None)


@contextmanager
def open_bundle(
    bundle: Path, device: str, intensity_range: tuple[float, float] | None = None
) -> Iterator[AppliedBundle]:
    """Loads the network and the transforms of a bundle; its code can be imported while the block runs.

    Args:
        bundle: The folder.
        device: As torch names it.
        intensity_range: Intensities that become 0 and 1, for a bundle that does not prepare raw files itself.

    Raises:
        ValueError: if the bundle is damaged.
    """
    with _import_scripts_of(bundle):
        parser = ConfigParser()
        parser.read_config(str(bundle / "configs" / "inference.json"))
        if intensity_range is not None:
            parser["intensity_range"] = list(intensity_range)
        try:
            network = parser.get_parsed_content("network_def")
            parser.get_parsed_content("load_weights")
        except (OSError, RuntimeError, ImportError, ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"the bundle '{bundle}' cannot be loaded ({_find_cause(error)}); export it again, or copy all of it"
            ) from None
        yield AppliedBundle(parser, network.to(device).eval(), device)


def read_classes(bundle: Path) -> dict[str, tuple[int, ...]]:
    """By name, the values of a mask that belong to a class, the background first; several where classes overlap."""
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    channels = metadata["network_data_format"]["outputs"]["pred"]["channel_def"]
    names = [channels[str(number)] for number in range(len(channels))]
    if (regions := metadata.get("regions")) is None:
        return {name: (number,) for number, name in enumerate(names)}
    return {"background": (0,), **{name: tuple(values) for name, values in zip(names, regions, strict=True)}}


def choose_device(name: str) -> str:
    """The device of a name: 'auto' is a GPU if there is one.

    Raises:
        ValueError: if there is no such device.
    """
    count = torch.cuda.device_count()
    if name == "auto":
        return "cuda" if count else "cpu"
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdecimal()) or (kind == "cpu" and number):
        raise ValueError(f"--device must be auto, cpu, cuda or cuda:N, got {name!r}")
    if kind == "cuda" and int(number or 0) >= count:
        raise ValueError(f"--device {name}: torch sees {count} GPUs; use --device cpu, or run `paretoseg doctor`")
    return name


def _find_probabilities(item: Mapping[str, Any], logits: torch.Tensor, order: Sequence[int] | None) -> np.ndarray:
    """The probabilities on the grid of the file, as the bundle's own code restores them."""
    placement = item.get("placement")
    if placement is None:
        return np.asarray(logits.float().softmax(dim=0).numpy(), dtype=np.float32)
    restoring = importlib.import_module(f"{SCRIPTS}.restoring")  # the bundle's own, like the placement
    shares = restoring.restore_probabilities(logits, placement.placement, *([] if order is None else [order])).numpy()
    return np.stack([placement.turn_back(share) for share in shares]).astype(np.float32)


def _find_cause(error: BaseException) -> str:
    """The first line of the error that MONAI wrapped in its own, or of this one."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


@contextmanager
def _import_scripts_of(bundle: Path) -> Iterator[None]:
    """In the block, `scripts` is the package of this bundle; another one of that name is as before afterwards."""
    before = _take_scripts()
    sys.path.insert(0, str(bundle.absolute()))
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # the bundle stays as it is
    try:
        yield
    finally:
        sys.dont_write_bytecode = written
        sys.path.remove(str(bundle.absolute()))
        _take_scripts()
        sys.modules.update(before)


def _take_scripts() -> dict[str, Any]:
    names = [name for name in sys.modules if name.partition(".")[0] == SCRIPTS]
    return {name: sys.modules.pop(name) for name in names}
