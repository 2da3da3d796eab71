"""Everything that needs a GPU, in one run of a few minutes: results as JSON, and as a section of RESULTS.md.

    training     patches a second in 2D and 3D: the trial's loop, learning without data, MONAI's pipeline; and inference
    corruptions  images a second beside MONAI and TorchIO
    precision    learning in bfloat16 and in float32
    memory       what trainings take at their peak, and what was estimated before
    search       three trials with a GPU each, and with half a GPU each
    processes    three trials on two GPUs each, over NCCL, where there are two

Each part is a process of its own: one that fails or takes too long costs its own rows alone, and says so.

    python benchmarks/on_gpu.py --json gpu.json
    python benchmarks/on_gpu.py --device cpu --reduced --print-only     the same code on a CPU, in a minute or two
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd
import torch
from results import record

FOLDER = Path(__file__).parent
KINDS = ("gaussian_noise", "gaussian_blur", "motion", "kspace_spike", "bias_field", "elastic_deformation", "rotation")
"""Corruptions of every sort, as measuring all of them takes longer than a run may."""

LEARNING = """
import json, statistics, torch
from rounds import time_calls
from training_throughput import Architecture, Learner, RECIPE, Setting, build_cases, build_network, prepare_batches
setting = Setting(3, DEVICE, BATCH, 1, 1, Architecture(family="composable", depth=DEPTH, width=WIDTH))
images, labels = prepare_batches(setting, build_cases(3))()
for is_bfloat16 in (False, True):
    network = build_network(setting.architecture, spatial_dims=3, in_channels=1, num_classes=2).to(DEVICE)
    learner = Learner(network, RECIPE, num_iterations=10**6, seed=0, is_bfloat16=is_bfloat16)
    work = lambda: learner.learn(images, labels, 0)
    time_calls(work, 2, DEVICE)
    seconds = statistics.median(time_calls(work, CALLS, DEVICE) / CALLS for _ in range(3))
    print("bfloat16" if is_bfloat16 else "float32", f"{BATCH / seconds:.0f} patches/s", sep=" | ")
"""

MEMORY = """
from paretoseg.search.config.config import compose
from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.trainable import ESTIMATED_MEMORY, TAKEN_MEMORY, Assignment, Split
words = ["study=memory", "data=textures", "task.num_steps=1", "task.iterations_per_step=2", "task.num_battery_cases=1",
         "task.corruptions=[gaussian_noise]", "task.severities=[2]", "task.num_quick_cases=1", "task.least_loss=0"]
for depth, width, patch in CANDIDATES:
    task = compose([*words, f"task.pixels_per_batch={16 * patch ** 2}"]).experiment.build_task()
    candidate = Candidate(Architecture(depth=depth, width=width), Recipe(patch=patch))
    trial = task.build(Assignment(candidate, 0, 1, DEVICE))
    trial.step()
    costs = trial.evaluate(Split.VALIDATION).costs
    taken, estimated = costs[TAKEN_MEMORY], costs[ESTIMATED_MEMORY]
    ratio = f"{estimated / taken:.2f}" if taken else "-"
    print(f"depth {depth}, width {width}, patch {patch}", f"{estimated:.2f} GB", f"{taken:.2f} GB", ratio, sep=" | ")
"""

SEARCH = (
    "data=textures", "baselines=[]", "budget.trials=3", "confirm.seeds=1", "strategy=random", "tracking.mode=disabled",
    "task.corruptions=[gaussian_noise]", "task.severities=[2]", "task.num_battery_cases=2", "task.least_loss=0",
    "task.num_steps=2",
)  # fmt: skip


@dataclass
class Part:
    """What a part of the run found."""

    rows: list[list[str]] = field(default_factory=list)
    seconds: float = 0.0
    error: str = ""
    """Why it has no rows, or not all; '' if it has."""


@dataclass(frozen=True)
class Run:
    """How much is measured, and where."""

    device: str
    is_reduced: bool
    deadline: float
    """When the run must be over, by the clock of `time.monotonic`."""

    def run_script(self, name: str, *words: str) -> Part:
        """Another benchmark, whose table is read off what it prints."""
        return self._run([sys.executable, str(FOLDER / name), "--device", self.device, "--print-only", *words])

    def run_code(self, code: str, **values: object) -> Part:
        """Lines of Python that print rows, with values for the names in capitals."""
        given = "\n".join(f"{name} = {value!r}" for name, value in {"DEVICE": self.device, **values}.items())
        return self._run([sys.executable, "-c", f"{given}\n{code}"])

    def run_search(self, *words: str) -> Part:
        """A search; a row with the states of its trials, their device, and seconds."""
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            asked = [*SEARCH, *words, "study=gpu", f"storage={folder}"]
            part = self._run([sys.executable, "-m", "paretoseg", "search", *asked])
            seconds, part.rows = time.monotonic() - start, []
            path = Path(folder) / "gpu" / "trials.parquet"
            if not part.error and path.exists():
                trials = pd.read_parquet(path)
                states = ", ".join(f"{count} {state}" for state, count in trials.state.value_counts().items())
                cells = [states, str(trials.device.iloc[0]), f"{trials.seconds.sum():.0f} s in trials"]
                part.rows = [[" ".join(words), *cells, f"{seconds:.0f} s in all"]]
        return part

    def _run(self, words: list[str]) -> Part:
        left, start = self.deadline - time.monotonic(), time.monotonic()
        if left < 1.0:
            return Part(error="left out: the time of the run was over")
        paths = os.pathsep.join(filter(None, [str(FOLDER), os.environ.get("PYTHONPATH", "")]))
        environment = os.environ | {"PYTHONPATH": paths, "PYTHONWARNINGS": "ignore"}
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=left, env=environment, check=False)
        except subprocess.TimeoutExpired as error:
            shown = error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout or ""
            return Part(_read_rows(shown), left, f"ended after {left:.0f} s, when the time of the run was over")
        lines = done.stderr.strip().splitlines() or done.stdout.strip().splitlines() or [""]
        failure = f"exit code {done.returncode}: {lines[-1]}" if done.returncode else ""
        return Part(_read_rows(done.stdout), time.monotonic() - start, failure)


def _read_rows(shown: str) -> list[list[str]]:
    """The lines that hold a table's cells; a benchmark prints its rows once more at the end."""
    return [line.split(" | ") for line in dict.fromkeys(shown.splitlines()) if " | " in line]


def list_parts(run: Run) -> Mapping[str, Callable[[], Part]]:
    """What is measured, the most wanted first."""
    if run.is_reduced:
        small = ("--rounds", "1", "--dims", "2")
        tiny = ("task.iterations_per_step=2", "resources.gpus=0", "cluster=serial")
        return {
            "training": lambda: run.run_script(
                "training_throughput.py", *small, "--iterations", "1", "--networks", "small U-Net"
            ),
            "search": lambda: run.run_search(*tiny),
            "memory": lambda: run.run_code(MEMORY, CANDIDATES=[(2, 4, 32)]),
            "corruptions": lambda: run.run_script("corruptions.py", *small, "--kinds", *KINDS[:1]),
            "precision": lambda: run.run_code(LEARNING, BATCH=1, CALLS=1, DEPTH=2, WIDTH=4),
        }
    long = "task.iterations_per_step=500"
    parts = {
        "training": lambda: run.run_script("training_throughput.py", "--rounds", "3"),
        "search, a GPU each": lambda: run.run_search(long, "resources.gpus=1"),
        "memory": lambda: run.run_code(MEMORY, CANDIDATES=[(3, 16, 64), (4, 32, 128), (5, 64, 128)]),
        "corruptions": lambda: run.run_script("corruptions.py", "--rounds", "1", "--kinds", *KINDS),
        "precision": lambda: run.run_code(LEARNING, BATCH=32, CALLS=20, DEPTH=4, WIDTH=32),
        "search, half a GPU each": lambda: run.run_search(long, "resources.gpus=0.5"),
    }
    if torch.cuda.device_count() > 1:
        parts["processes, two GPUs each"] = lambda: run.run_search(long, "resources.gpus=2")
    return parts


def main() -> None:
    """Runs all parts; writes the JSON file and the section of RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=6.0, help="how long the run may take")
    parser.add_argument("--reduced", action="store_true", help="little of everything, to try the script")
    parser.add_argument("--json", type=Path, help="where the results go")
    parser.add_argument("--print-only", action="store_true", help="leave RESULTS.md as it is")
    parsed = parser.parse_args()
    if parsed.device != "cpu" and not torch.cuda.is_available():
        parser.error("torch sees no GPU; `paretoseg doctor` says why, and --device cpu --reduced tries the script")
    run = Run(parsed.device, parsed.reduced, time.monotonic() + 60 * parsed.minutes)
    found: dict[str, Part] = {}
    where = torch.cuda.get_device_name() if parsed.device != "cpu" else "one CPU thread"
    for name, measure in list_parts(run).items():
        found[name] = measure()
        print(f"{name}: {found[name].error or 'done'}, {found[name].seconds:.0f} s", flush=True)
        if parsed.json:  # after every part, so that an end from outside loses nothing
            content = {
                "device": where,
                "torch": torch.__version__,
                "parts": {key: asdict(one) for key, one in found.items()},
            }
            parsed.json.write_text(json.dumps(content, indent=1))
    rows = [["part", "found"]]
    for name, part in found.items():
        rows += [[name, "; ".join(row)] for row in part.rows]
        rows += [[name, part.error]] if part.error else []
    text = (
        f"{where}, torch {torch.__version__} (`benchmarks/on_gpu.py`). The aims are 0.90 of the limit in training, 5 "
        "times MONAI's pipeline, and corruptions at 20 times MONAI's."
    )
    if parsed.print_only:
        print("\n".join(" | ".join(row) for row in rows))
    else:
        print(record("One run on a GPU", text, rows))


if __name__ == "__main__":
    main()
