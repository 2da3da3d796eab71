"""False alarms and misses of the gate over simulated networks: `python benchmarks/gate.py`, some minutes on one core.

A study is a number of cases with an object in a share of them. Its honest networks miss objects, see some where there
are none, and draw their borders wrongly; its degenerate ones are of each kind in the table of `docs/metrics.md`.
The gate sees masks only, so masks are simulated, not networks. `--quick` takes a part of the studies.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from results import record

from paretoseg.trainables.data.datasets import Case
from paretoseg.trainables.evaluation.degeneracy import MIN_HOLDERS, Verdict
from paretoseg.trainables.evaluation.gate import judge
from paretoseg.trainables.seeds import derive_seed

EDGE = 64
"""Edge of the images, in pixels."""

PREVALENCES = (0.05, 0.1, 0.2, 0.3, 0.5)
SIZES = (4, 16, 50, 150, 400)
NUM_CASES = (8, 12, 20, 30, 60)

CLASSES = (("background", "lesion"), ("background", "organ", "lesion"), ("background", "organ"))
"""The classes of a study: lesions, an organ that every image shows at about the same place, or both."""

NUM_REPEATS = 6
"""Draws of every study."""

Masks = list[np.ndarray]


@dataclass(frozen=True)
class Study:
    """One draw of references."""

    name: str
    prevalence: float
    size: int
    class_names: tuple[str, ...]
    labels: Masks
    organs: Masks
    """What honest networks predict before they look for lesions: the organ, a little more alike than the references."""

    @property
    def lesion(self) -> int:
        """The label of lesions."""
        return len(self.class_names) - 1

    @property
    def num_holders(self) -> int:
        """Number of cases with a lesion."""
        return sum(bool((label == self.lesion).any()) for label in self.labels)


@dataclass(frozen=True)
class Quality:
    """How good an honest network is."""

    recall: float
    """Share of the lesions that it finds."""

    false_positives: float
    """Share of the cases without lesions in which it sees one."""

    overlap: float
    """Dice of a lesion that it finds, about."""


def choose_qualities(prevalence: float) -> dict[str, Quality]:
    """Honest networks by name. Clean Dice counts 1 for a mask that is rightly empty."""
    # All errors are on lesions: each has as much Dice as leaves this mean, but two thirds of them are found.
    careful = max(1.0 - (1.0 - 0.933) / prevalence, 0.35)
    recall = max(0.7, careful)
    return {
        "perfect": Quality(1.0, 0.0, 1.0),
        "clean Dice .93, rightly empty": Quality(recall, 0.0, careful / recall),
        "clean Dice .93": Quality(0.97, 0.07, 0.96),
        "clean Dice .7": Quality(0.85, 0.3, 0.82),
        "misses 3 of 10": Quality(0.7, 0.05, 0.7),
        "false alarms in half of the cases": Quality(0.95, 0.5, 0.8),
    }


def draw_study(num: int, prevalence: float, size: int, class_names: tuple[str, ...], repeat: int) -> Study:
    """References of a study. Lesions lie anywhere, in sizes around the given one; organs at one place, more or less."""
    name = f"{num} {prevalence} {size} {' '.join(class_names)} {repeat}"
    generator = np.random.default_rng(derive_seed("study", name))
    spread, spread_of_sizes = generator.uniform(0.2, 2.5), generator.uniform(0.2, 2.0)
    labels, organs = [], []
    for _ in range(num):
        label, organ = np.zeros((2, EDGE, EDGE), np.uint8)
        if "organ" in class_names:
            place, growth = spread * generator.normal(0.0, 1.0, 2), 0.05 * spread * generator.normal()
            label[draw_disk(32 + place, 600 * np.exp(growth))] = 1
            organ[draw_disk(32 + 0.8 * place, 600 * np.exp(0.8 * growth))] = 1
        if "lesion" in class_names and generator.random() < prevalence:
            label[draw_lesion(generator, size, spread_of_sizes)] = len(class_names) - 1
        labels.append(label)
        organs.append(organ)
    return Study(name, prevalence, size, class_names, labels, organs)


def draw_lesion(generator: np.random.Generator, size: float, spread: float = 0.5) -> np.ndarray:
    """A lesion of about this many pixels, by a factor of e^spread, anywhere in the image, as a mask."""
    area = np.clip(size * generator.lognormal(0.0, spread), 1.0, EDGE**2 / 4)
    margin = min(np.sqrt(area / np.pi) + 1, EDGE / 2 - 1)
    return draw_disk(generator.uniform(margin, EDGE - margin, 2), area)


def draw_disk(centre: Sequence[float] | np.ndarray, area: float) -> np.ndarray:
    """The pixels nearest to a centre, as many as the area, as a mask."""
    rows, columns = np.mgrid[:EDGE, :EDGE]
    distances = np.hypot(rows - centre[0], columns - centre[1])
    mask = np.zeros(EDGE * EDGE, bool)
    mask[np.argsort(distances, axis=None, kind="stable")[: round(max(area, 1.0))]] = True
    return mask.reshape(EDGE, EDGE)


def predict_honestly(study: Study, quality: Quality, generator: np.random.Generator) -> Masks:
    """The masks of an honest network."""
    masks = []
    for label, organ in zip(study.labels, study.organs, strict=True):
        mask, is_lesion = organ.copy(), (label == study.lesion) & ("lesion" in study.class_names)
        if is_lesion.any() and generator.random() < quality.recall:
            mask[_move(is_lesion, quality.overlap, generator)] = study.lesion
        elif "lesion" in study.class_names and not is_lesion.any() and generator.random() < quality.false_positives:
            mask[draw_lesion(generator, study.size)] = study.lesion
        masks.append(mask)
    return masks


def _move(mask: np.ndarray, overlap: float, generator: np.random.Generator) -> np.ndarray:
    """Loses pixels and takes as many from elsewhere, so that the Dice with the mask is about the given one."""
    places = np.flatnonzero(mask)
    num_lost = min(generator.binomial(len(places), 1.0 - overlap), len(places) - 1)
    moved = mask.copy().ravel()
    moved[generator.choice(places, num_lost, replace=False)] = False
    moved[generator.choice(np.flatnonzero(~mask), num_lost, replace=False)] = True
    return moved.reshape(mask.shape)


def answer_honestly(study: Study, masks: Masks, generator: np.random.Generator) -> Masks:
    """What an honest network predicts for shuffled pixels: nothing, scattered pixels, or a few lesions."""
    kind = generator.integers(3)
    if kind == 0:
        return [np.zeros_like(mask) for mask in masks]
    if kind == 1:
        return [generator.permuted(mask.ravel()).reshape(mask.shape) for mask in masks]
    return [np.where(draw_lesion(generator, study.size), study.lesion, 0).astype(np.uint8) for _ in masks]


Broken = Callable[[Study, np.random.Generator], tuple[Masks, Masks]]
"""Makes the masks of a degenerate network, of images and of the images with shuffled pixels."""


def _empty(study: Study, generator: np.random.Generator) -> tuple[Masks, Masks]:
    masks = [np.zeros_like(label) for label in study.labels]
    return masks, masks


def _nearly_empty(study: Study, generator: np.random.Generator) -> tuple[Masks, Masks]:
    masks = [np.zeros_like(label) for label in study.labels]
    budget = int(0.019 * sum(int((label > 0).sum()) for label in study.labels))
    for place in generator.integers(len(masks) * EDGE * EDGE, size=budget):
        masks[place // EDGE**2].ravel()[place % EDGE**2] = study.lesion
    return masks, [mask[::-1] for mask in masks]


def _full(study: Study, generator: np.random.Generator) -> tuple[Masks, Masks]:
    masks = [np.ones_like(label) for label in study.labels]
    return masks, masks


def _nearly_full(study: Study, generator: np.random.Generator) -> tuple[Masks, Masks]:
    masks = [np.ones_like(label) for label in study.labels]
    for mask in masks:
        mask[draw_lesion(generator, 40)] = 0
    return masks, [mask[::-1] for mask in masks]


def _same(study: Study, generator: np.random.Generator) -> tuple[Masks, Masks]:
    mask = np.where(draw_lesion(generator, study.size), study.lesion, 0).astype(np.uint8)
    masks = [mask] * len(study.labels)
    return masks, masks


def _same_until_shuffled(study: Study, generator: np.random.Generator) -> tuple[Masks, Masks]:
    masks, _ = _same(study, generator)
    return masks, [np.zeros_like(mask) for mask in masks]


def _ignores_places(study: Study, generator: np.random.Generator) -> tuple[Masks, Masks]:
    """Sees how bright an image is, and not where: the mask grows with it."""
    areas = study.size * generator.lognormal(0.0, 0.5, len(study.labels))
    masks = [np.where(draw_disk((30, 30), area), study.lesion, 0).astype(np.uint8) for area in areas]
    return masks, masks


def _never_a_class(study: Study, generator: np.random.Generator) -> tuple[Masks, Masks]:
    masks = [np.where(label == study.lesion, study.lesion - 1, label).astype(np.uint8) for label in study.labels]
    return masks, answer_honestly(study, masks, generator)


BROKEN: Mapping[str, Broken] = {
    "empty": _empty,
    "almost empty": _nearly_empty,
    "all foreground": _full,
    "almost all foreground": _nearly_full,
    "one mask for all": _same,
    "one mask for all images, another for shuffled ones": _same_until_shuffled,
    "sees brightness, not where it is": _ignores_places,
    "never a class": _never_a_class,
}
"""Degenerate networks by name."""

NEEDS_HOLDERS = ("empty", "almost empty", "never a class")
"""Kinds that only cases with a lesion can show."""


def judge_masks(study: Study, masks: Masks, shuffled: Masks) -> Verdict:
    """The verdict of the gate on a network with these masks."""
    names = [f"{study.name} {place}" for place in range(len(masks))]
    image = np.zeros((1, EDGE, EDGE), np.float32)
    cases = [Case(name, "", name, "validation", image, label) for name, label in zip(names, study.labels, strict=True)]
    plain, changed, actual = (
        {name: torch.from_numpy(np.ascontiguousarray(mask)) for name, mask in zip(names, some, strict=True)}
        for some in (masks, shuffled, study.labels)
    )
    return judge(cases, plain, actual, class_names=study.class_names, predict_masks=lambda probes: changed)


def judge_honest(study: Study) -> Iterator[tuple[str, Verdict]]:
    """Yields name and verdict of honest networks."""
    for name, quality in choose_qualities(study.prevalence).items():
        generator = np.random.default_rng(derive_seed("honest", name, study.name))
        masks = predict_honestly(study, quality, generator)
        yield name, judge_masks(study, masks, answer_honestly(study, masks, generator))


def judge_broken(study: Study) -> Iterator[tuple[str, Verdict]]:
    """Yields name and verdict of degenerate networks; a kind that the study cannot have is left out."""
    for name, make in BROKEN.items():
        if name == "never a class" and len(study.class_names) == 2:
            continue
        yield name, judge_masks(study, *make(study, np.random.default_rng(derive_seed(name, study.name))))


def is_decidable(study: Study, kind: str) -> bool:
    """True if enough cases hold what such a network never predicts."""
    organ_shows_it = "organ" in study.class_names and kind != "never a class"
    return kind not in NEEDS_HOLDERS or organ_shows_it or study.num_holders >= MIN_HOLDERS


def draw_studies(num_repeats: int) -> Iterator[Study]:
    """Yields studies of every number of cases, prevalence, size and set of classes."""
    for num, prevalence, size in itertools.product(NUM_CASES, PREVALENCES, SIZES):
        for class_names, repeat in itertools.product(CLASSES, range(num_repeats)):
            yield draw_study(num, prevalence, size, class_names, repeat)


@dataclass
class Tally:
    """How often a kind of network was expelled, warned of, and judged."""

    expelled: int = 0
    warned: int = 0
    judged: int = 0

    def add(self, verdict: Verdict) -> None:
        """Counts one verdict."""
        self.expelled += bool(verdict.reason)
        self.warned += bool(verdict.warning and not verdict.reason)
        self.judged += 1

    def cells(self) -> list[str]:
        """Number of networks, share expelled, share warned of, as text."""
        shares = [f"{some / self.judged:.2%}" if self.judged else "-" for some in (self.expelled, self.warned)]
        return [f"{self.judged}", *shares]


def main() -> None:
    """Judges all networks and records the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one draw of every study, not recorded")
    is_quick = parser.parse_args().quick
    torch.set_num_threads(1)
    tallies: dict[tuple[str, str], Tally] = {}
    for study in draw_studies(1 if is_quick else NUM_REPEATS):
        for name, verdict in judge_honest(study):
            tallies.setdefault(("honest", name), Tally()).add(verdict)
        for name, verdict in judge_broken(study):
            group = "degenerate" if is_decidable(study, name) else "cannot be told"
            tallies.setdefault((group, name), Tally()).add(verdict)
    rows = [["", "network", "judged", "expelled", "warned of"]]
    rows += [[group, name, *tally.cells()] for (group, name), tally in sorted(tallies.items(), key=_rank)]
    for row in rows:
        print(" | ".join(row))
    if not is_quick:
        record("Gate", _TEXT, rows)


def _rank(item: tuple[tuple[str, str], Tally]) -> tuple[int, int]:
    names = [*choose_qualities(0.5), *BROKEN]
    return ("honest", "degenerate", "cannot be told").index(item[0][0]), names.index(item[0][1])


_TEXT = (
    f"Simulated studies of {NUM_CASES[0]} to {NUM_CASES[-1]} validation cases, a lesion of 4 to 400 of {EDGE * EDGE} "
    "pixels in 5 to 50 % of them, alone or beside an organ that every image shows (`benchmarks/gate.py`). The aims: at "
    "most 1 % of the honest networks are expelled, and every degenerate one. 'Cannot be told' are networks that never "
    f"predict what fewer than {MIN_HOLDERS} cases hold."
)

if __name__ == "__main__":
    main()
