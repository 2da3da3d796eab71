"""How often attribution says that a choice matters, where it does and where it does not.

Simulated studies of the core space: skip `none` is worse in both objectives, the foreground ratio trades one for the
other, and nothing else does anything. Prints, for every number of candidates and noise, in how many studies some choice
without an effect, or some interaction, is said to matter, how often the two choices with one are, and how often what is
said of them is wrong.

    python -m benchmarks.attribution --studies 20
"""

from __future__ import annotations

import argparse
import itertools

import numpy as np

from paretoseg.search.attribution.attribution import Conclusion, attribute
from paretoseg.search.candidates.result import Result
from paretoseg.search.fronts.front import find_front
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.spaces.search_space import Candidate, SearchSpace

OBJECTIVES = (
    Objective("accuracy", "Dice", Direction.MAXIMISE, 0.0),
    Objective("robustness", "Dice", Direction.MAXIMISE, 0.0),
)
TRUTH = {"foreground_ratio": Conclusion.TRADES, "skip": Conclusion.BOTH}
RIGHT = {
    "foreground_ratio": {Conclusion.TRADES, Conclusion.FIRST, Conclusion.SECOND},
    "skip": {Conclusion.BOTH, Conclusion.FIRST, Conclusion.SECOND},
}
"""What may be said of the choices that matter; to tell one objective alone is right, too."""


def measure(candidate: Candidate) -> np.ndarray:
    """Expected accuracy and robustness."""
    ratio = candidate.recipe.foreground_ratio
    behind = 0.06 if candidate.architecture.skip == "none" else 0.0
    return np.array([0.7 - 0.1 * ratio, 0.6 + 0.1 * ratio]) - behind


def draw_study(space: SearchSpace, num_candidates: int, noise: float, effect: float, seed: int) -> list[Result]:
    """Candidates of the space with noisy values; with effect 0, noise alone."""
    generator = np.random.default_rng(seed)
    candidates: dict[Candidate, None] = {}
    while len(candidates) < num_candidates:
        candidates[space.sample(generator)] = None
    found = []
    for number, candidate in enumerate(candidates):
        values = effect * measure(candidate) + noise * generator.normal(size=2)
        objectives = dict(zip([item.name for item in OBJECTIVES], values.tolist(), strict=True))
        trial = Trial(number, candidate, 0, "random", state=State.FINISHED, objectives=objectives)
        found.append(Result((trial,), objectives))
    return found


def main() -> None:
    """Prints a row per setting."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--candidates", type=int, nargs="+", default=[30, 60])
    chosen = parser.parse_args()
    num_studies = chosen.studies
    space = SearchSpace()
    print("candidates  noise  effect  false alarms  told  wrong")
    settings = itertools.product(chosen.candidates, ((0.03, 1.0), (0.03, 0.0)))
    for num_candidates, (noise, effect) in settings:
        alarms = told = wrong = 0
        for seed in range(num_studies):
            results = draw_study(space, num_candidates, noise, effect, seed)
            front = find_front(results, OBJECTIVES)
            found = attribute("simulated", results, front, OBJECTIVES, space, seed)
            by_name = {one.name: one.conclusion for one in found.dimensions}
            real = {name: by_name.pop(name) for name in TRUTH if effect}
            is_alarm = any(one is not Conclusion.UNKNOWN for one in by_name.values())
            alarms += is_alarm or any(pair.is_told for pair in found.pairs)
            told += sum(one is not Conclusion.UNKNOWN for one in real.values())
            wrong += sum(one is not Conclusion.UNKNOWN and one not in RIGHT[name] for name, one in real.items())
        shown = f"{told}/{2 * num_studies}" if effect else "-"
        print(f"{num_candidates:<12}{noise:<7}{effect:<8}{alarms}/{num_studies:<12}{shown:<6}{wrong}", flush=True)


if __name__ == "__main__":
    main()
