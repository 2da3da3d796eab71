"""The brain task: grey and white matter in blocks of one averaged brain, seen by simulated scanners. Free of torch.

The MNI152 template and its maps of grey and white matter (Fonov et al. 2009, 'Unbiased nonlinear average
age-appropriate brain templates from birth to adulthood') come with nilearn, at 1 mm, so three dimensions can be tried
with real anatomy and no download. A voxel is grey (1) or white matter (2) where the map says more than one half.

It is one averaged brain: a study on it shows that things work, and says nothing of how networks generalise to people.

No voxel that a network is measured on was seen in training: the brain is cut across its long axis, back to front, into
one half for training and a quarter each for validation and test, and a block never leaves the part of its split. (Left
and right will not do: the template is symmetric.) A block holds at least 5 percent of brain tissue. Each site has its
own contrast, a power of the intensities, and its own noise; 'a' is the mildest. A site that is held out (`data.shift`)
sees the validation and test blocks once more: what differs there is the scanner alone.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec

import numpy as np
from jaxtyping import Float32, UInt8

from paretoseg.spaces.suggestion import suggest
from paretoseg.trainables.data.datasets import TRAIN, Case, DataConfig, Dataset
from paretoseg.trainables.seeds import derive_seed

CLASS_NAMES = ("background", "grey_matter", "white_matter")
MIN_BLOCK, MAX_BLOCK = 16, 56
SITES = tuple(f"site_{letter}" for letter in string.ascii_lowercase[:8])
"""Every site, the mildest first."""

MIN_TISSUE = 0.05
MAX_TRIES = 200

CONTRAST_PER_SITE = 0.25
"""Logarithm of the exponent on intensities grows by this from site to site, with alternating sign."""

NOISE_PER_SITE = 0.02
"""Standard deviation of the noise grows by this from site to site, in units of the range [0, 1]."""

SITE_FAMILIES = frozenset({"gamma", "noise"})
"""What tells one site from another: names of `paretoseg.spaces.recipe.FAMILIES`."""

LONG_AXIS = 1
"""The axis from back to front."""

_PARTS = {TRAIN: (0.0, 0.5), "validation": (0.5, 0.75), "test": (0.75, 1.0)}


@dataclass(unsafe_hash=True)
class BrainConfig(DataConfig):
    """Blocks of the MNI152 template; `root` is not used."""

    block_size: int = 40
    """Edge of the cubic volumes, in voxels of 1 mm."""

    num_train: int = 24
    num_validation: int = 8
    num_test: int = 8
    """Blocks of each split, dealt out to the sites in turn."""

    num_sites: int = 2
    """Simulated sites of training, validation and test: site_a, site_b and so on; `shift` names further ones."""

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
        if self.num_sites > len(SITES):
            findings.append(f"data.num_sites must be at most {len(SITES)}, got {self.num_sites}")
        findings += [*self.find_repeated_sets(), *self._shift_findings()]
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
        return Dataset(
            name="brain",
            train=self._cut(TRAIN, self.num_train),
            validation=self._cut("validation", self.num_validation),
            test=self._cut("test", self.num_test),
            shift={
                name: (*self._cut("validation", self.num_validation, name), *self._cut("test", self.num_test, name))
                for name in self.shift
            },
            simulated_families=SITE_FAMILIES,
            spacing_mm=(1.0, 1.0, 1.0),
            num_channels=1,
            class_names=CLASS_NAMES,
        )

    def _cut(self, split: str, count: int, shift: str = "") -> tuple[Case, ...]:
        return tuple(self._cut_one(split, index, shift) for index in range(count))

    def _cut_one(self, split: str, index: int, shift: str) -> Case:
        template, tissue = read_template()
        letter = string.ascii_lowercase[index % self.num_sites]
        generator = np.random.default_rng(derive_seed("brain", self.seed, split, letter, index))
        window = _find_block(tissue, split, self.block_size, generator)
        subject = f"{split}_{letter}_{index:03d}"
        if shift:  # the block of another case, as the held-out scanner shows it
            letter = shift.removeprefix("site_")
            generator = np.random.default_rng(derive_seed("brain", self.seed, split, letter, index))
        return Case(
            name=f"{subject}_{shift}" if shift else subject,
            domain=f"site_{letter}",
            subject=subject,
            split=split,
            image=scan(template[window], letter, generator)[np.newaxis],
            label=tissue[window].copy(),
        )

    def _shift_findings(self) -> list[str]:
        findings = []
        known = SITES[self.num_sites :]
        for name in self.shift:
            if name in SITES[: self.num_sites]:
                findings.append(
                    f"data.shift: '{name}' is trained on with data.num_sites={self.num_sites}; name a further site, or "
                    "lower data.num_sites"
                )
            elif name not in known:
                shown = f"known: {', '.join(known)}"
                findings.append(f"data.shift: unknown shift set '{name}'; {suggest(name, known)}{shown}")
        return findings


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
