"""The texture task: segment a random shape whose texture is blended with that of its surroundings. Free of torch.

After Kamath et al., 'Do we really need that skip-connection?' (MICCAI 2023) and 'The impact of U-Net architecture
choices and skip connections on the robustness of segmentation across texture variations' (Computers in Biology and
Medicine 184, 2025). With blend a in [0, 1]: inside = (1 - a) * foreground + a * background, outside = background. **A
higher a is harder, because the textures are more alike.**

The textures are photographs. The foreground texture is scaled to the mean and standard deviation of the background
texture, so that no threshold on brightness solves the task.

No pixel used for measuring is used in training: a texture of height h and width w is cut into three areas,

    columns 0 .. w/2          training
    columns w/2 .. w          rows 0 .. h/2 validation, rows h/2 .. h test

and a crop stays within the area of its split. Positions and shapes do not depend on the blend, so two configs that
differ only in the blend have the same pictures, easier or harder. The same is true of shift sets: `blend_0.60` has the
validation and test pictures again, at that blend.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from paretoseg.trainables.data.datasets import TRAIN, Case, DataConfig, Dataset
from paretoseg.trainables.seeds import derive_seed
from paretoseg.trainables.trainable import Split

BUNDLED = ("brick", "grass", "gravel")
"""Textures that are part of scikit-image, 512 x 512 pixels, read without network access."""

MIN_IMAGE_SIZE = 32

BLENDS = {f"blend_{percent / 100:.2f}": percent / 100 for percent in range(101)}
"""The blends that a shift set may have, by its name."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(unsafe_hash=True)
class TexturesConfig(DataConfig):
    """Pictures composed of two textures. With an empty `root`, the textures of scikit-image are used.

    With a `root`, texture `x` is read from the file `x.png` in it, which must be grey with 8 or 16 bit, and at least
    twice `image_size` wide and high.
    """

    foreground: str = "brick"
    """Texture inside the shape."""

    background: str = "gravel"
    """Texture outside the shape."""

    blend: float = 0.3
    """Share of background in the foreground, 0 to 1; higher is harder."""

    image_size: int = 80
    """Edge of the square images, in pixels."""

    num_train: int = 32
    num_validation: int = 16
    num_test: int = 16

    seed: int = 0
    """Seed of shapes and crops, together with split and index."""

    @property
    def shipped_calibration(self) -> str:
        """Name of the shipped calibration; it is for the textures of scikit-image."""
        return "" if self.root else "textures"

    @property
    def shipped_transfer(self) -> str:
        """Name of the shipped transfer matrix; it is for the textures of scikit-image."""
        return "" if self.root else "textures"

    def findings(self) -> list[str]:
        """All faults of the settings or, if there are none, of the texture files."""
        return self._setting_findings() or self._texture_findings()

    def load(self) -> Dataset:
        """The dataset of all pictures.

        Raises:
            ValueError: with all findings if the settings or textures cannot be used.
        """
        self.check()
        background = read_texture(self.background, self.root)
        foreground = match_moments(read_texture(self.foreground, self.root), background)
        counts = {TRAIN: self.num_train, "validation": self.num_validation, "test": self.num_test}
        cases = {
            split: tuple(self._compose(split, index, foreground, background) for index in range(count))
            for split, count in counts.items()
        }
        shift = {
            name: tuple(
                replace(self, blend=BLENDS[name])._compose(split, index, foreground, background, shift=name)
                for split in Split
                for index in range(counts[split])
            )
            for name in self.shift
        }
        return Dataset(
            name=f"textures_{self.foreground}_in_{self.background}",
            train=cases[TRAIN],
            validation=cases["validation"],
            test=cases["test"],
            shift=shift,
            spacing_mm=(1.0, 1.0),
            num_channels=1,
            class_names=("background", self.foreground),
        )

    def _compose(
        self,
        split: str,
        index: int,
        foreground: Float32[np.ndarray, "h w"],
        background: Float32[np.ndarray, "h w"],
        shift: str = "",
    ) -> Case:
        generator = np.random.default_rng(derive_seed("textures", self.seed, split, index))
        inside = _crop(split_area(foreground, split), self.image_size, generator)
        outside = _crop(split_area(background, split), self.image_size, generator)
        label = draw_shape(self.image_size, generator)
        blended = np.float32(1.0 - self.blend) * inside + np.float32(self.blend) * outside
        subject = f"{split}_{index:03d}"
        return Case(
            name=f"{subject}_{shift}" if shift else subject,
            domain=f"blend_{self.blend:.2f}",
            subject=subject,
            split=split,
            image=np.where(label, blended, outside)[np.newaxis].clip(0.0, 1.0),
            label=label,
        )

    def _setting_findings(self) -> list[str]:
        findings = []
        if not 0.0 <= self.blend <= 1.0:
            findings.append(f"data.blend must lie in 0..1, got {self.blend}")
        if self.image_size < MIN_IMAGE_SIZE:
            findings.append(f"data.image_size must be at least {MIN_IMAGE_SIZE}, got {self.image_size}")
        for field in ("num_train", "num_validation", "num_test"):
            if getattr(self, field) < 1:
                findings.append(f"data.{field} must be at least 1, got {getattr(self, field)}")
        if self.foreground == self.background:
            findings.append(f"data.foreground must differ from data.background, got '{self.foreground}' for both")
        return [*findings, *self.find_repeated_sets(), *self._shift_findings()]

    def _shift_findings(self) -> list[str]:
        findings = []
        for name in self.shift:
            if name not in BLENDS:
                known = "known: blend_0.00, blend_0.01 and so on to blend_1.00"
                findings.append(f"data.shift: unknown shift set '{name}'; {_suggest_blend(name)}{known}")
            elif BLENDS[name] == self.blend:
                findings.append(f"data.shift: '{name}' is the blend of the data itself; name another blend")
        return findings

    def _texture_findings(self) -> list[str]:
        if self.root and not Path(self.root).is_dir():
            return [f"data.root must be an existing folder with <name>.png textures, got '{self.root}'"]
        findings = []
        for field in ("foreground", "background"):
            name: str = getattr(self, field)
            try:
                texture = read_texture(name, self.root)
            except ValueError as error:
                findings.append(f"data.{field}: {error}")
                continue
            if min(texture.shape) < 2 * self.image_size:
                findings.append(
                    f"data.{field}: texture '{name}' must be at least twice data.image_size in both directions "
                    f"({2 * self.image_size}), got {texture.shape}; lower data.image_size or take a larger picture"
                )
            if texture.std() == 0.0:
                findings.append(f"data.{field}: texture '{name}' must not be constant; take another picture")
        return findings


def read_texture(name: str, root: str = "") -> Float32[np.ndarray, "h w"]:
    """A texture scaled to [0, 1] by the range of its data type.

    Args:
        name: One of `BUNDLED`, or with a root the file's name without '.png'.
        root: Folder to read from; empty for the bundled ones.

    Raises:
        ValueError: for an unknown name, or a file that is missing, unreadable, not grey, or not 8 or 16 bit.
    """
    # scikit-image is imported late, because the driver composes and hashes configs without it.
    if not root:
        from skimage import data

        if name not in BUNDLED:
            raise ValueError(f"unknown texture '{name}'; known: {', '.join(BUNDLED)}; others need data.root")
        bundled = {"brick": data.brick, "grass": data.grass, "gravel": data.gravel}
        return _to_unit_range(bundled[name](), name)
    from skimage.io import imread

    path = Path(root) / f"{name}.png"
    if not path.is_file():
        raise ValueError(f"file '{path}' is missing; put the texture there or change the name")
    # If reading as PNG fails, the reader tries other formats, and its error is about those.
    with path.open("rb") as file:
        is_png = file.read(len(PNG_SIGNATURE)) == PNG_SIGNATURE
    try:
        picture = imread(path) if is_png else None
    except (OSError, SyntaxError, ValueError):
        picture = None
    if picture is None:
        raise ValueError(f"file '{path}' cannot be read as a picture; save it again as PNG")
    return _to_unit_range(picture, str(path))


def _to_unit_range(picture: np.ndarray, source: str) -> Float32[np.ndarray, "h w"]:
    if picture.ndim != 2:
        raise ValueError(f"'{source}' must be grey, got shape {picture.shape}; convert it to one channel")
    if picture.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"'{source}' must have 8 or 16 bit per pixel, got {picture.dtype}; save it as 8-bit grey")
    scaled: np.ndarray = (picture / np.float32(np.iinfo(picture.dtype).max)).astype(np.float32)
    return scaled


def _suggest_blend(name: str) -> str:
    """A question that suggests the blend nearest to the number in the name, or ''."""
    number = re.search(r"\d+(\.\d+)?", name)
    return f"did you mean 'blend_{min(float(number[0]), 1.0):.2f}'? " if number else ""


def match_moments(
    texture: Float32[np.ndarray, "h w"], target: Float32[np.ndarray, "h2 w2"]
) -> Float32[np.ndarray, "h w"]:
    """The texture with the mean and standard deviation of the target, clipped to [0, 1]."""
    standard = (texture - texture.mean()) / texture.std()
    matched: np.ndarray = (standard * target.std() + target.mean()).clip(0.0, 1.0).astype(np.float32)
    return matched


def split_area(texture: Float32[np.ndarray, "h w"], split: str) -> Float32[np.ndarray, "h2 w2"]:
    """The part of a texture from which crops of this split are taken; the three parts are disjoint."""
    height, width = texture.shape
    if split == TRAIN:
        return texture[:, : width // 2]
    rows = slice(0, height // 2) if split == "validation" else slice(height // 2, None)
    return texture[rows, width // 2 :]


def _crop(area: Float32[np.ndarray, "h w"], size: int, generator: np.random.Generator) -> Float32[np.ndarray, "s s"]:
    top, left = (int(generator.integers(extent - size + 1)) for extent in area.shape)
    return area[top : top + size, left : left + size]


def draw_shape(size: int, generator: np.random.Generator) -> UInt8[np.ndarray, "s s"]:
    """A random closed shape, 1 inside and 0 outside, shape (size, size), that never touches the border.

    The outline is r(angle) = r0 * (1 + sum over k = 2..6 of a_k * cos(k * angle + phase_k)), smooth because a_k falls
    with k, around a centre near the middle. It covers about 5 to 30 percent of the image.
    """
    orders = np.arange(2, 7)
    row, column = generator.uniform(0.38, 0.62, size=2) * size
    radius = generator.uniform(0.17, 0.28) * size
    amplitudes = generator.uniform(-0.4, 0.4, size=orders.size) / orders
    phases = generator.uniform(0.0, 2.0 * math.pi, size=orders.size)
    rows, columns = np.mgrid[:size, :size] + 0.5
    angle = np.arctan2(rows - row, columns - column)
    waves = amplitudes * np.cos(orders * angle[..., np.newaxis] + phases)
    outline = np.minimum(radius * (1.0 + waves.sum(axis=-1)), 0.37 * size)
    shape: np.ndarray = (np.hypot(rows - row, columns - column) <= outline).astype(np.uint8)
    return shape
