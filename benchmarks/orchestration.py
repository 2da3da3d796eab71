"""How much of its slots a search uses, beside plain Ray Tune in the same run.

60 trials of about 2 s of real training on 2 slots, first by `paretoseg search`, then the same candidates by Ray Tune
as its documentation has it: a function per trial, `max_concurrent_trials=2`; with its defaults, then with actor reuse.

    utilisation = seconds in which trials trained and measured / (slots x wall time)

Wall time runs from the first trial's start to the last one's end; start-up, from the process's start to the first
trial's, is reported beside it. Importing torch is never counted as busy, for neither. To compare it with, the two
things that every search needs are timed on their own: a process that starts Ray, and one that imports Tune, torch and
MONAI. paretoseg does part of both at once.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
from results import record

SLOTS = 2
SETTINGS = {"num_steps": 2, "iterations_per_step": 10, "num_quick_cases": 2}
REPOSITORY = Path(__file__).parents[1]


def measure_ours(folder: Path, num_trials: int) -> tuple[list[dict[str, Any]], float]:
    """Runs our search; returns the trials' begin, end and busy seconds, and the start-up in seconds."""
    overrides = [
        "study=ours",
        f"storage={folder}",
        "strategy=random",
        "tracking.mode=disabled",
        f"budget.trials={num_trials}",
        f"resources.max_concurrent={SLOTS}",
        *(f"task.{name}={value}" for name, value in SETTINGS.items()),
        "space.depth=[2,3]",
        "space.width=[4,8]",
        "space.patch=[32,64]",
        "space.learning_rate=[1e-3,1e-2]",
        "space.foreground_ratio=[0.2,0.8]",
    ]
    start = time.time()
    subprocess.run([sys.executable, "-m", "paretoseg", "search", *overrides], check=True, cwd=REPOSITORY)
    trials = pd.read_parquet(folder / "ours" / "trials.parquet")
    assert (trials.state == "FINISHED").all(), trials.reason.unique()
    began = trials.began_at.astype("int64") / 1000
    spans = [
        {"began": first, "ended": first + seconds, "busy": seconds}
        for first, seconds in zip(began, trials.seconds, strict=True)
    ]
    return spans, min(began) - start


def measure_tune(folder: Path, *, reuse_actors: bool) -> tuple[list[dict[str, Any]], float]:
    """Runs the same candidates through plain Ray Tune in a process of its own."""
    start = time.time()
    target = folder / f"tune-{reuse_actors}.json"
    words = [__file__, "--peer", str(folder), str(target), *(["--reuse"] if reuse_actors else [])]
    subprocess.run([sys.executable, *words], check=True, cwd=REPOSITORY)
    spans = json.loads(target.read_text())
    return spans, min(span["began"] for span in spans) - start


def run_peer(folder: Path, target: Path, *, reuse_actors: bool) -> None:
    """Plain Ray Tune: every trial a function call, its candidate a point of a grid."""
    import ray
    from ray import tune

    from paretoseg.spaces.search_space import DIMENSIONS

    trials = pd.read_parquet(folder / "ours" / "trials.parquet")[["seed", *DIMENSIONS]]
    ray.init(num_cpus=SLOTS, include_dashboard=False, log_to_driver=False, logging_level="error")
    tuner = tune.Tuner(
        tune.with_resources(train_one, {"cpu": 1}),
        param_space={"row": tune.grid_search(json.loads(trials.to_json(orient="records")))},
        tune_config=tune.TuneConfig(max_concurrent_trials=SLOTS, reuse_actors=reuse_actors),
        run_config=tune.RunConfig(storage_path=str(folder / "tune"), verbose=0),
    )
    results = tuner.fit()
    spans = [{name: float(result.metrics[name]) for name in ("began", "ended", "busy")} for result in results]
    target.write_text(json.dumps(spans))


def train_one(config: dict[str, Any]) -> dict[str, float]:
    """One trial as a user would write it: import, build, train, measure."""
    import torch  # noqa: F401

    from paretoseg.spaces.search_space import DIMENSIONS, Candidate
    from paretoseg.trainables.data.textures import TexturesConfig
    from paretoseg.trainables.segmentation.config import SegmentationConfig
    from paretoseg.trainables.trainable import Assignment, Split

    task = SegmentationConfig(**SETTINGS).build(TexturesConfig())
    task.warm_up()
    began = time.time()
    row = config["row"]
    trainable = task.build(Assignment(Candidate.from_dict({name: row[name] for name in DIMENSIONS}), row["seed"]))
    while trainable.steps_done < trainable.num_steps:
        trainable.step()
    trainable.evaluate(Split.VALIDATION)
    ended = time.time()
    return {"began": began, "ended": ended, "busy": ended - began}


def measure_limit() -> tuple[float, float]:
    """Seconds of a process until Ray is up, and of one until all is imported that a worker needs."""
    bring_up = "import ray; ray.init(address='local', num_cpus=2, include_dashboard=False, logging_level='error')"
    # Taken down in order: what is left of a Ray would be in the way of what is measured next.
    return _time(bring_up, "ray.shutdown()"), _time("import ray.tune, paretoseg.trainables.segmentation.trial", "")


def _time(code: str, afterwards: str) -> float:
    words = [sys.executable, "-c", f"{code}; import time; print(time.time(), flush=True); {afterwards}"]
    start = time.time()
    done = subprocess.run(words, check=True, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return float(done.stdout.split()[-1]) - start


def summarise(name: str, spans: list[dict[str, Any]], start_up: float) -> list[str]:
    """A row of the table."""
    wall = max(span["ended"] for span in spans) - min(span["began"] for span in spans)
    busy = sum(span["busy"] for span in spans)
    return [
        name,
        f"{busy / (SLOTS * wall):.3f}",
        f"{busy / len(spans):.2f}",
        f"{wall:.1f}",
        f"{start_up:.1f}",
        f"{wall + start_up:.1f}",
    ]


def main() -> None:
    """Measures all and writes the section of RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--peer", nargs=2, type=Path, metavar=("FOLDER", "TARGET"), help=argparse.SUPPRESS)
    parser.add_argument("--reuse", action="store_true", help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.peer:
        run_peer(*parsed.peer, reuse_actors=parsed.reuse)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        ray_s, import_s = measure_limit()
        rows = [
            summarise("paretoseg", *measure_ours(path, parsed.trials)),
            summarise("Ray Tune, defaults", *measure_tune(path, reuse_actors=False)),
            summarise("Ray Tune, reuse_actors=True", *measure_tune(path, reuse_actors=True)),
        ]
    head = ["", "slot utilisation", "busy s per trial", "wall s", "start-up s", "total s"]
    text = (
        f"{parsed.trials} trials on {SLOTS} slots, the same candidates for all (`benchmarks/orchestration.py`). In the "
        f"same run, a bare start of Ray took {ray_s:.1f} s and a bare import of Tune, torch and MONAI in one process "
        f"{import_s:.1f} s: one after the other {ray_s + import_s:.1f} s, of which paretoseg does part at once. "
        "The aims are a utilisation of at least 0.90 and a start-up of at most 12 s."
    )
    print(record("Orchestration", text, [head, *rows]))


if __name__ == "__main__":
    main()
