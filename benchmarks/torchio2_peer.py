"""TorchIO 2 as a peer of `corruptions.py`, in a process of its own: the tests need TorchIO 1, which has the same name.

The other side writes a corruption and a number of calls a line, and reads the seconds that they took. TorchIO 2 takes a
whole batch at once, with parameters of its own for every image.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from corruption_images import SHAPES, STRENGTHS, build_images
from rounds import time_calls
from torch import Tensor

from paretoseg.trainables.corruptions.kspace import GHOST_EVERY, NUM_MOVES


class TorchIO2:
    """The process, which measures one number of spatial dimensions; use it in a `with`.

    Args:
        folder: Where `pip install --target` put TorchIO 2.
        spatial_dims: 2 or 3.
        device: Of the images.
    """

    def __init__(self, folder: Path, spatial_dims: int, device: str) -> None:
        paths = [str(folder), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(spatial_dims), device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
        )
        about = self._read()
        self.version, self.kinds = about["version"], set(about["kinds"])

    def __enter__(self) -> TorchIO2:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def time(self, name: str, num_calls: int) -> float:
        """Seconds that so many corruptions of the batch took."""
        assert self._process.stdin
        print(json.dumps([name, num_calls]), file=self._process.stdin, flush=True)
        seconds: float = self._read()
        return seconds

    def _read(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("TorchIO 2 ended: see its message above")
        return json.loads(line)


def build_transforms(spatial_dims: int) -> dict[str, object]:
    """TorchIO 2's transform for every corruption that it has too; a picture is a volume of one slice."""
    import torchio as tio

    is_volume, shape, strength = spatial_dims == 3, SHAPES[spatial_dims], STRENGTHS

    def along(value: float, rest: float) -> tuple[float, float, float]:
        return (value, value, value if is_volume else rest)

    move, axes = strength["motion"] / 100 * shape[0], tuple(range(spatial_dims))
    shift = [strength["translation"] * extent for extent in shape]
    made: dict[str, Callable[..., object]] = {
        "gaussian_noise": lambda **how: tio.Noise(std=strength["gaussian_noise"], **how),
        "rician_noise": lambda **how: tio.Noise(std=strength["rician_noise"], rician=True, **how),
        "gaussian_blur": lambda **how: tio.Blur(std=along(strength["gaussian_blur"], 0.0), **how),
        "anisotropy": lambda **how: tio.Anisotropy(axes=axes, downsampling=strength["anisotropy"], **how),
        "motion": lambda **how: tio.Motion(
            degrees=(-strength["motion"], strength["motion"]),
            translation=(-move, move),
            num_transforms=NUM_MOVES,
            **how,
        ),
        "ghosting": lambda **how: tio.Ghosting(
            num_ghosts=GHOST_EVERY, axes=(0,), intensity=strength["ghosting"], **how
        ),
        "kspace_spike": lambda **how: tio.Spike(num_spikes=1, intensity=strength["kspace_spike"], **how),
        "bias_field": lambda **how: tio.BiasField(std=strength["bias_field"], **how),
        "gamma_up": lambda **how: tio.Gamma(log_gamma=math.log(strength["gamma_up"]), **how),
        "elastic_deformation": lambda **how: tio.ElasticDeformation(
            num_control_points=7,
            max_displacement=along(strength["elastic_deformation"] * shape[0], 0.0),
            locked_borders=0,
            **how,
        ),
        "rotation": lambda **how: tio.Affine(degrees=(0, 0, strength["rotation"]), default_pad_value=0.0, **how),
        "scaling": lambda **how: tio.Affine(scales=along(strength["scaling"], 1.0), default_pad_value=0.0, **how),
        "translation": lambda **how: tio.Affine(translation=(*shift, 0.0)[:3], default_pad_value=0.0, **how),
    }
    # Without the deep copy: results are new tensors, and every call gets a batch of its own.
    return {name: build(copy=False) for name, build in made.items()}


def build_works(spatial_dims: int, device: str) -> Mapping[str, Callable[[], object]]:
    """For every corruption, what does it to the whole batch: labels too where they move."""
    import torchio as tio

    from paretoseg.trainables.severities.levels import LEVELS

    images, labels = build_images(spatial_dims, device)
    if spatial_dims == 2:
        images, labels = images[..., None], labels[..., None]
    affines = [tio.AffineMatrix() for _ in images]

    def pack(data: Tensor, kind: type) -> object:
        return tio.ImagesBatch(data, list(affines), image_class=kind)

    def build(transform: Any, has_labels: bool) -> Callable[[], object]:
        def run() -> object:
            parts = {"image": pack(images, tio.ScalarImage)}
            if has_labels:
                parts["label"] = pack(labels[:, None], tio.LabelMap)
            return transform(tio.SubjectsBatch(parts))

        return run

    return {
        name: build(transform, LEVELS[name].moves_labels) for name, transform in build_transforms(spatial_dims).items()
    }


def main() -> None:
    """Measures what the other side asks for."""
    spatial_dims, device = int(sys.argv[1]), sys.argv[2]
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # the library's own
    works = build_works(spatial_dims, device)
    print(json.dumps({"version": version("torchio"), "kinds": list(works)}), flush=True)
    for line in sys.stdin:
        name, num_calls = json.loads(line)
        print(json.dumps(time_calls(works[name], num_calls, device)), flush=True)


if __name__ == "__main__":
    main()
