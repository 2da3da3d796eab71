"""How well the certainty of fronts is calibrated, by simulation: intervals and verdicts.

Studies with a known truth are drawn (`simulated_studies.py`). Measured are

- how often intervals hold the truth, by method, seeds and subjects; that of the shipped ones is written to
  `search/certainty/coverage.json`;
- in how many studies some verdict of "more than noise" is false.

    python benchmarks/certainty.py
    python benchmarks/certainty.py --quick    # a tenth of the draws; records and writes nothing
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from unittest import mock

import numpy as np
from interval_methods import (
    Bounds,
    use_bootstrap,
    use_crossed,
    use_crossed_once,
    use_logit,
    use_posterior,
    use_seeds_alone,
    use_shipped,
)
from results import record
from simulated_studies import MEASURED, PRESETS, Noise, Preset, draw_scores, draw_truth

from paretoseg.search.candidates.seed_effects import fit_seed_effects
from paretoseg.search.certainty import comparisons
from paretoseg.search.certainty.coverage import PATH
from paretoseg.search.certainty.estimates import pool_differences
from paretoseg.search.fronts.dominance import find_nondominated

SEEDS, SUBJECTS = (1, 2, 3, 4, 5), (2, 4, 8, 12, 16, 24, 40, 60)
FEW_SEEDS, FEW_SUBJECTS = (1, 2, 3, 5), (8, 16, 40)
TRUTH = np.array([0.86, 0.60])
LENT, LENT_DOF = 20, 20.0
"""Candidates of two seeds whose variance is borrowed, and its degrees of freedom."""
SECTIONS = {"intervals": 0, "methods": 1, "verdicts": 3, "measured": 4}
"""The sections, with the seeds of their draws."""

Table = list[list[str]]


def draw_pooled(noise: Noise, preset: Preset, size: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
    """Estimates of the variance of single trainings by `LENT` pairs of trainings, with what seeds do to all.

    Args:
        noise: Of the objective.
        preset: The kind of study.
        size: Number of tables and of subjects.
        generator: Source of the draws.

    Returns:
        Variance of deviations and of blocks, shape (2, tables).
    """
    num_tables, num_subjects = size
    ratio = np.exp(preset.unevenness * generator.normal(size=(num_tables, LENT)) - preset.unevenness**2)
    rest = noise.subject_sd**2 * (1.0 - noise.common_share) / 2.0 / num_subjects
    deviations = ((ratio**2 * noise.seed_sd**2 + rest) * generator.normal(size=ratio.shape) ** 2).mean(axis=1)
    blocks = (noise.block_sd * generator.normal(size=(num_tables, 3))).var(axis=1, ddof=1)
    return np.stack([deviations, blocks])


def find_pooled(kind: str, parts: np.ndarray) -> tuple[np.ndarray, float]:
    """What an interval of this kind borrows, and its degrees of freedom."""
    return (2.0 * parts[0], LENT_DOF) if kind == "difference" else (parts.sum(axis=0), LENT_DOF)


def draw_tables(
    preset: Preset, shape: tuple[int, int], num_tables: int, num_candidates: int, generator: np.random.Generator
) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Kind, tables, truths, means of all candidates and variances to borrow, for every objective and kind."""
    truth = TRUTH + 0.02 * generator.normal(size=(num_tables, num_candidates, 2))
    scores = draw_scores(truth, shape, preset, generator)
    for place, noise in enumerate((preset.accuracy, preset.robustness)):
        parts = draw_pooled(noise, preset, (num_tables, shape[1]), generator)
        means = scores[..., place].mean(axis=(2, 3))
        yield "objective", scores[:, 0, ..., place], truth[:, 0, place], means, parts
        tables = scores[:, 0, ..., place] - scores[:, 1, ..., place]
        yield "difference", tables, truth[:, 0, place] - truth[:, 1, place], means, parts


SIMULATED = (
    "Simulated studies whose truth is known, in four kinds (`benchmarks/simulated_studies.py`): seed SD .010 and .020, "
    "or .030; subject SD .06 and .08, of whose variance .8 is common to all candidates; subjects normal or with a long "
    "lower tail."
)
TEXTS = {
    "shipped intervals": "How often the shipped interval holds the truth, nominally .95: the lowest of four kinds and "
    "two objectives, 2000 tables each. What is borrowed is the variance of 20 other candidates with two seeds each.",
    "shipped intervals, measured spreads": "The same, of two objectives and 1000 tables each, with the spreads that "
    "were measured on the quick start instead of the four kinds.",
    "methods of intervals": "Lowest and mean coverage over four kinds, two objectives and 8, 16 and 40 subjects, 500 "
    "tables each. The length is the median, relative to that of the crossed t interval that borrows.",
    "verdicts": "Share of studies with a false 'more than noise' among neighbours and ends in both objectives, at most "
    ".05 wanted: 300 studies a row; the front is that of the first seed, up to eight members of 60 candidates. "
    "Uncorrected are single 95 percent intervals; called different is the share of all comparisons.",
}


def cover(bounds: Bounds, truth: np.ndarray) -> float:
    """The share of intervals that hold the truth."""
    return float(((bounds[0] <= truth) & (truth <= bounds[1])).mean())


def measure_shipped(
    num_tables: int, presets: Mapping[str, Preset], generator: np.random.Generator
) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """The lowest coverage over presets and objectives, by kind, source, seeds and subjects."""
    found: dict[str, dict[str, dict[str, dict[str, float]]]] = {
        kind: {"own": {}, "borrowed": {}} for kind in ("objective", "difference")
    }
    for shape, preset in itertools.product(itertools.product(SEEDS, SUBJECTS), presets.values()):
        seeds, subjects = map(str, shape)
        for kind, tables, truth, _, parts in draw_tables(preset, shape, num_tables, 2, generator):
            pooled, dof = find_pooled(kind, parts)
            sources = {"borrowed": pooled} if shape[0] == 1 else {"own": None, "borrowed": pooled}
            for source, variance in sources.items():
                share = round(cover(use_shipped(tables, variance, dof, kind), truth), 3)
                by_subjects = found[kind][source].setdefault(seeds, {})
                by_subjects[subjects] = min(share, by_subjects.get(subjects, 1.0))
    return found


def list_methods(
    kind: str, tables: np.ndarray, means: np.ndarray, parts: np.ndarray, generator: np.random.Generator
) -> dict[str, Callable[[], Bounds]]:
    """The methods that can be used with these tables, by name."""
    pooled, dof = find_pooled(kind, parts)
    found: dict[str, Callable[[], Bounds]] = {
        "crossed t, borrowing": lambda: use_crossed(tables, pooled, dof),
        "crossed t, borrowing all degrees": lambda: use_crossed(tables, pooled, dof, most=dof),
    }
    if kind == "objective":
        found["logit of crossed t, borrowing"] = lambda: use_logit(tables, pooled, dof)
        found["empirical Bayes, borrowing"] = lambda: use_posterior(tables, means, pooled, dof)
    if tables.shape[1] > 1:
        found["t over seeds alone"] = lambda: use_seeds_alone(tables)
        found["crossed t, own seeds"] = lambda: use_crossed(tables, None, 0.0)
        found["crossed t, own seeds, rest once"] = lambda: use_crossed_once(tables, None, 0.0)
        found["percentile bootstrap"] = lambda: use_bootstrap(tables, generator, is_accelerated=False)
        found["BCa bootstrap"] = lambda: use_bootstrap(tables, generator, is_accelerated=True)
    return found


def compare_methods(num_tables: int, generator: np.random.Generator) -> Table:
    """Lowest and mean coverage and the length of intervals, by kind and method, with 2 to 5 seeds and with one."""
    shares: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for shape, preset in itertools.product(itertools.product(FEW_SEEDS, FEW_SUBJECTS), PRESETS.values()):
        seeds = "1" if shape[0] == 1 else "2 to 5"
        for kind, tables, truth, means, parts in draw_tables(preset, shape, num_tables, 12, generator):
            reference = np.median(np.subtract(*use_crossed(tables, *find_pooled(kind, parts))))
            for name, method in list_methods(kind, tables, means, parts, generator).items():
                bounds = method()
                length = float(np.nanmedian(np.subtract(*bounds)) / reference)
                shares.setdefault((kind, seeds, name), []).append((cover(bounds, truth), length))
    rows = [["of", "seeds", "method", "lowest coverage", "mean coverage", "length"]]
    for (kind, seeds, name), values in sorted(shares.items(), key=lambda item: item[0][:2]):
        coverage, length = np.array(values).T
        rows.append([kind, seeds, name, f"{coverage.min():.3f}", f"{coverage.mean():.3f}", f"{length.mean():.2f}"])
    return rows


def judge_study(preset: Preset, shape: tuple[int, int], case: str, generator: np.random.Generator) -> np.ndarray:
    """Whether a verdict, or an uncorrected interval, is false; and the share of comparisons that are called different.

    False is a difference that is none, or of the other sign. All are NaN for a front of one member.
    """
    truth = draw_truth(60, generator) if case == "true front" else np.tile(TRUTH, (60, 1))
    scores = draw_scores(truth, shape, preset, generator)
    values = scores.mean(axis=2)
    members = np.arange(8)
    if case != "all equal, any eight":
        members = np.flatnonzero(find_nondominated(-values[:, 0]))
        members = members[np.argsort(-values[members, 0, 0])][:8]
    pairs = [(place, place + 1) for place in range(len(members) - 1)] + [(0, len(members) - 1)]
    effects = None if case == "all equal, any eight" else fit_seed_effects(values)
    tables = {name: scores[members, :, :, place] for place, name in enumerate(("accuracy", "robustness"))}
    pooled = {name: pool_differences(effects, place) for place, name in enumerate(tables) if effects is not None}
    if len(members) < 2:
        return np.full(3, np.nan)
    found = comparisons.judge(tables, pairs, generator, pooled)
    wrong = [_is_of_other_sign(one, truth[members]) for one in found]
    single = [one.estimate.low > 0.0 or one.estimate.high < 0.0 for one in found]
    false = any(one.is_more_than_noise and other for one, other in zip(found, wrong, strict=True))
    alone = any(called and other for called, other in zip(single, wrong, strict=True))
    return np.array([false, alone, np.mean([one.is_more_than_noise for one in found])])


def _is_of_other_sign(verdict: comparisons.Verdict, truth: np.ndarray) -> bool:
    place = 0 if verdict.objective == "accuracy" else 1
    gap = truth[verdict.first, place] - truth[verdict.second, place]
    return bool(np.sign(gap) != np.sign(verdict.estimate.value))


def measure_verdicts(num_studies: int, generator: np.random.Generator) -> Table:
    """The share of studies with a false verdict, by case and preset."""
    rows = [["candidates", "studies", "seeds", "subjects", "a false verdict", "uncorrected", "called different"]]
    cases = ("all equal, any eight", "all equal, the front", "true front")
    for case, name, shape in itertools.product(cases, PRESETS, ((3, 12), (3, 40), (5, 12))):
        with mock.patch.object(comparisons, "NUM_DRAWS", 2000):
            found = np.array([judge_study(PRESETS[name], shape, case, generator) for _ in range(num_studies)])
        rows.append([case, name, *map(str, shape), *(f"{share:.3f}" for share in np.nanmean(found, axis=0))])
    return rows


def write_coverage(found: dict[str, dict[str, dict[str, dict[str, float]]]], num_tables: int) -> None:
    """Puts the measured coverage where `paretoseg.search.certainty.coverage` reads it."""
    text = json.loads(PATH.read_text()) | {
        "written_by": "benchmarks/certainty.py",
        "date": datetime.date.today().isoformat(),
        "what": f"lowest coverage over {len(PRESETS)} kinds of studies and two objectives, {num_tables} tables each, "
        "by kind, whether a variance of seeds is borrowed, number of seeds, number of subjects",
        "coverage": found,
    }
    PATH.write_text(json.dumps(text, indent=1) + "\n")


def tabulate_coverage(found: dict[str, dict[str, dict[str, dict[str, float]]]]) -> Table:
    """A row for every kind, source and number of seeds."""
    rows = [["interval of", "variance of seeds", "seeds", *(f"{number} subjects" for number in SUBJECTS)]]
    for kind, by_source in found.items():
        for source, by_seeds in by_source.items():
            for seeds, by_subjects in by_seeds.items():
                rows.append([kind, source, seeds, *(f"{share:.3f}" for share in by_subjects.values())])
    return rows


def measure(section: str, part: int) -> dict[str, Table]:
    """The tables of a section, by title; every section has draws of its own.

    Args:
        section: One of `SECTIONS`.
        part: The number of draws is divided by it; coverage is written with 1 alone.
    """
    generator = np.random.default_rng([0, SECTIONS[section]])
    if section == "intervals":
        coverage = measure_shipped(2000 // part, PRESETS, generator)
        if part == 1:
            write_coverage(coverage, 2000)
        return {"shipped intervals": tabulate_coverage(coverage)}
    if section == "measured":
        return {
            "shipped intervals, measured spreads": tabulate_coverage(measure_shipped(1000 // part, MEASURED, generator))
        }
    if section == "methods":
        return {"methods of intervals": compare_methods(500 // part, generator)}
    return {"verdicts": measure_verdicts(300 // part, generator)}


def main() -> None:
    """Measures, prints and records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the draws; records and writes nothing")
    parser.add_argument("--section", choices=[*SECTIONS], action="append", help="only this one; may be repeated")
    options = parser.parse_args()
    start = time.monotonic()
    for section in options.section or SECTIONS:
        for title, rows in measure(section, 10 if options.quick else 1).items():
            if options.quick:
                print(title, *(" | ".join(row) for row in rows), sep="\n", end="\n\n")
            else:
                print(record(f"Certainty of fronts: {title}", f"{SIMULATED} {TEXTS[title]}", rows))
    print(f"{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
