"""Simulated studies in which it is known who is on the front: what a search shows of its candidates.

Three designs: *as a search* (70 percent of the candidates have one seed in rotation, the most promising two or three),
the same number of seeds for every candidate, and *confirmed*: two to eight candidates of a search, judged among
themselves with further seeds on other subjects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from simulated_studies import Noise, Preset, draw_scores, draw_truth, run_as_search

from paretoseg.search.certainty import membership
from paretoseg.search.certainty.membership import Membership, find_membership
from paretoseg.search.fronts.dominance import find_nondominated

NUM_DRAWS = 500
"""Of subjects and of fronts in a simulated study; a user's has 2000."""

AS_SEARCH = 0
"""In place of a number of seeds: as a search."""


@dataclass(frozen=True)
class Kind:
    """What a study is drawn from."""

    preset: Preset
    num_candidates: tuple[int, int] = (30, 150)
    front: tuple[int, int] = (3, 10)
    gap: float = 0.025


@dataclass(frozen=True, eq=False)
class Study:
    """What a study shows, and the truth."""

    is_on: np.ndarray
    """Whether candidates are on the true front, shape (candidates,)."""

    values: np.ndarray
    """Losses, shape (candidates, seeds, 2), NaN where not run."""

    subject_draws: np.ndarray
    """How the losses move with the subjects, shape (draws, candidates, 2)."""

    @property
    def num_seeds(self) -> np.ndarray:
        """That each candidate ran with."""
        return np.asarray((~np.isnan(self.values[:, :, 0])).sum(axis=1))

    def find_membership(self, generator: np.random.Generator) -> Membership | None:
        """The shipped probabilities, from few draws."""
        return find_membership(self.values, self.subject_draws, generator)


def use_few_draws() -> None:
    """Lets every membership of this process take `NUM_DRAWS` draws."""
    membership.NUM_DRAWS = NUM_DRAWS


def draw_search(kind: Kind, num_subjects: int, seeds: int, generator: np.random.Generator) -> Study:
    """A search of this kind; `seeds` is that of every candidate, or `AS_SEARCH`."""
    truth = _draw_truth(kind, generator)
    scores = draw_scores(truth, (max(seeds, 3), num_subjects), kind.preset, generator)
    ran = run_as_search(scores.mean(axis=2)) if seeds == AS_SEARCH else np.ones(scores.shape[:2], bool)
    if seeds not in (AS_SEARCH, scores.shape[1]):
        ran = (np.arange(len(truth))[:, None] + np.arange(3)) % 3 < seeds
    return show(truth, scores, ran, generator)


def draw_confirmed(kind: Kind, num_subjects: tuple[int, int], seeds: int, generator: np.random.Generator) -> Study:
    """Two to eight candidates of a search of this kind, with so many seeds, on other subjects.

    They are the best by the means that the search saw, front by front. The seeds of the search count again, so the luck
    of their trainings stays; that of its subjects does not.

    Args:
        kind: Of the search.
        num_subjects: Of the search, and of the confirmation.
        seeds: Of every confirmed candidate, at least 3.
        generator: Source of the draws.
    """
    truth = _draw_truth(kind, generator)
    scores = draw_scores(truth, (seeds, sum(num_subjects)), kind.preset, generator)
    seen = scores[:, :3, : num_subjects[0]].mean(axis=2)
    means = np.nanmean(np.where(run_as_search(seen)[..., None], seen, np.nan), axis=1)
    left, chosen = np.arange(len(truth)), np.empty(0, int)
    while left.size:
        is_best = find_nondominated(-means[left])
        chosen = np.concatenate([chosen, generator.permutation(left[is_best])])
        left = left[~is_best]
    chosen = chosen[: int(generator.integers(2, 9))]
    tested = scores[chosen][:, :, num_subjects[0] :]
    return show(truth[chosen], tested, np.ones(tested.shape[:2], bool), generator)


def _draw_truth(kind: Kind, generator: np.random.Generator) -> np.ndarray:
    return draw_truth(int(generator.integers(*kind.num_candidates, endpoint=True)), generator, kind.front, kind.gap)


def show(truth: np.ndarray, scores: np.ndarray, ran: np.ndarray, generator: np.random.Generator) -> Study:
    """What a study shows of these scores, of shape (candidates, seeds, subjects, 2), where trainings ran."""
    num_subjects = scores.shape[2]
    share = ran / ran.sum(axis=1, keepdims=True)
    by_subject = np.einsum("csio,cs->cio", scores, share)
    chances = np.full(num_subjects, 1.0 / num_subjects)
    times = generator.multinomial(num_subjects, chances, size=NUM_DRAWS) / num_subjects
    moved = np.einsum("di,cio->dco", times - 1.0 / num_subjects, by_subject, optimize=True)
    moved *= (num_subjects / (num_subjects - 1.0)) ** 0.5
    return Study(find_nondominated(-truth), -np.where(ran[..., None], scores.mean(axis=2), np.nan), -moved)


def draw_kind(num_candidates: tuple[int, int], generator: np.random.Generator) -> Kind:
    """A kind of study for fitting: seeds, subjects, skew, correlation, number of candidates and front are drawn."""

    def spread(low: float, high: float) -> float:
        return float(np.exp(generator.uniform(np.log(low), np.log(high))))

    tail = (None, 1.0, 2.0, 5.0)[generator.integers(4)]
    seed_sd, subject_sd, common_share = spread(0.004, 0.04), spread(0.03, 0.12), generator.uniform(0.6, 0.95)
    other_seed_sd, other_subject_sd = seed_sd * spread(0.7, 2.5), subject_sd * spread(0.8, 1.8)
    shares = {"common_share": common_share, "candidate_share": generator.uniform(0.05, 0.5), "tail": tail}
    preset = Preset(
        Noise(seed_sd, subject_sd, seed_sd * spread(0.3, 2.0), **shares),
        Noise(other_seed_sd, other_subject_sd, other_seed_sd * spread(0.3, 2.0), **shares),
        correlation=generator.uniform(-0.5, 0.7),
        subject_correlation=generator.uniform(0.0, 0.95),
        unevenness=generator.uniform(0.0, 0.5),
    )
    size = round(spread(*num_candidates))
    return Kind(preset, (size, size), (1 if size < 8 else 2, 12), spread(0.012, 0.05))
