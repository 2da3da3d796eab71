"""How often the shipped intervals hold the truth for kinds of robustness that look at the worst cases alone.

`certainty.py` simulates means over subjects. Here a robustness is the 5th percentile over cases (`percentile_5`) or the
mean of the worst 5 percent of them (`cvar_5`), of studies drawn in the same way, one case a subject. Every step is the
shipped one: rows become contributions (`contributions.py`), which become intervals (`estimates.py`) with the variance
of seeds of 20 other candidates.

There are two truths. Over all subjects there could be, the percentile is a number; over samples of as many subjects as
were measured, what is computed has an expectation, and for tails that is another number: the worst of 8 is not as bad
as the worst 5 percent of all. For the difference of two candidates both are the same here.

    python benchmarks/tail_intervals.py            # also writes what `coverage.py` reads
    python benchmarks/tail_intervals.py --quick    # a tenth of the draws; records and writes nothing
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import time
from collections.abc import Iterator

import numpy as np
from results import record
from simulated_studies import PRESETS, Preset, draw_scores

from paretoseg.search.candidates.seed_effects import SeedEffects, fit_seed_effects
from paretoseg.search.certainty.contributions import find_contributions, find_sampling
from paretoseg.search.certainty.coverage import PATH
from paretoseg.search.certainty.estimates import Estimate, compare, estimate, pool_differences, pool_seeds
from paretoseg.trainables.scoring.objectives import RobustnessRule
from paretoseg.trainables.scoring.robustness_kinds import ROBUSTNESS, Robustness
from paretoseg.trainables.scoring.score_table import ScoredCase, ScoreTable
from paretoseg.trainables.trainable import CLEAN_CONDITION, Condition

KINDS = (Robustness.percentile_5, Robustness.cvar_5)
DESIGNS = ((1, "borrowed"), (2, "own"), (3, "own"), (3, "borrowed"))
"""Seeds, and whose variance of seeds counts."""
SUBJECTS = (4, 8, 16, 40)
LENT = 20
CHANGED = Condition("gaussian_noise", 3)
TEXT = (
    "How often the shipped interval of a robustness that looks at the worst cases alone holds the truth, nominally "
    ".95: the mean over the four kinds of simulated studies and {number} tables a kind, and in brackets the lowest of "
    "the four. 'All subjects' is the percentile, or the mean of the worst 5 percent, over all subjects there could be; "
    "'as many subjects' is what samples of as many subjects give on average. What is borrowed is the variance of 20 "
    "other candidates with three seeds each."
)


def measure_tail(scores: np.ndarray, kind: Robustness) -> np.ndarray:
    """The 5th percentile, or the mean of the worst 5 percent, over the last axis."""
    if kind is Robustness.percentile_5:
        return np.asarray(np.percentile(scores, 5, axis=-1))
    size = int(np.ceil(0.05 * scores.shape[-1]))
    return np.asarray(np.partition(scores, size - 1, axis=-1)[..., :size].mean(axis=-1))


def find_shifts(preset: Preset, kind: Robustness, num_subjects: int, generator: np.random.Generator) -> list[float]:
    """By how much the tail lies off a candidate's expectation: of all subjects, and on average of so many."""
    still = dataclasses.replace(preset.robustness, seed_sd=0.0, block_sd=0.0)
    quiet = dataclasses.replace(preset, robustness=still)
    shifts = []
    for num_tables, size in ((1, 1_000_000), (20_000, num_subjects)):
        scores = draw_scores(np.zeros((num_tables, 1, 2)), (1, size), quiet, generator)[:, 0, 0, :, 1]
        shifts.append(float(measure_tail(scores, kind).mean()))
    return shifts


def build_tables(scores: np.ndarray) -> list[list[ScoreTable]]:
    """The tables of candidates by seeds, from scores of shape (candidates, seeds, subjects, 2)."""
    cases = tuple(ScoredCase("", f"{number:03d}", "") for number in range(scores.shape[2]))
    return [[ScoreTable(cases, (CHANGED, CLEAN_CONDITION), one[:, ::-1]) for one in of_one] for of_one in scores]


def draw_estimates(
    preset: Preset, kind: Robustness, num_subjects: int, seed: int
) -> Iterator[tuple[str, int, str, Estimate, float]]:
    """What the interval is of, seeds, whose variance counts, the interval, and the truth without its shift."""
    generator = np.random.default_rng([seed, num_subjects, [*PRESETS.values()].index(preset), KINDS.index(kind)])
    truth = np.array([0.86, 0.60]) + 0.02 * generator.normal(size=(2 + LENT, 2))
    scores = draw_scores(truth, (3, num_subjects), preset, generator)
    values = np.stack([scores[..., 0].mean(axis=2), measure_tail(scores[..., 1], kind)], axis=-1)
    effects: SeedEffects = fit_seed_effects(values)
    rule = RobustnessRule(kind=kind)
    tables = build_tables(scores[:2])
    sampling = find_sampling([one for of_one in tables for one in of_one], {}, rule)
    times = sampling.draw(seed)
    rows = np.array(
        [[find_contributions(one, sampling, rule, times)[ROBUSTNESS] for one in of_one] for of_one in tables]
    )
    for seeds, source in DESIGNS:
        is_own = source == "own"
        single = estimate(rows[0, :seeds], None if is_own else pool_seeds(effects, 1))
        double = compare(rows[0, :seeds], rows[1, :seeds], None if is_own else pool_differences(effects, 1))
        assert single is not None
        assert double is not None
        yield "objective", seeds, source, single, float(truth[0, 1])
        yield "difference", seeds, source, double, float(truth[0, 1] - truth[1, 1])


def measure(num_tables: int) -> dict[tuple[str, str, str, int, str], dict[int, list[float]]]:
    """Coverage of four kinds of studies, by robustness, what it is of, whose variance, seeds and truth, by subjects."""
    found: dict[tuple[str, str, str, int, str], dict[int, list[float]]] = {}
    for kind, num_subjects, preset in itertools.product(KINDS, SUBJECTS, PRESETS.values()):
        shifts = find_shifts(preset, kind, num_subjects, np.random.default_rng([1, num_subjects]))
        held: dict[tuple[str, str, str, int, str], list[bool]] = {}
        for number in range(num_tables):
            for what, seeds, source, one, truth in draw_estimates(preset, kind, num_subjects, number):
                for name, shift in zip(("all subjects", "as many subjects"), shifts, strict=True):
                    true = truth + shift * (what == "objective")
                    held.setdefault((kind.value, what, source, seeds, name), []).append(one.low <= true <= one.high)
        for key, values in held.items():
            found.setdefault(key, {}).setdefault(num_subjects, []).append(float(np.mean(values)))
    return found


def tabulate(found: dict[tuple[str, str, str, int, str], dict[int, list[float]]]) -> list[list[str]]:
    """A row for every kind, design and truth; the two truths of differences are one."""
    head = ["robustness", "interval of", "variance of seeds", "seeds", "truth over"]
    rows = [[*head, *(f"{number} subjects" for number in SUBJECTS)]]
    for (kind, what, source, seeds, truth), by_subjects in found.items():
        if what == "difference" and truth != "all subjects":
            continue
        cells = [f"{np.mean(values):.3f} ({min(values):.3f})" for values in by_subjects.values()]
        rows.append([kind, what, source, str(seeds), truth if what == "objective" else "either", *cells])
    return rows


def write_coverage(found: dict[tuple[str, str, str, int, str], dict[int, list[float]]], num_tables: int) -> None:
    """Puts the lower of both kinds' mean coverage over all subjects where `coverage.py` reads it."""
    text = json.loads(PATH.read_text())
    tails: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for (_, what, source, seeds, truth), by_subjects in found.items():
        if truth == "all subjects":
            known = tails.setdefault(what, {}).setdefault(source, {}).setdefault(str(seeds), {})
            for number, values in by_subjects.items():
                known[str(number)] = min(known.get(str(number), 1.0), round(float(np.mean(values)), 3))
    text["tails"] = {
        "written_by": "benchmarks/tail_intervals.py",
        "what": f"mean coverage over {len(PRESETS)} kinds of studies and {num_tables} tables each, the lower of "
        "percentile_5 and cvar_5, by kind, whether a variance of seeds is borrowed, seeds, subjects",
        "coverage": tails,
    }
    PATH.write_text(json.dumps(text, indent=1) + "\n")


def main() -> None:
    """Measures, prints and records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the draws; records and writes nothing")
    options = parser.parse_args()
    start, num_tables = time.process_time(), 3 if options.quick else 150
    found = measure(num_tables)
    rows = tabulate(found)
    if options.quick:
        print(*(" | ".join(row) for row in rows), sep="\n")
    else:
        write_coverage(found, num_tables)
        print(record("Certainty of fronts: intervals of tails", TEXT.format(number=num_tables), rows))
    print(f"{time.process_time() - start:.0f} s of CPU")


if __name__ == "__main__":
    main()
