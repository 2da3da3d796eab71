"""The brain task: grey and white matter in blocks of one averaged brain, seen by simulated scanners. Free of torch.

The MNI152 template and its maps of grey and white matter (Fonov et al. 2009, 'Unbiased nonlinear average
age-appropriate brain templates from birth to adulthood') come with nilearn, at 1 mm, so three dimensions can be tried
with real anatomy and no download. A voxel is grey (1) or white matter (2) where the map says more than one half.

It is one averaged brain: a study on it shows that things work, and says nothing of how networks generalise to people.

No voxel that a network is measured on was seen in training: the brain is cut across its long axis, back to front, into
one half for training and a quarter each for validation and test, and a block never leaves the part of its split. (Left
and right will not do: the template is symmetric.) A block holds at least 5 percent of brain tissue. Each site has its
own contrast, a power of the intensities, and its own noise; 'a' is the mildest.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec

import numpy as np
from jaxtyping import Float32, UInt8

from trainables.datasets import SHIFT, TRAIN, Case, DataConfig, Dataset
from trainables.seeds import derive_seed

CLASS_NAMES = ("background", "grey_matter", "white_matter")
MIN_BLOCK, MAX_BLOCK = 16, 56
MAX_SITES = 8
MIN_TISSUE = 0.05
MAX_TRIES = 200

CONTRAST_PER_SITE = 0.25
"""Logarithm of the exponent on intensities grows by this from site to site, with alternating sign."""

NOISE_PER_SITE = 0.02
"""Standard deviation of the noise grows by this from site to site, in units of the range [0, 1]."""

LONG_AXIS = 1
"""The axis from back to front."""

_PARTS = {TRAIN: (0.0, 0.5), "validation": (0.5, 0.75), "test": (0.75, 1.0), SHIFT: (0.75, 1.0)}


@dataclass(unsafe_hash=True)
class BrainConfig(DataConfig):
    """Blocks of the MNI152 template; `root` is not used."""

    block_size: int = 40
    """Edge of the cubic volumes, in voxels of 1 mm."""

    num_train: int = 24
    num_validation: int = 8
    num_test: int = 8
    """Blocks of each split, dealt out to the sites in turn; each shift site has as many as the test split."""

    num_sites: int = 2
    """Simulated sites of training, validation and test: a, b and so on."""

    num_shift_sites: int = 1
    """Further sites, noisier and with more contrast, that are held out as shift sets."""

    seed: int = 0
    """Decides places and noise."""

    def findings(self) -> list[str]:
        """Everything wrong with the settings, and whether nilearn is there."""
        findings = []
        if not MIN_BLOCK <= self.block_size <= MAX_BLOCK:
            findings.append(f"data.block_size must lie in {MIN_BLOCK}..{MAX_BLOCK}, got {self.block_size}")
        for field in ("num_train", "num_validation", "num_test", "num_sites"):
            if getattr(self, field) < 1:
                findings.append(f"data.{field} must be at least 1, got {getattr(self, field)}")
        if self.num_shift_sites < 0 or self.num_sites + self.num_shift_sites > MAX_SITES:
            findings.append(f"data.num_sites and data.num_shift_sites must add up to {MAX_SITES} at most")
        if self.root:
            findings.append(f"data.root is not used by data=brain, got '{self.root}'; leave it out")
        if find_spec("nilearn") is None:
            findings.append("data=brain needs nilearn; install it with: pip install 'paretoseg[brain]'")
        return findings

    def load(self) -> Dataset:
        """Cuts all blocks.

        Raises:
            ValueError: with all findings if the settings cannot be used.
        """
        self.check()
        sites = string.ascii_lowercase[: self.num_sites + self.num_shift_sites]
        own, held_out = sites[: self.num_sites], sites[self.num_sites :]
        return Dataset(
            name="brain",
            train=self._cut(TRAIN, self.num_train, own),
            validation=self._cut("validation", self.num_validation, own),
            test=self._cut("test", self.num_test, own),
            shift={f"site_{site}": self._cut(SHIFT, self.num_test, site) for site in held_out},
            spacing_mm=(1.0, 1.0, 1.0),
            num_channels=1,
            class_names=CLASS_NAMES,
        )

    def _cut(self, split: str, count: int, sites: Sequence[str]) -> tuple[Case, ...]:
        return tuple(self._cut_one(split, index, sites[index % len(sites)]) for index in range(count))

    def _cut_one(self, split: str, index: int, site: str) -> Case:
        template, tissue = read_template()
        generator = np.random.default_rng(derive_seed("brain", self.seed, split, site, index))
        window = _find_block(tissue, split, self.block_size, generator)
        name = f"{split}_{site}_{index:03d}"
        return Case(
            name=name,
            domain=f"site_{site}",
            subject=name,
            split=split,
            image=scan(template[window], site, generator)[np.newaxis],
            label=tissue[window].copy(),
        )


@lru_cache(maxsize=1)
def read_template() -> tuple[Float32[np.ndarray, "x y z"], UInt8[np.ndarray, "x y z"]]:
    """The T1-weighted template in [0, 1] and its classes, axes to the right, to the front and up, 1 mm."""
    from nilearn import datasets  # late: an optional package, and slow to import

    template, grey, white = (
        load(resolution=1).get_fdata(dtype=np.float32)
        for load in (datasets.load_mni152_template, datasets.load_mni152_gm_template, datasets.load_mni152_wm_template)
    )
    tissue = np.where(white > 0.5, 2, np.where(grey > 0.5, 1, 0)).astype(np.uint8)
    return template.clip(0.0, 1.0), tissue


def scan(
    block: Float32[np.ndarray, "x y z"], site: str, generator: np.random.Generator
) -> Float32[np.ndarray, "x y z"]:
    """The block as a site's scanner shows it: another contrast, then Gaussian noise, clipped to [0, 1]."""
    number = string.ascii_lowercase.index(site)
    exponent = np.exp(CONTRAST_PER_SITE * number * (-1.0) ** number)
    noise = generator.normal(0.0, NOISE_PER_SITE * (number + 1), size=block.shape)
    seen: np.ndarray = (block**exponent + noise).clip(0.0, 1.0).astype(np.float32)
    return seen


def _find_block(
    tissue: UInt8[np.ndarray, "x y z"], split: str, size: int, generator: np.random.Generator
) -> tuple[slice, slice, slice]:
    """A random place inside the split's part of the brain that holds enough tissue."""
    low, high = (round(share * tissue.shape[LONG_AXIS]) for share in _PARTS[split])
    for _ in range(MAX_TRIES):
        starts = [int(generator.integers(extent - size + 1)) for extent in tissue.shape]
        starts[LONG_AXIS] = int(generator.integers(low, high - size + 1))
        x, y, z = (slice(start, start + size) for start in starts)
        if (tissue[x, y, z] > 0).mean() >= MIN_TISSUE:
            return x, y, z
    raise AssertionError(f"no block of {size} voxels with tissue in {split}")
