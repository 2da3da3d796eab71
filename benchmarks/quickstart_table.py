"""Trains every candidate of a finite part of the quick start's space with three seeds, for `search_efficiency.py`.

    nice python benchmarks/quickstart_table.py --part 0/2 & nice python benchmarks/quickstart_table.py --part 1/2

Every result is appended to a file beside the table at once, and a run that was stopped goes on from there. When nothing
is left, the table is written. About two hours on two quiet cores.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch

from paretoseg.search.config.config import compose
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.trainable import Assignment, Split, Task

RESTRICTIONS = {
    "skip": ["none", "concatenation", "addition", "dense"],
    "depth": [2, 4],
    "width": [4, 12],
    "attention": "none",
    "patch": [32, 64],
    "augmentation": ["none", "spatial_noise_blur"],
    "foreground_ratio": 0.5,
    "mirroring": "off",
    "learning_rate": 0.01,
}
"""The part of the quick start's space."""

SEEDS = (0, 1, 2)
TABLE = Path(__file__).with_name("quickstart_table.parquet")


def list_candidates() -> list[Candidate]:
    """The distinct candidates."""
    return list(SearchSpace(RESTRICTIONS).enumerate())


def measure(task: Task, candidate: Candidate, seed: int) -> dict[str, object]:
    """One training as a row of the table."""
    start = time.perf_counter()
    trainable = task.build(Assignment(candidate, seed))
    for _ in range(trainable.num_steps):
        trainable.step()
    trained = time.perf_counter()
    evaluation = trainable.evaluate(Split.VALIDATION)
    names = ("parameters", "flops", "train_voxels", "peak_memory_gb", "latency_ms")
    return {
        **{name: candidate.as_dict()[name] for name in RESTRICTIONS},
        "seed": seed,
        **evaluation.objectives.values,
        **{name: evaluation.costs[name] for name in names if name in evaluation.costs},
        "degenerate": evaluation.degenerate,
        "train_seconds": trained - start,
        "seconds": time.perf_counter() - start,
    }


def list_left(part: int, num_parts: int, rows: list[dict[str, object]]) -> Iterator[tuple[Candidate, int]]:
    """The trainings of a part that have no row yet."""
    done = {(tuple(row[name] for name in RESTRICTIONS), row["seed"]) for row in rows}
    trainings = [(candidate, seed) for seed in SEEDS for candidate in list_candidates()]
    for candidate, seed in trainings[part::num_parts]:
        if (tuple(candidate.as_dict()[name] for name in RESTRICTIONS), seed) not in done:
            yield candidate, seed


def read_rows(folder: Path) -> list[dict[str, object]]:
    """The rows of all parts so far; a torn last line is left out."""
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().split("\n")[:-1]]
    return [json.loads(line) for line in lines]


def main() -> None:
    """Measures what is left of a part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", default="0/1", help="which of how many processes this is")
    parser.add_argument("--folder", type=Path, default=Path("quickstart_table"), help="where rows are collected")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    part, num_parts = (int(number) for number in arguments.part.split("/"))
    arguments.folder.mkdir(parents=True, exist_ok=True)
    task = compose(["experiment=quickstart"]).experiment.build_task()
    path = arguments.folder / f"part-{part}-of-{num_parts}.jsonl"
    left = list(list_left(part, num_parts, read_rows(arguments.folder)))
    for count, (candidate, seed) in enumerate(left, start=1):
        row = measure(task, candidate, seed)
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"[{count}/{len(left)}] {row['accuracy']:.3f} {row['robustness']:.3f} {row['seconds']:.1f} s", flush=True)
    rows = read_rows(arguments.folder)
    if len(rows) == len(SEEDS) * len(list_candidates()):
        pd.DataFrame(rows).sort_values([*RESTRICTIONS, "seed"]).to_parquet(TABLE, index=False)
        print(f"{TABLE}: {len(rows)} rows")


if __name__ == "__main__":
    main()
