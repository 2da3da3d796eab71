"""Simulated studies whose truth is known: what seeds and subjects do to the scores of candidates.

The score of subject i, of a candidate c trained with seed s, is

    y[c, s, i] = truth_c + block_s + deviation_cs + subject_i + specific_ci + rest_csi

for accuracy and for robustness, both in [0, 1] and higher being better. The truth is the expectation over seeds and
subjects. `measured_spreads.py` reads the spreads off a study.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from paretoseg.search.fronts.dominance import find_nondominated


@dataclass(frozen=True)
class Noise:
    """What moves one objective; standard deviations in its unit."""

    seed_sd: float
    """Of the deviation of one training."""

    subject_sd: float
    """Of the scores of subjects under one network."""

    block_sd: float = 0.005
    """Of what a seed does to all candidates."""

    common_share: float = 0.8
    """Share of the subjects' variance that is common to all candidates."""

    candidate_share: float = 0.5
    """Share of the rest of it that belongs to the candidate and the subject; what is left, to one training and the
    subject."""

    tail: float | None = 2.0
    """Shape of the Gamma distribution that gives subjects a long lower tail (skewness -2 / sqrt(tail)); None for normal
    subjects."""


@dataclass(frozen=True)
class Preset:
    """A kind of study."""

    accuracy: Noise
    robustness: Noise
    correlation: float = 0.5
    """Of the two objectives, in every source of noise that is not of subjects alone."""

    subject_correlation: float | None = None
    """Of the two objectives, in what a subject does to all candidates; None for `correlation`."""

    unevenness: float = 0.3
    """Standard deviation of the logarithm of the candidates' seed SDs: some train less reliably than others."""


PRESETS = {
    "volumes": Preset(Noise(0.010, 0.06), Noise(0.020, 0.08)),
    "long tail": Preset(Noise(0.010, 0.06, tail=1.0), Noise(0.020, 0.08, tail=1.0)),
    "small networks": Preset(Noise(0.030, 0.06, block_sd=0.015), Noise(0.030, 0.08, block_sd=0.015)),
    "no skew": Preset(Noise(0.010, 0.06, tail=None), Noise(0.020, 0.08, tail=None)),
}
"""What is assumed."""

MEASURED = {
    "textures, small networks, measured": Preset(
        Noise(0.0073, 0.062, block_sd=0.0145, common_share=0.70, candidate_share=0.09, tail=21.0),
        Noise(0.0177, 0.066, block_sd=0.0149, common_share=0.69, candidate_share=0.05, tail=200.0),
        correlation=0.17,
        subject_correlation=0.93,
    ),
}
"""Read by `measured_spreads.py` off 16 networks of 6 candidates, with two or three seeds each, of the quick start on
textures; 16 validation images. Eight degrees of freedom are few: the seed SDs may be off by a third. One more network
was broken and is left out. How much candidates differ in their seed SDs could not be read."""


def draw_scores(
    truth: np.ndarray, shape: tuple[int, int], preset: Preset, generator: np.random.Generator
) -> np.ndarray:
    """Scores of shape (..., candidates, seeds, subjects, 2).

    Args:
        truth: Expected accuracy and robustness, shape (..., candidates, 2).
        shape: Number of seeds and of subjects.
        preset: What moves them.
        generator: Source of all draws.
    """
    *lead, num_candidates, _ = truth.shape
    num_seeds, num_subjects = shape
    noises = (preset.accuracy, preset.robustness)
    own = [(1.0 - noise.common_share) * noise.candidate_share for noise in noises]
    rest = [(1.0 - noise.common_share) * (1.0 - noise.candidate_share) for noise in noises]

    def draw(sizes: tuple[int, int, int], sds: list[float], *, is_subject: bool = False) -> np.ndarray:
        first, other = (sample(noise.tail if is_subject else None, (*lead, *sizes), generator) for noise in noises)
        is_common = is_subject and sizes[0] == 1 and preset.subject_correlation is not None
        correlation = preset.subject_correlation if is_common else preset.correlation
        second = correlation * first + (1.0 - correlation**2) ** 0.5 * other
        return np.stack([first * sds[0], second * sds[1]], axis=-1)

    sd_ratio = np.exp(preset.unevenness * generator.normal(size=(*lead, num_candidates, 1, 1, 1)))
    sd_ratio /= np.exp(preset.unevenness**2)
    scores = truth[..., None, None, :] + draw((1, num_seeds, 1), [noise.block_sd for noise in noises])
    scores = scores + sd_ratio * draw((num_candidates, num_seeds, 1), [noise.seed_sd for noise in noises])
    shares = [noise.common_share for noise in noises], own
    for num, share in zip((1, num_candidates), shares, strict=True):
        sds = [noise.subject_sd * part**0.5 for noise, part in zip(noises, share, strict=True)]
        scores = scores + draw((num, 1, num_subjects), sds, is_subject=True)
    sds = [noise.subject_sd * part**0.5 for noise, part in zip(noises, rest, strict=True)]
    return scores + draw((num_candidates, num_seeds, num_subjects), sds)


def sample(tail: float | None, sizes: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Draws of mean 0 and variance 1, normal or with a long lower tail."""
    if tail is None:
        return generator.normal(size=sizes)
    return (tail - generator.gamma(tail, size=sizes)) / tail**0.5


def draw_truth(
    num_candidates: int, generator: np.random.Generator, front: tuple[int, int] = (3, 10), gap: float = 0.025
) -> np.ndarray:
    """Expected accuracy and robustness of candidates whose front is of this size, shape (candidates, 2).

    Args:
        num_candidates: Of the study.
        generator: Source of the draws.
        front: The fewest and the most members of the front.
        gap: How far candidates lie behind the best there could be: 1.5 times as much in the mean of each objective.
            It grows by a tenth after 50 draws with other fronts.
    """
    for turn in itertools.count():
        place = generator.random(num_candidates)
        behind = generator.gamma(1.5, gap * 1.1 ** (turn // 50), size=(num_candidates, 2))
        bend = generator.uniform(1.3, 3.0)
        truth = np.stack([0.82 + 0.06 * place, 0.55 + 0.12 * (1.0 - place**bend)], axis=1) - behind
        if front[0] <= find_nondominated(-truth).sum() <= front[1]:
            return truth
    raise AssertionError("draws go on until the front fits")


def run_as_search(values: np.ndarray) -> np.ndarray:
    """Which seeds a search runs: one each in rotation over three, and two or three for the most promising 30 percent.

    Args:
        values: What every training gives, shape (candidates, seeds, 2); at least three seeds.

    Returns:
        True where a training ran, shape (candidates, seeds).
    """
    num_candidates, num_seeds, _ = values.shape
    first = np.arange(num_candidates) % 3
    ran = first[:, None] == np.arange(num_seeds)
    seen = values[np.arange(num_candidates), first]
    left, order = np.arange(num_candidates), []
    while left.size:
        best = find_nondominated(-seen[left])
        order += list(left[best])
        left = left[~best]
    for rank, candidate in enumerate(order[: round(0.3 * num_candidates)]):
        more = 2 if rank < 0.15 * num_candidates else 1
        for step in range(1, more + 1):
            ran[candidate, (first[candidate] + step) % 3] = True
    return ran
