"""The root config, the table of all choices, and how the command line becomes real objects.

Dataclasses are the schema and stand beside what they build; YAML holds deltas. Nothing outside of here sees Hydra.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_module
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cluster.attached import AttachedConfig
from cluster.cluster import ClusterConfig
from cluster.kubernetes import KubernetesConfig
from cluster.local import LocalConfig
from cluster.resources import Resources
from cluster.serial import SerialConfig
from cluster.slurm import SlurmConfig
from search.space_config import Space, build_space, read_restrictions
from search.strategies.evolution import EvolutionConfig
from search.strategies.pruner import MedianConfig, NeverConfig, PrunerConfig
from search.strategies.random import RandomConfig
from search.strategies.strategy import StrategyConfig
from search.study import Budget
from search.tracking_plan import TrackingConfig
from search.unknown import check_key, suggest
from spaces.search_space import SearchSpace
from trainables.brain import BrainConfig
from trainables.datasets import DataConfig
from trainables.decathlon import DecathlonConfig
from trainables.folder import FolderConfig
from trainables.segmentation_task import SegmentationConfig
from trainables.task_config import TaskConfig
from trainables.textures import TexturesConfig
from trainables.toy import ToyConfig

CHOICES: Mapping[str, Mapping[str, type]] = {
    "task": {"segmentation": SegmentationConfig, "toy": ToyConfig},
    "data": {
        "textures": TexturesConfig,
        "decathlon": DecathlonConfig,
        "folder": FolderConfig,
        "brain": BrainConfig,
    },
    "strategy": {"nsga2": EvolutionConfig, "random": RandomConfig},
    "pruner": {"never": NeverConfig, "median": MedianConfig},
    "cluster": {
        "local": LocalConfig,
        "slurm": SlurmConfig,
        "kubernetes": KubernetesConfig,
        "attached": AttachedConfig,
        "serial": SerialConfig,
    },
}
"""Every group of the config with its options; adding one is a module and a line here."""

CHANGEABLE = ("budget", "resources", "cluster", "storage", "tracking", "data.root", "data.cache")
"""What a resumed study may be given anew; everything else would make its trials incomparable.

Data may have moved: the study knows by hashes whether it is still the same.
"""


@dataclass
class Experiment:
    """Everything that a search is told."""

    study: str = MISSING
    """Name of the study, and of its folder."""

    storage: str = "studies"
    """Where the study folders lie: a local path or any `pyarrow.fs` URI, such as s3://bucket/studies."""

    seed: int = 0
    """Seed of the search and of every trial in it."""

    task: TaskConfig = MISSING
    """What a trial does: segmentation or toy."""

    data: DataConfig = MISSING
    """What a trial sees."""

    space: Space = field(default_factory=Space)  # type: ignore[valid-type]
    """What is searched."""

    strategy: StrategyConfig = MISSING
    """Who proposes trials."""

    pruner: PrunerConfig = MISSING
    """Who stops trials early."""

    budget: Budget = field(default_factory=Budget)
    """When the search ends."""

    resources: Resources = field(default_factory=Resources)
    """What one trial gets."""

    cluster: ClusterConfig = MISSING
    """Where trials run."""

    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    """What goes to Weights & Biases."""

    @property
    def restrictions(self) -> dict[str, object]:
        """What the space is narrowed to, by dimension."""
        return read_restrictions(self.space)

    def build_space(self) -> SearchSpace:
        """What is searched; raises ValueError as `search.space_config.build_space` does."""
        return build_space(self.space, is_matched=getattr(self.task, "match_parameters", 0) > 0)


@dataclass(frozen=True)
class Composed:
    """A composed config and the text that it is kept as: all keys but `storage`."""

    experiment: Experiment
    text: str


def list_experiments() -> list[str]:
    """The names of the experiments that ship with paretoseg."""
    folder = resources.files("search.conf") / "experiment"
    return sorted(path.name.removesuffix(".yaml") for path in folder.iterdir() if path.name.endswith(".yaml"))


def compose(overrides: Sequence[str]) -> Composed:
    """The experiment that the overrides describe.

    Raises:
        ValueError: for an unknown key, option or dimension or a value out of range; one line that names the known ones.
    """
    return _to_composed(_compose(overrides))


def compose_again(stored: Sequence[str], stored_text: str, overrides: Sequence[str]) -> Composed:
    """The experiment of a study that exists: what it began with, and what may be given anew.

    Args:
        stored: The overrides that the study began with.
        stored_text: The composed config that the study keeps; wherever defaults have changed since, it wins.
        overrides: What is asked for now.

    Raises:
        ValueError: if the overrides ask for something that would make the study's trials incomparable.
    """
    config = _compose(merge_overrides(stored, overrides))
    _check_same_options(_compose(stored), config)
    kept, now = _flatten(OmegaConf.create(stored_text)), _flatten(config)
    before = dict(override.split("=", 1) for override in stored)
    asked = {override.split("=", 1)[0] for override in overrides}
    switched = {key for key in asked if key in {*CHOICES, "experiment"} and dict_of(overrides)[key] != before.get(key)}
    for key, value in kept.items():
        # Of what may change in a group that may not, such as where the data lies, the last word counts.
        is_last_word = key in CHANGEABLE and "." in key and key not in asked
        is_free = not is_last_word and bool({key, key.split(".")[0]} & {*CHANGEABLE})
        if is_free or key not in now or now[key] == value:
            continue
        if not is_last_word and (key in asked or switched):
            raise ValueError(
                f"study '{config.study}' was begun with {key}={value} and cannot go on with {key}={now[key]}; "
                f"leave it out to resume, or begin another study with study=<name>"
            )
        OmegaConf.update(config, key, value)
    return _to_composed(config)


def _check_same_options(begun: DictConfig, config: DictConfig) -> None:
    """Refuses another option of a group: its keys differ, so comparing values would pass over it."""
    for group, options in CHOICES.items():
        names: dict[Any, str] = {node: name for name, node in options.items()}
        before, now = (names[OmegaConf.get_type(item[group])] for item in (begun, config))
        if group not in CHANGEABLE and before != now:
            raise ValueError(
                f"study '{config.study}' was begun with {group}={before} and cannot go on with {group}={now}; "
                f"leave it out to resume, or begin another study with study=<name>"
            )


def merge_overrides(stored: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """The stored overrides with the new ones in their place or behind them; the last of a key counts.

    When another cluster is chosen, the keys of the stored one are not carried over.
    """
    before, asked = dict_of(stored), dict_of(overrides)
    switched = {key for key in asked if key in CHOICES and key in CHANGEABLE and asked[key] != before.get(key)}
    kept = {key: value for key, value in before.items() if key.split(".")[0] not in switched}
    return [f"{key}={value}" for key, value in (kept | asked).items()]


def dict_of(overrides: Sequence[str]) -> dict[str, str]:
    """Overrides by key."""
    return dict(override.split("=", 1) for override in overrides)


def _compose(overrides: Sequence[str]) -> DictConfig:
    parsed = [_parse(override) for override in overrides]
    groups = [item for item in parsed if item.key_or_group in {*CHOICES, "experiment"}]
    for item in groups:
        _check_option(item)
    with_groups = _hydra([item.input_line or "" for item in groups])
    known = _flatten(with_groups)
    for item in parsed:
        if item not in groups:
            check_key(item.key_or_group, known, {*CHOICES, "experiment"})
    config = _hydra(overrides)
    if OmegaConf.is_missing(config, "study"):
        raise ValueError("the study needs a name; add study=<name>")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", config.study):
        raise ValueError(
            f"study must be at most 100 letters, digits, '.', '_' or '-' and begin with a letter or digit, "
            f"got {config.study!r}"
        )
    return config


def _hydra(overrides: Sequence[str]) -> DictConfig:
    _register_choices()
    try:
        with initialize_config_module("search.conf", version_base="1.3"):
            config: DictConfig = hydra_compose("root", overrides=list(overrides))
            return config
    except (HydraException, OmegaConfBaseException) as error:
        raise ValueError(_one_line(error)) from None


def _register_choices() -> None:
    store = ConfigStore.instance()
    store.store(name="schema", node=Experiment)
    for group, options in CHOICES.items():
        for name, node in options.items():
            store.store(group=group, name=name, node=node)


def _to_composed(config: DictConfig) -> Composed:
    # The folder knows where it lies, and a URI may hold a secret: neither is kept in it.
    text = OmegaConf.to_yaml(OmegaConf.masked_copy(config, [str(key) for key in config if key != "storage"]))
    try:
        experiment = OmegaConf.to_object(config)
    except OmegaConfBaseException as error:
        raise ValueError(_one_line(error)) from None
    assert isinstance(experiment, Experiment)
    return Composed(experiment, text)


def _parse(override: str) -> Override:
    example = "an override reads key=value, such as budget.trials=48"
    try:
        parsed = OverridesParser.create().parse_override(override)
    except HydraException as error:
        raise ValueError(f"cannot read {override!r} ({_one_line(error)}); {example}") from None
    if parsed.type is None or parsed.type.name != "CHANGE" or parsed.is_sweep_override():
        raise ValueError(f"cannot take {override!r}; {example}, without +, ~ or sweeps")
    return parsed


def _check_option(override: Override) -> None:
    group, name = override.key_or_group, override.value()
    options = list_experiments() if group == "experiment" else list(CHOICES[group])
    if name not in options:
        raise ValueError(f"unknown {group} {name!r}; {suggest(str(name), options)}known: {', '.join(options)}")


def _flatten(config: Any) -> dict[str, Any]:
    """Every leaf by its dotted key; lists are leaves."""
    plain = OmegaConf.to_container(config, throw_on_missing=False, enum_to_str=True)
    leaves: dict[str, Any] = {}

    def walk(prefix: str, node: Any) -> None:
        if isinstance(node, Mapping) and node:
            for name, child in node.items():
                walk(f"{prefix}.{name}" if prefix else str(name), child)
        elif prefix:
            leaves[prefix] = node

    walk("", plain)
    return leaves


def _one_line(error: Exception) -> str:
    """The point of Hydra's message: the first line of what caused it, and the key it speaks of."""
    root: BaseException = error
    while root.__cause__ is not None:
        root = root.__cause__
    text = str(root)
    first = text.strip().splitlines()[0].strip() if text.strip() else type(error).__name__
    key = re.search(r"full_key: (\S+)", str(error) + text)
    return f"{key.group(1)}: {first}" if key else first
