import dataclasses

import pytest

from paretoseg.cluster.serial import SerialConfig
from paretoseg.search.config import config as config_module
from paretoseg.search.config.config import CHOICES, Experiment, compose, list_experiments
from paretoseg.search.config.overrides import quote
from paretoseg.search.strategies.evolution import EvolutionConfig
from paretoseg.spaces.presets import PRESETS
from paretoseg.spaces.search_space import DIMENSIONS, SearchSpace
from paretoseg.trainables.toy import FailureMode, ToyConfig

TOY = ["study=mine", "task=toy", "cluster=serial"]


def test_experiments_ship_with_the_package():
    assert {"quickstart", "rehearsal"} <= set(list_experiments())


@pytest.mark.parametrize("name", list_experiments())
def test_an_experiment_composes_into_a_search(name):
    composed = compose([f"experiment={name}"])
    experiment = composed.experiment
    assert isinstance(experiment, Experiment)
    SearchSpace(experiment.restrictions)
    experiment.task.build(experiment.data).objectives()
    again = compose([f"experiment={name}", "budget.trials=7"]).experiment
    assert again.budget.trials == 7


@pytest.mark.parametrize(("group", "option"), [(group, option) for group in CHOICES for option in CHOICES[group]])
def test_an_option_composes_into_its_config(group, option):
    experiment = compose(["study=mine", f"{group}={option}"]).experiment
    assert type(getattr(experiment, group)) is CHOICES[group][option]


def test_overrides_reach_the_objects():
    experiment = compose(
        [
            *TOY,
            "strategy=nsga2",
            "strategy.population=7",
            "task.failure=diverge",
            "space.skip=[none,addition]",
            "space.depth=3",
            "seed=9",
        ]
    ).experiment
    assert isinstance(experiment.cluster, SerialConfig)
    assert experiment.strategy == EvolutionConfig(population=7)
    assert experiment.task == ToyConfig(failure=FailureMode.diverge)
    assert experiment.restrictions == {"skip": ["none", "addition"], "depth": 3, "augmentation": "all"}
    assert (experiment.study, experiment.seed) == ("mine", 9)


def test_every_dimension_is_a_key():
    for name in DIMENSIONS:
        assert compose([*TOY, f"space.{name}=null"]).experiment.restrictions == {"augmentation": "all"}


def test_an_override_counts_more_than_its_experiment():
    assert compose(["experiment=rehearsal", "study=other"]).experiment.study == "other"
    assert compose(["study=other", "experiment=rehearsal"]).experiment.study == "other"


MISTAKES = [
    (["budgt=3"], ["unknown key 'budgt'", "did you mean 'budget'", "seed", "strategy"]),
    (["sed=3"], ["unknown key 'sed'", "did you mean 'seed'", "budget", "resources"]),
    (["budget.trails=3"], ["unknown key 'budget.trails'", "did you mean 'budget.trials'", "hours", "max_failures"]),
    (["task.epochs=3"], ["unknown key 'task.epochs'", "num_steps", "noise"]),
    (["strategy=nsga2", "strategy.populaton=3"], ["did you mean 'strategy.population'", "random_share"]),
    (["nothing.like.this=3"], ["unknown key 'nothing.like.this'", "budget", "seed"]),
    (["strategy=nsga4"], ["unknown strategy 'nsga4'", "did you mean 'nsga", "surrogate, nsga2, nsga3, random"]),
    (["task=classification"], ["unknown task 'classification'", *CHOICES["task"]]),
    (["cluster=clown"], ["unknown cluster 'clown'", *CHOICES["cluster"]]),
    (["experiment=quickstrat"], ["unknown experiment 'quickstrat'", "did you mean 'quickstart'", *list_experiments()]),
    (["space.dept=3"], ["unknown dimension 'dept'", "did you mean 'space.depth'", *DIMENSIONS]),
    (["budget.trials=0"], ["budget.trials must be at least 1, got 0"]),
    (["budget.trials=many"], ["budget.trials", "'many'", "whole number"]),
    (["budget.hours=nan"], ["budget.hours must be above 0 and finite, or null for no limit, got nan"]),
    (["resources.timeout_min=inf"], ["resources.timeout_min must be above 0 and finite, got inf"]),
    (["task.noise=nan"], ["task.seconds and task.noise must be finite and not negative, got 0.0 and nan"]),
    (["task.seconds=inf"], ["task.seconds and task.noise must be finite and not negative, got inf and 0.0"]),
    (["tracking.wait_seconds=nan"], ["tracking.wait_seconds must be finite and not negative, got nan"]),
    (["seed=-1"], ["seed must lie in 0..4294967295, got -1"]),
    (["seed=4294967296"], ["seed must lie in 0..4294967295, got 4294967296"]),
    (["storage="], ["storage must be a path or a URI, got ''; leave it out for 'studies'"]),
    (["storage=~nobody-of-this-name/x"], ["names a home directory that is not there"]),
    (["study=${nope}"], ["nope", "not found"]),
    (["data.root=/tmp/ü"], ["cannot read 'data.root=/tmp/ü'", "quote the value: \"data.root='/tmp/ü'\""]),
    (["budget.hours=-1"], ["budget.hours must be above 0 and finite"]),
    (["seed=1.5"], ["seed", "1.5"]),
    (["resources.cpus=0"], ["resources.cpus must be above 0 and finite, got 0"]),
    (["strategy=nsga2", "strategy.population=2"], ["strategy.population must be at least 4, got 2"]),
    (["task.failure=sulk"], ["task.failure", "sulk", "error", "memory"]),
    (["task.num_steps=0"], ["task.num_steps must be at least 1, got 0"]),
    (["+task.more=1"], ["+task.more=1", "without +, ~ or sweeps"]),
    (["++seed=1"], ["++seed=1", "without +, ~ or sweeps"]),
    (["~seed"], ["~seed", "without +, ~ or sweeps"]),
    (["seed=1,2"], ["seed=1,2", "without +, ~ or sweeps"]),
    (["seed=range(3)"], ["seed=range(3)", "sweeps"]),
    (["seed"], ["cannot read 'seed'", "key=value"]),
    (["task.strengths={motion:"], ["whose bracket does not close", "quote the whole override"]),
    (["--seed=1"], ["--seed=1", "key=value"]),
    (["=1"], ["unknown key ''", "budget", "seed"]),
    ([""], ["cannot read ''", "key=value"]),
    (["budget=5"], ["budget", "trials"]),
    (
        ["pruner.min_trials=3"],
        ["'pruner.min_trials'; it belongs to pruner=median or pruner=asha; add that"],
    ),
    (["cluster.wait_s=3"], ["unknown key 'cluster.wait_s'; it belongs to cluster=attached; add that"]),
    (["cluster.cpus=3"], ["it belongs to cluster=local or cluster=slurm or cluster=kubernetes or cluster=attached;"]),
    (["strategy.known=[3]"], ["strategy.known[0] must be a mapping of dimensions to values", "{width: 8", "got 3"]),
    (["strategy.known=[{},[1]]"], ["strategy.known[1] must be a mapping", "got [1]"]),
    (["strategy.known={width: 8}"], ["strategy.known must be a list, such as strategy.known=[{width: 8, depth: 3}]"]),
    (["strategy.warm_start=[{a: 1}]"], ["strategy.warm_start[0] must be the folder or URI of a study", "{'a': 1}"]),
    (["strategy.warm_start=other"], ["strategy.warm_start must be a list, such as strategy.warm_start=[studies/"]),
    (["data.root=/caf\udce9"], ["'data.root=/caf\\udce9' holds bytes that are no UTF-8", "in UTF-8"]),
]


@pytest.mark.parametrize(("overrides", "words"), MISTAKES, ids=[mistake[0][0] or "empty" for mistake in MISTAKES])
def test_a_mistake_is_refused_in_one_line_that_names_the_known(overrides, words):
    with pytest.raises(ValueError, match=r"\S") as error:
        compose([*TOY, *overrides])
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ("space.depth=9", ["dimension 'depth' must lie in 2..6, got 9"]),
        ("space.skip=gate", ["dimension 'skip' must be one of none, concatenation", "got 'gate'"]),
        ("space.width=[4,5]", ["dimension 'width' must lie in 4..64 in steps of 4, got 5"]),
        ("space.foreground_ratio=[0.1,0.2,0.3]", ["needs one value or [low, high]"]),
    ],
)
def test_a_dimension_out_of_range_is_refused_in_one_line(wish, words):
    restrictions = compose([*TOY, wish]).experiment.restrictions
    with pytest.raises(ValueError, match="dimension") as error:
        SearchSpace(restrictions)
    assert "\n" not in str(error.value)
    assert all(word in str(error.value) for word in words)


def test_the_space_is_the_preset_and_what_is_named():
    space = compose(
        [*TOY, "space.preset=recipe", "space.block=[plain,residual]", "space.norm=all"]
    ).experiment.build_space()
    assert {"learning_rate", "loss", "block", "norm"} <= set(space.searched)
    assert "kernel" not in space.searched
    assert set(compose(TOY).experiment.build_space().searched) == PRESETS["core"]


def test_an_unknown_preset_is_refused_in_one_line():
    with pytest.raises(
        ValueError, match=r"unknown space\.preset 'cor'; did you mean 'core'\? known: core, arch"
    ) as error:
        compose([*TOY, "space.preset=cor"]).experiment.build_space()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", ["task.match_parameters", "task.match_flops"])
def test_networks_of_one_size_leave_no_width_to_search(key):
    matched = ["study=one", "task=segmentation", f"{key}=100000"]
    assert compose(matched).experiment.build_space().domains["width"].describe() == "16..16 in steps of 4"
    with pytest.raises(ValueError, match=rf"follows from {key}; leave out {key} or space\.width"):
        compose([*matched, "space.width=8"]).experiment.build_space()
    with pytest.raises(ValueError, match=f"{key} needs families whose width can be chosen, got vnet"):
        compose([*matched, "space.preset=families"]).experiment.build_space()
    compose([*matched, "space.family=[unet,dynunet]"]).experiment.build_space()


def test_a_study_without_a_name_is_refused():
    with pytest.raises(ValueError, match="the study needs a name; add study=<name>"):
        compose(["task=toy"])


HOSTILE = ["../up", "a/b", ".hidden", "a b", "$(reboot)", '"', "a'b", "a\nb", "[red]x", "~", "-x", "x" * 101, "ü"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_no_folder_should_have_is_refused_in_one_line(name):
    with pytest.raises(ValueError, match="study") as error:
        compose([f"study={name}", "task=toy"])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["a", "2026-01-01_run.2", "x" * 100, "1", "1_000", "1e3", "true", "null", "007"])
def test_a_plain_name_is_taken(name):
    assert compose([f"study={name}", "task=toy"]).experiment.study == name


@pytest.mark.parametrize(
    "place", ["/tmp/ü", "my studies", "a,b", "it's", "C:\\", "s3://[bad", "1_000", "true", "[x]", "a=b", "a#b", "x(1)"]
)
def test_a_place_is_taken_as_it_is_typed(place):
    assert compose([*TOY, f"storage={place}"]).experiment.storage == place
    assert compose([*TOY, f"storage={quote(place)}"]).experiment.storage == place


def test_a_place_in_the_home_directory_is_found_there(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert compose([*TOY, "storage=~/studies"]).experiment.storage == "/home/me/studies"
    assert compose([*TOY, "storage=s3://~/x"]).experiment.storage == "s3://~/x"


@pytest.mark.parametrize("group", CHOICES)
def test_every_config_refuses_nothing_by_default(group):
    for config in CHOICES[group].values():
        assert dataclasses.is_dataclass(config)
        assert config() == config()


def test_every_option_can_be_made_and_what_options_derive_from_cannot():
    bases = {item.name: item.type for item in dataclasses.fields(Experiment)}
    for group, options in CHOICES.items():
        base = getattr(config_module, bases[group])
        assert all(isinstance(option(), base) for option in options.values())
        with pytest.raises(TypeError, match="abstract"):
            base()
