"""How often candidates are on the front that are given a probability, and what makes the probability right.

Studies with a known truth are drawn (`front_studies.py`). The maps of `search/certainty/recalibration.json` are fitted
to studies of which every one is of a kind of its own. They are judged on other studies, of kinds with names. Measured
is too how often the further seeds that are said to decide do decide.

    python benchmarks/front_membership.py --section fit  # fits the maps and writes them
    python benchmarks/front_membership.py                # judges those that are shipped
    python benchmarks/front_membership.py --quick        # a tenth of the studies; records and writes nothing
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import time
from collections.abc import Iterable

import numpy as np
from front_studies import AS_SEARCH, NUM_DRAWS, Kind, Study, draw_confirmed, draw_kind, draw_search, show, use_few_draws
from results import record
from scipy.optimize import minimize
from scipy.special import expit
from simulated_studies import MEASURED, PRESETS, draw_scores, draw_truth, run_as_search

from paretoseg.search.certainty.further_seeds import TRIED, find_further_seeds
from paretoseg.search.certainty.membership import LEAST_TO_SHRINK, SURELY_OFF, SURELY_ON, Membership, State
from paretoseg.search.certainty.recalibration import NUM_TERMS, PATH, find_doubt, find_kind, find_terms

BINS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0)
PRIOR = np.array([1.0, 1.0, 0.0] * 2)
PRIOR_PRECISION = np.array([4.0, 4.0, 1.0] * 2)
"""A map is drawn towards none at all, as by so many observations' worth of curvature."""

LEAST_SLOPE = 0.1
"""The smallest a and b."""

KINDS = {name: Kind(preset) for name, preset in {**PRESETS, **MEASURED}.items()} | {
    "volumes, few candidates": Kind(PRESETS["volumes"], (12, 30), (2, 6)),
    "volumes, close candidates": Kind(PRESETS["volumes"], (60, 200), (8, 16), 0.018),
}
DESIGNS = {"as a search": AS_SEARCH, "three seeds each": 3}

SECTIONS = ("fit", "search", "confirmed", "further")

Table = list[list[str]]

TEXTS = {
    "probabilities of the front": "How often candidates are on the true front, by the probability that they got: "
    "seven kinds of studies that took no part in the fit, 8, 24 and 60 subjects. Raw is the share of drawn fronts "
    "without the map.",
    "probabilities of the front, as fitted": "The same of the studies that the maps were fitted to.",
    "probabilities among confirmed candidates": "Two to eight candidates of a search, confirmed with three or five "
    "seeds on other subjects (12 and 40), judged among themselves: seven kinds that took no part in the fit.",
    "states of the front": "By state: from .9 on the front, up to .1 dominated. Undecided is a share.",
    "states among confirmed candidates": "The same by state.",
    "further seeds": "Searches with three seeds at most and 24 subjects, five kinds. Everyone gets the further seeds "
    "that `find_further_seeds` names, and the probabilities are computed again. Decided: how many of the undecided "
    "candidates are then decided; right: how many of these as the truth is.",
}


class Observed:
    """What candidates of studies were given, and whether they are on the front."""

    def __init__(self) -> None:
        self._rows: list[np.ndarray] = []

    def add(self, study: Study, found: Membership) -> None:
        """Takes up the candidates of one study."""
        doubt, shape = find_doubt(found.shares), study.is_on.shape
        columns = (found.shares, np.full(shape, doubt), study.num_seeds, np.full(shape, shape[0]))
        self._rows.append(np.stack([*columns, study.is_on, found.probabilities], axis=1))

    @property
    def columns(self) -> tuple[np.ndarray, ...]:
        """Shares, doubt, seeds, candidates of the study, whether on the front, probabilities."""
        return tuple(np.concatenate(self._rows).T)


def observe(studies: Iterable[Study], generator: np.random.Generator) -> Observed:
    """The candidates of studies in which some candidate shows what a seed does."""
    found = Observed()
    for study in studies:
        membership = study.find_membership(generator)
        if membership is not None:
            found.add(study, membership)
    return found


def draw_for_fit(num_studies: int, generator: np.random.Generator) -> Iterable[Study]:
    """Searches, small searches and confirmed candidates, in the proportion 5 : 1 : 4, each of a kind of its own."""
    for turn in range(num_studies):
        num_subjects = int(generator.integers(6, 61))
        if turn % 10 < 5:
            seeds = (AS_SEARCH, AS_SEARCH, 2, 3, 5)[turn % 10]
            yield draw_search(draw_kind((9, 180), generator), num_subjects, seeds, generator)
        elif turn % 10 == 5:
            yield draw_search(draw_kind((3, 7), generator), num_subjects, (AS_SEARCH, 2)[turn // 10 % 2], generator)
        else:
            sizes = (num_subjects, int(generator.integers(8, 61)))
            yield draw_confirmed(draw_kind((12, 180), generator), sizes, (3, 5)[turn % 2], generator)


def fit_map(shares: np.ndarray, doubt: np.ndarray, is_on: np.ndarray) -> np.ndarray:
    """The coefficients that make the observed likeliest, drawn a little towards leaving shares as they are."""
    inside = (shares > 0.0) & (shares < 1.0)
    terms = np.concatenate([find_terms(shares[[row]], float(doubt[row])) for row in np.flatnonzero(inside)])
    seen = is_on[inside]

    def measure(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        logits, away = terms @ coefficients, coefficients - PRIOR
        loss = np.logaddexp(0.0, logits).sum() - seen @ logits + 0.5 * (PRIOR_PRECISION * away**2).sum()
        return float(loss), terms.T @ (expit(logits) - seen) + PRIOR_PRECISION * away

    bounds = ([(LEAST_SLOPE, None)] * 2 + [(None, None)]) * 2
    return np.asarray(minimize(measure, PRIOR, jac=True, bounds=bounds, method="L-BFGS-B").x)


def fit_maps(observed: Observed) -> dict[str, dict[str, np.ndarray]]:
    """By kind of study and number of seeds."""
    shares, doubt, seeds, size, is_on, _ = observed.columns
    found: dict[str, dict[str, np.ndarray]] = {}
    for is_shrunk, number in itertools.product((True, False), (1, 2, 3)):
        some = ((size >= LEAST_TO_SHRINK) == is_shrunk) & (np.minimum(seeds, 3) == number)
        found.setdefault(find_kind(is_shrunk=is_shrunk), {})[str(number)] = fit_map(
            shares[some], doubt[some], is_on[some]
        )
    return found


def write_maps(maps: dict[str, dict[str, np.ndarray]], num_studies: int) -> None:
    """Puts the maps where `paretoseg.search.certainty.recalibration` reads them."""
    halves = ("without_doubt", slice(0, NUM_TERMS // 2)), ("in_full_doubt", slice(NUM_TERMS // 2, None))
    text = {
        "written_by": "benchmarks/front_membership.py",
        "date": datetime.date.today().isoformat(),
        "what": "coefficients a, b, c of the map from the share of drawn fronts to the probability of being on the "
        f"front, by kind of study and number of seeds; fitted to {num_studies} simulated studies of {NUM_DRAWS} draws",
        "maps": {
            kind: {number: {half: one[place].round(3).tolist() for half, place in halves} for number, one in by.items()}
            for kind, by in maps.items()
        },
    }
    PATH.write_text(json.dumps(text, indent=1) + "\n")


def draw_for_judging(num_studies: int, seeds: int, kind: Kind, generator: np.random.Generator) -> Iterable[Study]:
    """Searches of one kind and design, of 8, 24 and 60 subjects."""
    for turn in range(num_studies):
        yield draw_search(kind, (8, 24, 60)[turn % 3], seeds, generator)


def judge_searches(num_studies: int, generator: np.random.Generator) -> tuple[Table, Table]:
    """How often candidates of searches are on the front, by probability and by state."""
    by_design: dict[str, list[tuple[np.ndarray, ...]]] = {}
    states = [
        ["studies", "design", "said on the front", "of them on it", "said dominated", "of them on it", "undecided"]
    ]
    for (design, seeds), (name, kind) in itertools.product(DESIGNS.items(), KINDS.items()):
        columns = observe(draw_for_judging(num_studies, seeds, kind, generator), generator).columns
        by_design.setdefault(design, []).append(columns)
        states.append([name, design, *describe_states(columns)])
    return describe_bins({design: join(found) for design, found in by_design.items()}), states


def judge_confirmed(num_studies: int, generator: np.random.Generator) -> tuple[Table, Table]:
    """How often confirmed candidates are on the front among themselves, by probability and by state."""
    by_design: dict[str, list[tuple[np.ndarray, ...]]] = {}
    states = [
        ["studies", "design", "said on the front", "of them on it", "said dominated", "of them on it", "undecided"]
    ]
    for seeds, (name, kind) in itertools.product((3, 5), KINDS.items()):
        sizes = [(24, (12, 40)[turn % 2]) for turn in range(num_studies)]
        studies = (draw_confirmed(kind, size, seeds, generator) for size in sizes)
        columns = observe(studies, generator).columns
        by_design.setdefault(f"{seeds} seeds", []).append(columns)
        states.append([name, f"confirmed, {seeds} seeds", *describe_states(columns)])
    return describe_bins({design: join(found) for design, found in by_design.items()}), states


def join(found: list[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    """Columns of several sets of studies."""
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


def describe_bins(by_design: dict[str, tuple[np.ndarray, ...]]) -> Table:
    """Mean said, share on the front and number of candidates, by design and bin, with the map and raw."""
    rows = [
        ["said", "design", "mean said", "on the front", "candidates", "raw: mean said", "on the front", "candidates"]
    ]
    for design, (shares, _, _, _, is_on, probabilities) in by_design.items():
        for low, high in (*itertools.pairwise(BINS), (SURELY_ON, 1.0)):
            cells = [f"{low:.2f} to {high:.2f}", design]
            for said in (probabilities, shares):
                some = (said >= low) & ((said < high) | (high == 1.0))
                known = [f"{said[some].mean():.3f}", f"{is_on[some].mean():.3f}"] if some.any() else ["-", "-"]
                cells += [*known, str(some.sum())]
            rows.append(cells)
    return rows


def describe_states(columns: tuple[np.ndarray, ...]) -> list[str]:
    """Numbers and shares by state."""
    is_on, said = columns[4:]
    high, low = said >= SURELY_ON, said <= SURELY_OFF
    cells = []
    for some in (high, low):
        cells += [str(some.sum()), f"{is_on[some].mean():.3f}" if some.any() else "-"]
    return [*cells, f"{(~high & ~low).mean():.3f}"]


def try_further(kind: Kind, num_subjects: int, generator: np.random.Generator) -> list[tuple[int, bool, bool]]:
    """Of every undecided candidate with a number of further seeds: the number, whether decided by them, and rightly."""
    truth = draw_truth(int(generator.integers(*kind.num_candidates)), generator, kind.front, kind.gap)
    scores = draw_scores(truth, (3 + TRIED[-1], num_subjects), kind.preset, generator)
    ran = np.zeros(scores.shape[:2], bool)
    ran[:, :3] = run_as_search(scores[:, :3].mean(axis=2))
    before = show(truth, scores[:, :3], ran[:, :3], generator)
    first = before.find_membership(generator)
    assert first is not None, "a search runs some candidates twice"
    asked = find_further_seeds(before.values, before.subject_draws, first.states, generator)
    for one in asked:
        ran[one.candidate, np.flatnonzero(~ran[one.candidate])[: one.number or 0]] = True
    after = show(truth, scores, ran, generator).find_membership(generator)
    assert after is not None, "so do more seeds"
    found = []
    for one in asked:
        state = after.states[one.candidate]
        if one.number is not None and first.states[one.candidate] is State.UNDECIDED:
            right = (state is State.ON_FRONT) == before.is_on[one.candidate]
            found.append((one.number, state is not State.UNDECIDED, state is not State.UNDECIDED and bool(right)))
    return found


def judge_further(num_studies: int, generator: np.random.Generator) -> Table:
    """How often the seeds that are said to decide do so, by their number."""
    kinds = [KINDS[name] for name in (*PRESETS, *MEASURED)]
    found = np.array([row for kind in kinds for _ in range(num_studies) for row in try_further(kind, 24, generator)])
    rows = [["further seeds", "candidates", "decided", "right"]]
    for number in (*TRIED, None):
        some = found if number is None else found[found[:, 0] == number]
        if len(some):
            decided = some[some[:, 1] == 1]
            right = f"{decided[:, 2].mean():.3f}" if len(decided) else "-"
            rows.append([str(number or "all"), str(len(some)), f"{some[:, 1].mean():.3f}", right])
    return rows


def fit(num_studies: int, *, is_kept: bool) -> Table:
    """Fits the maps and writes them if wanted; describes the fit."""
    generator = np.random.default_rng(1)
    observed = observe(draw_for_fit(num_studies, generator), generator)
    maps = fit_maps(observed)
    if is_kept:
        write_maps(maps, num_studies)
    shares, doubt, seeds, size, is_on, said = observed.columns
    said = said.copy()
    inside = np.flatnonzero((shares > 0.0) & (shares < 1.0))
    for row in inside:
        one = maps[find_kind(is_shrunk=size[row] >= LEAST_TO_SHRINK)][str(int(min(seeds[row], 3)))]
        said[row] = expit(find_terms(shares[[row]], float(doubt[row]))[0] @ one)
    columns = (shares, doubt, seeds, size, is_on, said)
    kinds = {"many candidates": size >= LEAST_TO_SHRINK, "few candidates": size < LEAST_TO_SHRINK}
    return describe_bins({name: tuple(column[some] for column in columns) for name, some in kinds.items()})


def measure(section: str, part: int) -> dict[str, Table]:
    """The tables of a section, by title; the number of studies is divided by `part`."""
    if section == "fit":
        return {"probabilities of the front, as fitted": fit(4000 // part, is_kept=part == 1)}
    if section == "search":
        bins, states = judge_searches(180 // part, np.random.default_rng(2))
        return {"probabilities of the front": bins, "states of the front": states}
    if section == "confirmed":
        bins, states = judge_confirmed(240 // part, np.random.default_rng(3))
        return {"probabilities among confirmed candidates": bins, "states among confirmed candidates": states}
    return {"further seeds": judge_further(40 // part, np.random.default_rng(4))}


def main() -> None:
    """Measures, prints and records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--section", choices=SECTIONS, action="append", help="only this one; may be repeated")
    parser.add_argument("--quick", action="store_true", help="a tenth of the studies; records and writes nothing")
    options = parser.parse_args()
    use_few_draws()
    start = time.monotonic()
    part = 10 if options.quick else 1
    for title, rows in itertools.chain(*(measure(one, part).items() for one in options.section or SECTIONS[1:])):
        if options.quick:
            print(title, *(" | ".join(row) for row in rows), sep="\n", end="\n\n")
        else:
            print(record(f"Certainty of fronts: {title}", TEXTS[title], rows))
    print(f"{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
