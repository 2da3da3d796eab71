"""The toy problem's front for three seeds: 60 trials, one at a time, NSGA-II with a population of 10.

It changes when the search decides otherwise than before: on purpose, or because a library's operators changed.
After a change on purpose, write the files anew from the top of the repository and say why in the changelog:

    python -m tests.golden.test_toy_front
"""

import json
from pathlib import Path

import pytest

from paretoseg.search.strategies.evolution import EvolutionConfig
from paretoseg.search.study.budget import Budget
from tests.builders import MemoryLog, build_study, run_study

SEEDS = (0, 1, 2)


def file_of(seed):
    return Path(__file__).with_name(f"toy_front_seed_{seed}.json")


def find_front(seed):
    strategy, budget = EvolutionConfig(population=10), Budget(trials=60)
    study = run_study(build_study(MemoryLog(), strategy=strategy, budget=budget, seed=seed))
    return {
        "hypervolume": float(study.front.hypervolume),
        "front": [
            {"trial_id": trial.trial_id, **{name: float(value) for name, value in trial.objectives.items()}}
            for trial in study.front.trials
        ],
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_the_front_of_the_toy_is_the_one_on_file(seed):
    expected, found = json.loads(file_of(seed).read_text()), find_front(seed)
    assert found["hypervolume"] == pytest.approx(expected["hypervolume"])
    assert len(found["front"]) == len(expected["front"]) > 1
    for member, known in zip(found["front"], expected["front"], strict=True):
        assert member == pytest.approx(known)


if __name__ == "__main__":
    for golden_seed in SEEDS:
        file_of(golden_seed).write_text(json.dumps(find_front(golden_seed), indent=2) + "\n")
