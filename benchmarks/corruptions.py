"""How many images a second our corruptions go through, beside MONAI's and TorchIO's transforms of the same kind.

The same parameters on the same images, in rounds, one after the other, so that a noisy machine disturbs all alike. What
counts is ours : fastest of them, per kind, and the geometric mean over kinds. On a CPU all have one thread, and time
is that of the process: what others take from the machine does not count.

Ours and TorchIO 2 take a batch; MONAI and TorchIO 1 take one image after the other, as they do everywhere. MONAI's
track no metadata, which is its faster way. Where labels move along, all move them too. Ours draws again for every
image. With --device cuda, ours, MONAI's and TorchIO 2's run there, and TorchIO 1's where it can, on the CPU.

TorchIO 2 is a pre-release and has the name of TorchIO 1, so it lies in a folder of its own:

    pip install --target FOLDER --no-deps --pre torchio==2.0.0a2 torch-interpol loguru tyro docstring-parser

Without --torchio2 FOLDER it is left out.
"""

from __future__ import annotations

import argparse
import math
import statistics
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import monai.transforms as mt
import numpy as np
import SimpleITK
import torch
import torchio as tio
from corruption_images import BATCH_SIZES, SEVERITY, SHAPES, STRENGTHS, build_images
from monai.data import set_track_meta
from results import record
from rounds import time_calls
from torch import Tensor
from torchio2_peer import TorchIO2

from paretoseg.trainables.corruptions.intensity import NUM_BLOCKS
from paretoseg.trainables.corruptions.kspace import GHOST_EVERY, NUM_MOVES
from paretoseg.trainables.corruptions.table import case_generator, corrupt

Timer = Callable[[int], float]
"""Seconds of so many calls."""

OURS, MONAI, TORCHIO, TORCHIO2 = "ours", "MONAI", "TorchIO", "TorchIO 2"

Work = Callable[[Tensor, Tensor], object]
"""Does a kind to one image, c x spatial, and its label, 1 x spatial."""


@dataclass(frozen=True)
class Peers:
    """The same kind in the two libraries; None where a library has none with these parameters."""

    monai: Work | None
    torchio: Work | None


def build_peers(spatial_dims: int) -> dict[str, Peers]:
    """Every kind that a library has too, with the strength of our severity."""
    strength, shape = STRENGTHS, SHAPES[spatial_dims]
    return {
        **_noise_and_blur(strength, spatial_dims),
        **_kspace(strength, shape),
        **_intensity(strength, shape),
        **_geometry(strength, shape),
    }


def _noise_and_blur(strength: Mapping[str, float], spatial_dims: int) -> dict[str, Peers]:
    return {
        "gaussian_noise": Peers(
            _image(mt.RandGaussianNoise(1.0, std=strength["gaussian_noise"], sample_std=False)),
            _image(tio.RandomNoise(mean=0, std=(strength["gaussian_noise"],) * 2)),
        ),
        "rician_noise": Peers(_image(mt.RandRicianNoise(1.0, std=strength["rician_noise"], sample_std=False)), None),
        "gaussian_blur": Peers(
            _image(mt.GaussianSmooth(strength["gaussian_blur"])),
            _image(tio.RandomBlur((strength["gaussian_blur"],) * 2)),
        ),
        "low_resolution": Peers(
            _image(
                mt.RandSimulateLowResolution(
                    1.0,
                    downsample_mode="area",
                    upsample_mode="trilinear" if spatial_dims == 3 else "bilinear",
                    zoom_range=(1 / strength["low_resolution"],) * 2,
                )
            ),
            None,
        ),
        "anisotropy": Peers(
            None, _image(tio.RandomAnisotropy(tuple(range(spatial_dims)), (strength["anisotropy"],) * 2))
        ),
    }


def _kspace(strength: Mapping[str, float], shape: Sequence[int]) -> dict[str, Peers]:
    spike = [extent // 2 + round(0.15 * extent) for extent in shape]
    height = math.log(strength["kspace_spike"] * 0.5 * math.prod(shape))
    ghost = {"num_ghosts": GHOST_EVERY, "axes": 0, "intensity": (strength["ghosting"],) * 2, "restore": None}
    moves = {"degrees": strength["motion"], "translation": strength["motion"] / 100 * shape[0]}
    return {
        "motion": Peers(None, _image(tio.RandomMotion(**moves, num_transforms=NUM_MOVES))),
        "ghosting": Peers(None, _image(tio.RandomGhosting(**ghost))),
        "kspace_spike": Peers(
            _image(mt.KSpaceSpikeNoise(tuple(spike), height)),
            _image(tio.RandomSpike(num_spikes=1, intensity=(strength["kspace_spike"],) * 2)),
        ),
        "gibbs_ringing": Peers(_image(mt.GibbsNoise(strength["gibbs_ringing"])), None),
    }


def _intensity(strength: Mapping[str, float], shape: Sequence[int]) -> dict[str, Peers]:
    bias = strength["bias_field"]
    edge = [max(1, round(extent * (strength["occlusion"] / NUM_BLOCKS) ** (1 / len(shape)))) for extent in shape]
    return {
        "bias_field": Peers(
            _image(mt.RandBiasField(degree=3, coeff_range=(-bias, bias), prob=1.0)),
            _image(tio.RandomBiasField(coefficients=bias, order=3)),
        ),
        "gamma_up": Peers(
            _image(mt.AdjustContrast(strength["gamma_up"])),
            _image(tio.RandomGamma((math.log(strength["gamma_up"]),) * 2)),
        ),
        "intensity_shift_up": Peers(_image(mt.ShiftIntensity(strength["intensity_shift_up"])), None),
        "intensity_scale_down": Peers(
            _image(mt.ScaleIntensity(minv=None, maxv=None, factor=-strength["intensity_scale_down"])), None
        ),
        "occlusion": Peers(_copy(mt.RandCoarseDropout(NUM_BLOCKS, edge, fill_value=0.0, prob=1.0)), None),
    }


def _geometry(strength: Mapping[str, float], shape: Sequence[int]) -> dict[str, Peers]:
    is_volume = len(shape) == 3
    control = strength["elastic_deformation"] * shape[0]
    angles = [math.radians(strength["rotation"]), 0, 0][: 3 if is_volume else 1]
    scale = [strength["scaling"]] * len(shape)
    shift = [strength["translation"] * extent for extent in shape]
    return {
        "elastic_deformation": Peers(
            None, _pair(tio.RandomElasticDeformation(7, (control, control, control if is_volume else 0), 0))
        ),
        "rotation": Peers(
            _both(lambda mode: mt.Affine(angles, mode=mode, image_only=True)),
            _pair(tio.Affine((1, 1, 1), (0, 0, strength["rotation"]), (0, 0, 0))),
        ),
        "scaling": Peers(
            _both(lambda mode: mt.Affine(scale_params=scale, mode=mode, image_only=True)),
            _pair(tio.Affine((*scale, 1)[:3], (0, 0, 0), (0, 0, 0))),
        ),
        "translation": Peers(
            _both(lambda mode: mt.Affine(translate_params=shift, mode=mode, image_only=True)),
            _pair(tio.Affine((1, 1, 1), (0, 0, 0), (*shift, 0)[:3])),
        ),
    }


def _image(transform: Callable[[Tensor], object]) -> Work:
    if isinstance(transform, tio.Transform):
        return lambda image, _: transform(_to_volume(image))
    return lambda image, _: transform(image)


def _copy(transform: Callable[[Tensor], object]) -> Work:
    """For a transform that writes into what it is given, which ours never does."""
    return lambda image, _: transform(image.clone())


def _both(build: Callable[[str], Callable[[Tensor], object]]) -> Work:
    for_image, for_label = build("bilinear"), build("nearest")
    return lambda image, label: (for_image(image), for_label(label))


def _pair(transform: tio.Transform) -> Work:
    def run(image: Tensor, label: Tensor) -> object:
        image, label = _to_volume(image), _to_volume(label)
        return transform(tio.Subject(image=tio.ScalarImage(tensor=image), label=tio.LabelMap(tensor=label)))

    return run


def _to_volume(image: Tensor) -> Tensor:
    """TorchIO knows volumes only: a picture has one slice. They lie on the CPU."""
    image = image.cpu()
    return image[..., None] if image.ndim == 3 else image


def measure_kind(
    name: str, peers: Peers, batch: tuple[Tensor, Tensor], rounds: int, torchio2: TorchIO2 | None
) -> dict[str, float]:
    """Images a second by library: of medians over rounds in turns, after one that does not count."""
    images, labels = batch
    device = str(images.device)

    def ours() -> None:
        generators = [case_generator(f"case_{i}", name, 0) for i in range(len(images))]
        corrupt(images, labels, name, STRENGTHS[name], generators)

    def repeat(work: Work) -> Callable[[], None]:
        def run() -> None:
            for image, label in zip(images, labels, strict=True):
                work(image, label[None])

        return run

    works = {
        OURS: ours,
        MONAI: peers.monai and repeat(peers.monai),
        TORCHIO: peers.torchio and repeat(peers.torchio),
    }
    timers: dict[str, Timer] = {
        who: lambda num_calls, work=work: time_calls(work, num_calls, device) for who, work in works.items() if work
    }
    if torchio2 and name in torchio2.kinds:
        timers[TORCHIO2] = lambda num_calls: torchio2.time(name, num_calls)
    return {who: len(images) / statistics.median(times) for who, times in alternate(timers, rounds).items()}


def alternate(timers: Mapping[str, Timer], rounds: int) -> dict[str, list[float]]:
    """Seconds a call of every work in every round; a short work is called several times."""
    seconds: dict[str, list[float]] = {who: [] for who in timers}
    calls = dict.fromkeys(timers, 1)
    for number in range(rounds + 1):
        for who, timer in timers.items():
            taken = timer(calls[who]) / calls[who]
            if number:
                seconds[who].append(taken)
            calls[who] = max(1, min(20, round(0.1 / max(taken, 1e-4))))
    return seconds


def measure_dims(
    spatial_dims: int, parsed: argparse.Namespace, torchio2: TorchIO2 | None
) -> Iterator[tuple[str, dict[str, float], float]]:
    """Yields kind, images a second by library, and ours : fastest of the others."""
    batch = build_images(spatial_dims, parsed.device)
    for name, peers in build_peers(spatial_dims).items():
        if parsed.kinds and name not in parsed.kinds:
            continue
        rates = measure_kind(name, peers, batch, parsed.rounds, torchio2)
        gain = rates[OURS] / max(rate for who, rate in rates.items() if who != OURS)
        yield f"{name}, {'x'.join(map(str, SHAPES[spatial_dims]))}", rates, gain


def main() -> None:
    """Measures all and writes the section of RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", default=[], help="corruptions to measure; all that a peer has otherwise")
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 3], help="spatial dimensions")
    parser.add_argument("--torchio2", type=Path, help="folder that TorchIO 2 is installed in")
    parser.add_argument("--print-only", action="store_true", help="leave RESULTS.md as it is")
    parsed = parser.parse_args()
    torch.set_num_threads(1)
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    set_track_meta(False)
    warnings.simplefilter("ignore")  # the libraries' own, about their dependencies
    np.random.seed(0)
    rows, gains, libraries = [], [], (OURS, MONAI, TORCHIO, *([TORCHIO2] if parsed.torchio2 else []))
    versions = [f"MONAI {version('monai')}", f"TorchIO {version('torchio')}"]
    if not parsed.torchio2:
        print("TorchIO 2 is left out: --torchio2 names the folder that it is installed in")
    for spatial_dims in parsed.dims:
        with TorchIO2(parsed.torchio2, spatial_dims, parsed.device) if parsed.torchio2 else nullcontext() as torchio2:
            for name, rates, gain in measure_dims(spatial_dims, parsed, torchio2):
                gains.append(gain)
                rows.append([name, *(f"{rates[who]:.1f}" if who in rates else "-" for who in libraries), f"{gain:.2f}"])
                print(*rows[-1], sep=" | ", flush=True)
            if torchio2 and len(versions) == 2:
                versions.append(f"TorchIO {torchio2.version} in batches")
    mean = statistics.geometric_mean(gains)
    rows.append(["geometric mean", *[""] * len(libraries), f"{mean:.2f}"])
    head = ["images a second", *libraries, "ours : fastest of them"]
    where = torch.cuda.get_device_name(parsed.device) if parsed.device != "cpu" else "one CPU thread"
    text = (
        f"{where}; severity {SEVERITY}, batches of {BATCH_SIZES[2]} pictures and {BATCH_SIZES[3]} volumes, medians of "
        f"{parsed.rounds} rounds in turns (`benchmarks/corruptions.py`). {', '.join(versions)}. The aims are a "
        "geometric mean of 1.5 on a CPU and of 20 on a GPU."
    )
    if parsed.print_only:
        print("\n".join(" | ".join(row) for row in [head, *rows]))
    else:
        print(record(f"Corruptions on a {'GPU' if parsed.device != 'cpu' else 'CPU'}", text, [head, *rows]))


if __name__ == "__main__":
    main()
