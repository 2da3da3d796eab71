"""How many of a search's first candidates learn nothing, with and without bounds from the data.

For each dataset and seed, takes the first eight proposals of a new study, trains them at the default length, and counts
those that are dead: broken by the search's own check, or with a mean Dice below `DEAD` on the validation cases. Rules
`fitted` are those of a new study; `open` is the space before it follows the data. Rows are appended to a file at once,
and a run that was stopped goes on from there.

    nice python benchmarks/first_candidates.py --shared FOLDER_OF_DATASETS --folder rows [--data textures ...]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from results import record
from scipy.stats import binomtest

from paretoseg.search.config.config import Composed, compose
from paretoseg.search.config.settling import settle
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.trainable import Assignment, Split

SEEDS = (0, 1, 2)
NUM_FIRST = 8
DEAD = 0.1
RULES = ("fitted", "open")
DATASETS = {
    "textures": ["data=textures"],
    "brain": ["data=brain"],
    "nuclei": ["data=decathlon", "data.root={shared}/nuclei_dsb2018"],
    "axon": ["data=decathlon", "data.root={shared}/axon_sem"],
    "hippocampus": ["data=decathlon", "data.root={shared}/hippocampus_small"],
}
CHEAP = [
    "study=first", "task.corruptions=[gaussian_noise]", "task.severities=[2]", "task.num_battery_cases=2",
    "task.num_quick_cases=1", "task.least_loss=0", "task.surface_metrics=none",
]  # fmt: skip
"""Little is measured: only whether a network has learned anything counts."""


def compose_study(name: str, shared: Path, rules: str) -> Composed:
    """A new study of a dataset."""
    composed = compose([*CHEAP, *(word.format(shared=shared) for word in DATASETS[name])])
    return settle(composed) if rules == "fitted" else composed


def propose(composed: Composed, seed: int) -> list[Candidate]:
    """The first candidates of a search with this seed; none of them depends on results."""
    experiment = composed.experiment
    strategy = experiment.strategy.build(experiment.build_space(), experiment.build_task().objectives(), seed)
    return [strategy.ask(number, np.random.default_rng([seed, number]), ()).candidate for number in range(NUM_FIRST)]


def train(composed: Composed, candidate: Candidate, seed: int) -> dict[str, object]:
    """One training at the default length: mean Dice, whether it is broken, and seconds; or why it failed."""
    start = time.perf_counter()
    try:
        trainable = composed.experiment.build_task().build(Assignment(candidate, seed))
        for _ in range(trainable.num_steps):
            trainable.step()
        found = trainable.evaluate(Split.VALIDATION)
    except (ValueError, MemoryError) as error:  # a loss that is not finite
        return {"dice": 0.0, "broken": "failed", "failure": str(error), "seconds": time.perf_counter() - start}
    dice = found.objectives.values["accuracy"]
    return {"dice": dice, "broken": found.degenerate or "", "failure": "", "seconds": time.perf_counter() - start}


def list_missing(
    rows: list[dict[str, object]], names: list[str], rules: list[str]
) -> Iterator[tuple[str, int, str, int]]:
    """Datasets, seeds, rules and numbers of proposals that have no row."""
    known = {(row["data"], row["seed"], row["rules"], row["number"]) for row in rows}
    wanted = ((n, s, r, i) for n in names for s in SEEDS for r in rules for i in range(NUM_FIRST))
    return (one for one in wanted if one not in known)


def write_table(rows: list[dict[str, object]]) -> list[list[str]]:
    """The lines of the table: dead ones of all by dataset and rules, with Wilson's 95 % interval."""
    table = pd.DataFrame(rows)
    table["dead"] = (table.broken != "") | (table.dice < DEAD)
    groups = [(name, part) for name, part in table.groupby("data", sort=False)]
    if len(groups) > 1:
        groups.append(("all", table))
    lines = []
    for name, of_data in groups:
        for rules, part in of_data.groupby("rules", sort=False):
            low, high = binomtest(int(part.dead.sum()), len(part)).proportion_ci(method="wilson")
            share = f"{part.dead.mean():.0%} ({low:.0%} to {high:.0%})"
            lines.append([name, rules, f"{part.dead.sum()} of {len(part)}", share, f"{part.dice.median():.3f}"])
    return lines


def main() -> None:
    """Trains what is missing, and prints the section of RESULTS.md."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True, help="the folder of the real datasets")
    parser.add_argument("--folder", type=Path, required=True, help="where rows lie")
    parser.add_argument("--data", nargs="+", default=list(DATASETS), choices=list(DATASETS))
    parser.add_argument("--rules", nargs="+", default=list(RULES), choices=RULES)
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    path = wanted.folder / "rows.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    studies = {(n, r): compose_study(n, wanted.shared, r) for n in wanted.data for r in wanted.rules}
    for name, seed, rules, number in list(list_missing(rows, wanted.data, wanted.rules)):
        composed = studies[name, rules]
        candidate = propose(composed, seed)[number]
        row = {"data": name, "seed": seed, "rules": rules, "number": number, **candidate.as_dict()}
        row |= train(composed, candidate, seed)
        rows.append(row)
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{name} {rules} seed {seed} number {number}: Dice {row['dice']:.3f} {row['broken']}", flush=True)
    text = f"Of the first {NUM_FIRST} candidates of {len(SEEDS)} searches, those that learned nothing."
    head = ["data", "rules", "dead", "share (95 %)", "median Dice"]
    print(record("First candidates", text, [head, *write_table(rows)]))


if __name__ == "__main__":
    main()
