"""The root config, the table of all choices, and how the command line becomes real objects.

Dataclasses are the schema and stand beside what they build; YAML files hold differences from the defaults. Nothing
outside this folder sees Hydra or OmegaConf: `compose` returns an `Experiment` of plain objects.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_module
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from paretoseg.cluster.attached import AttachedConfig
from paretoseg.cluster.cluster import ClusterConfig
from paretoseg.cluster.kubernetes.kubernetes import KubernetesConfig
from paretoseg.cluster.local import LocalConfig
from paretoseg.cluster.resources import Resources
from paretoseg.cluster.serial import SerialConfig
from paretoseg.cluster.slurm.slurm import SlurmConfig
from paretoseg.search.config.gpus import read_auto, settle_gpus
from paretoseg.search.config.known_points import check_lists
from paretoseg.search.config.mappings import SETTLED, put, read_mapping
from paretoseg.search.config.overrides import one_line, quote, take_literally
from paretoseg.search.config.space_config import Space, build_space, fill_defaults, read_restrictions
from paretoseg.search.config.unknown import check_key
from paretoseg.search.strategies.asha import AshaConfig
from paretoseg.search.strategies.evolution import EvolutionConfig, ManyObjectivesConfig
from paretoseg.search.strategies.grid import GridConfig
from paretoseg.search.strategies.optuna_samplers import GpConfig, TpeConfig
from paretoseg.search.strategies.pruner import MedianConfig, NeverConfig, PrunerConfig
from paretoseg.search.strategies.random import RandomConfig
from paretoseg.search.strategies.strategy import StrategyConfig
from paretoseg.search.strategies.surrogate_config import SurrogateConfig
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.confirmation import Confirmation
from paretoseg.search.tracking.plan import TrackingConfig
from paretoseg.spaces.baselines import build_baseline, check_names
from paretoseg.spaces.constraint import Constraint
from paretoseg.spaces.objective_choice import USUAL
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.spaces.suggestion import suggest
from paretoseg.trainables.data.brain import BrainConfig
from paretoseg.trainables.data.datasets import DataConfig
from paretoseg.trainables.data.decathlon import DecathlonConfig
from paretoseg.trainables.data.folder import FolderConfig
from paretoseg.trainables.data.nnunet import NnunetConfig
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.preferences import apply_preferences
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.task_config import TaskConfig
from paretoseg.trainables.toy import ToyConfig
from paretoseg.trainables.trainable import Task

CHOICES: Mapping[str, Mapping[str, type]] = {
    "task": {"segmentation": SegmentationConfig, "toy": ToyConfig},
    "data": {
        "textures": TexturesConfig,
        "decathlon": DecathlonConfig,
        "folder": FolderConfig,
        "nnunet": NnunetConfig,
        "brain": BrainConfig,
    },
    "strategy": {
        "surrogate": SurrogateConfig,
        "nsga2": EvolutionConfig,
        "nsga3": ManyObjectivesConfig,
        "random": RandomConfig,
        "grid": GridConfig,
        "tpe": TpeConfig,
        "gp": GpConfig,
    },
    "pruner": {"never": NeverConfig, "median": MedianConfig, "asha": AshaConfig},
    "cluster": {
        "local": LocalConfig,
        "slurm": SlurmConfig,
        "kubernetes": KubernetesConfig,
        "attached": AttachedConfig,
        "serial": SerialConfig,
    },
}
"""Every group of the config with its options; adding one is a module and a line here."""

CHANGEABLE = (
    *("budget", "confirm", "resources", "cluster", "storage", "tracking"),
    *("data.root", "data.shift", "data.cache", "data.cache_gb"),
)
"""What may change when a study is resumed; any other change would make its trials incomparable.

Data may have moved, and so may the folders of shift sets: the study checks by hashes that they hold the same data.
"""


def name_option(group: str, chosen: object) -> str:
    """What the user writes for a part of a config, such as 'nsga2' for its settings."""
    return next(name for name, kind in CHOICES[group].items() if type(chosen) is kind)


@dataclass
class Experiment:
    """All settings of a search."""

    study: str = MISSING
    """Name of the study, and of its folder."""

    storage: str = "studies"
    """Where the study folders lie: a local path or a URI, such as s3://bucket/studies."""

    seed: int = 0
    """Seed of the search and of every trial in it."""

    task: TaskConfig = MISSING
    """What a trial does: segmentation or toy."""

    data: DataConfig = MISSING
    """What a trial sees."""

    space: Space = field(default_factory=Space)  # type: ignore[valid-type]
    """What is searched."""

    objectives: list[str] = field(default_factory=lambda: list(USUAL))
    """What is optimised: two or more names."""

    constraints: list[str] = field(default_factory=list)
    """What candidates must meet, such as parameters<=5e6."""

    reference: dict[str, float] = field(default_factory=dict)
    """By objective, the worst value that still counts in the hypervolume, where it is not the usual one."""

    baselines: list[str] | None = None
    """What is trained first, to compare with: nnunet, resenc; null for the usual ones of the task."""

    strategy: StrategyConfig = MISSING
    """Who proposes trials."""

    pruner: PrunerConfig = MISSING
    """Who stops trials early."""

    budget: Budget = field(default_factory=Budget)
    """When the search ends."""

    confirm: Confirmation = field(default_factory=Confirmation)
    """How many seeds candidates get, and which are confirmed when the search is over."""

    resources: Resources = field(default_factory=Resources)
    """What one trial gets."""

    cluster: ClusterConfig = MISSING
    """Where trials run."""

    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    """What goes to Weights & Biases."""

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must lie in 0..{2**32 - 1}, got {self.seed}")
        check_names(self.baselines or ())
        if not self.storage:
            raise ValueError("storage must be a path or a URI, got ''; leave it out for 'studies'")
        if self.storage.startswith("~"):
            try:
                self.storage = str(Path(self.storage).expanduser())
            except RuntimeError:
                raise ValueError(f"storage {self.storage!r} names a home directory that is not there") from None

    @property
    def restrictions(self) -> dict[str, object]:
        """What the space is narrowed to, by dimension."""
        return read_restrictions(self.space)

    @property
    def quick_steps(self) -> tuple[int, ...] | None:
        """The steps, from 1, after which trials are measured quickly; None for all of them."""
        return self.task.list_quick_steps(self.pruner.list_steps)

    def build_space(self) -> SearchSpace:
        """What is searched; raises ValueError as `paretoseg.search.config.space_config.build_space` does."""
        return build_space(self.space, matched_by=self.task.matched_by)

    def build_task(self) -> Task:
        """What a trial does, on this data and in this space.

        Raises:
            ValueError: if the settings do not fit each other.
        """
        return self.build_task_and_constraints()[0]

    def build_task_and_constraints(self) -> tuple[Task, tuple[Constraint, ...]]:
        """What a trial does, and what candidates must meet.

        Raises:
            ValueError: as `build_task` does.
        """
        baselines = [build_baseline(name) for name in self.baselines or ()]
        task = self.task.build(self.data, self.build_space(), baselines)
        return apply_preferences(task, self.objectives, self.reference, self.constraints)


@dataclass(frozen=True)
class Composed:
    """A composed config and its stored text: all keys but `storage`."""

    experiment: Experiment
    text: str


def list_experiments() -> list[str]:
    """The names of the experiments that ship with paretoseg."""
    folder = resources.files("paretoseg.search.conf") / "experiment"
    return sorted(path.name.removesuffix(".yaml") for path in folder.iterdir() if path.name.endswith(".yaml"))


def compose(overrides: Sequence[str]) -> Composed:
    """The experiment that the overrides describe.

    Raises:
        ValueError: for an unknown key, option or dimension or a value out of range; one line that names the known ones.
    """
    return to_composed(compose_config(overrides))


def list_values(overrides: Sequence[str]) -> dict[str, Any]:
    """Every key of a config by its dotted name, with the value that the overrides give it.

    Raises:
        ValueError: as `compose_config` does.
    """
    return flatten(compose_config(overrides))


def compose_config(overrides: Sequence[str]) -> DictConfig:
    """The config that the overrides describe, before it becomes real objects.

    Raises:
        ValueError: as `compose` does, but for values that only the objects themselves refuse.
    """
    overrides = [take_literally(override) for override in overrides]
    parsed = [_parse(override) for override in overrides]
    groups = [item for item in parsed if item.key_or_group in {*CHOICES, "experiment"}]
    for item in groups:
        _check_option(item)
    with_groups = _hydra([item.input_line or "" for item in groups])
    known = flatten(with_groups)
    for item in parsed:
        if item not in groups:
            check_key(item.key_or_group, known, {*CHOICES, "experiment"}, _keys_of_options())
            check_lists(item.key_or_group, item.value())
    lines = [read_auto(item.key_or_group, item.input_line or "") for item in parsed if item.key_or_group not in SETTLED]
    config = _hydra(lines)
    for item in parsed:
        if item.key_or_group in SETTLED:
            put(config, item.key_or_group, read_mapping(item.key_or_group, item.value()))
    fill_defaults(config.space)
    if OmegaConf.is_missing(config, "study"):
        raise ValueError("the study needs a name; add study=<name>")
    try:
        name = config.study
    except OmegaConfBaseException as error:
        raise ValueError(one_line(error)) from None
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ValueError(
            f"study must be at most 100 letters, digits, '.', '_' or '-' and start with a letter or digit, got {name!r}"
            + ("; where studies lie is storage=<path>" if "/" in name else "")
        )
    return config


def _hydra(overrides: Sequence[str]) -> DictConfig:
    """The caller's own copy: Hydra takes a quarter of a second, and commands compose the same overrides many times."""
    return copy.deepcopy(_compose_once(tuple(overrides)))


@lru_cache(maxsize=64)
def _compose_once(overrides: tuple[str, ...]) -> DictConfig:
    _register_choices()
    try:
        with initialize_config_module("paretoseg.search.conf", version_base="1.3"):
            config: DictConfig = hydra_compose("root", overrides=list(overrides))
            return config
    except (HydraException, OmegaConfBaseException) as error:
        raise ValueError(one_line(error)) from None


@cache
def _register_choices() -> None:
    store = ConfigStore.instance()
    store.store(name="schema", node=Experiment)
    for group, options in CHOICES.items():
        for name, node in options.items():
            store.store(group=group, name=name, node=node)


def to_composed(config: DictConfig) -> Composed:
    """The config as real objects, and as the text that a study keeps.

    Raises:
        ValueError: for a value that is out of range, in one line.
    """
    try:
        settle_gpus(config)
    except OmegaConfBaseException as error:
        raise ValueError(one_line(error)) from None
    # A study's folder may be moved, and a URI may hold a secret: the stored text does not say where it lies.
    text = OmegaConf.to_yaml(OmegaConf.masked_copy(config, [str(key) for key in config if key != "storage"]))
    try:
        experiment = OmegaConf.to_object(config)
    except OmegaConfBaseException as error:
        raise ValueError(one_line(error)) from None
    assert isinstance(experiment, Experiment)
    return Composed(experiment, text)


def _parse(override: str) -> Override:
    example = "an override reads key=value, such as budget.trials=48"
    try:
        override.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{override!a} holds bytes that are no UTF-8; name files and studies in UTF-8") from None
    try:
        parsed = OverridesParser.create().parse_override(override)
    except HydraException as error:
        key, equals, value = override.partition("=")
        if equals and not value.isascii():
            raise ValueError(f'cannot read {override!r}; quote the value: "{key}={quote(value)}"') from None
        if value.count("{") > value.count("}") or value.count("[") > value.count("]"):  # a space has cut it in two
            raise ValueError(
                f"cannot read {override!r}, whose bracket does not close; quote the whole override if it holds spaces"
            ) from None
        raise ValueError(f"cannot read {override!r} ({one_line(error)}); {example}") from None
    if parsed.type is None or parsed.type.name != "CHANGE" or parsed.is_sweep_override():
        raise ValueError(f"cannot take {override!r}; {example}, without +, ~ or sweeps")
    return parsed


def _check_option(override: Override) -> None:
    group, name = override.key_or_group, override.value()
    options = list_experiments() if group == "experiment" else list(CHOICES[group])
    if name not in options:
        raise ValueError(f"unknown {group} {name!r}; {suggest(str(name), options)}known: {', '.join(options)}")


def _keys_of_options() -> dict[str, str]:
    """Every key of an option of a group, with all options that have it."""
    found: dict[str, list[str]] = {}
    for group, options in CHOICES.items():
        for name, node in options.items():
            for item in fields(node):
                found.setdefault(f"{group}.{item.name}", []).append(f"{group}={name}")
    return {key: " or ".join(options) for key, options in found.items()}


def flatten(config: Any) -> dict[str, Any]:
    """Every leaf by its dotted key; lists and the mappings of `SETTLED` are leaves."""
    plain = OmegaConf.to_container(config, throw_on_missing=False, enum_to_str=True)
    leaves: dict[str, Any] = {}

    def walk(prefix: str, node: Any) -> None:
        if isinstance(node, Mapping) and node and prefix not in SETTLED:
            for name, child in node.items():
                walk(f"{prefix}.{name}" if prefix else str(name), child)
        elif prefix:
            leaves[prefix] = node

    walk("", plain)
    return leaves
