"""Made-up studies whose truth is known: candidates of a space, and functions of them in place of trainings."""

from collections.abc import Callable

import numpy as np

from paretoseg.search.candidates.result import Result
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.spaces.search_space import Candidate, SearchSpace

OBJECTIVES = (
    Objective("accuracy", "Dice", Direction.MAXIMISE, 0.0),
    Objective("robustness", "Dice", Direction.MAXIMISE, 0.0),
)

Truth = Callable[[Candidate], tuple[float, ...]]


def build_results(space: SearchSpace, truth: Truth, num_candidates: int, noise: float = 0.0) -> list[Result]:
    """Distinct candidates, drawn from the space, each trained once."""
    generator = np.random.default_rng(0)
    candidates: dict[Candidate, None] = {}
    while len(candidates) < num_candidates:
        candidates[space.sample(generator)] = None
    results = []
    for number, candidate in enumerate(candidates):
        names = [objective.name for objective in OBJECTIVES]
        values = np.array(truth(candidate)) + noise * generator.normal(size=2)
        objectives = dict(zip(names, values.tolist(), strict=True))
        trial = Trial(number, candidate, 0, "random", state=State.FINISHED, objectives=objectives)
        results.append(Result((trial,), objectives))
    return results
