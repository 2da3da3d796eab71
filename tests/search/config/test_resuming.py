import pytest

from paretoseg.search.config.config import CHANGEABLE, compose
from paretoseg.search.config.resuming import compose_again, describe_earlier, merge_overrides
from paretoseg.search.strategies.evolution import EvolutionConfig
from paretoseg.spaces.presets import PRESETS

TOY = ["study=mine", "task=toy", "cluster=serial", "strategy=nsga2"]
BEGUN = [*TOY, "seed=3", "space.depth=[2,4]", "budget.trials=10"]


def resume(*overrides, stored=tuple(BEGUN), text=None):
    return compose_again(stored, text or compose(BEGUN).text, overrides)


def test_a_study_is_resumed_by_its_name_alone():
    assert resume("study=mine").experiment == compose(BEGUN).experiment
    assert resume(*BEGUN).experiment == compose(BEGUN).experiment


def test_what_does_not_touch_the_trials_may_change_on_resuming():
    asked = {
        "budget": "budget.trials=99",
        "resources": "resources.max_concurrent=2",
        "cluster": "cluster=local",
        "storage": "storage=elsewhere",
    }
    assert set(asked) <= set(CHANGEABLE)
    experiment = resume("study=mine", *asked.values()).experiment
    assert (experiment.budget.trials, experiment.resources.max_concurrent, experiment.storage) == (99, 2, "elsewhere")
    assert experiment.restrictions == {"depth": [2, 4], "augmentation": "all"}


def test_a_study_of_before_that_was_ended_by_50_trials_still_is():
    text = compose(TOY).text
    assert "  trials: null\n" in text
    now = resume("budget.hours=2", stored=TOY, text=text).experiment.budget
    assert (now.trial_limit, now.hours) == (None, 2.0)
    earlier = text.replace("  trials: null\n", "  trials: 50\n")
    before = resume("budget.hours=2", stored=TOY, text=earlier).experiment.budget
    assert (before.trial_limit, before.hours) == (50, 2.0)


def test_data_is_looked_for_where_it_was_last():
    first = ["study=mine", "data.root=/first"]
    moved = compose([*first, "data.root=/second"]).text
    for wishes, root in (([], "/second"), (["data.root=/third"], "/third")):
        assert compose_again(first, moved, ["study=mine", *wishes]).experiment.data.root == root


def test_a_study_of_before_a_dimension_was_there_goes_on_without_searching_it():
    later = ("preset:", "family:", "block", "skip_level", "norm:")
    lines = compose(BEGUN).text.splitlines()
    text = "\n".join(line for line in lines if not line.strip().startswith(later))
    assert "preset" not in text
    assert set(resume("study=mine", text=text).experiment.build_space().searched) == PRESETS["core"]


def test_a_study_of_before_another_strategy_was_the_default_goes_on_with_its_own():
    stored = [override for override in BEGUN if not override.startswith("strategy")]
    assert compose(stored).experiment.strategy != compose(BEGUN).experiment.strategy
    assert resume("study=mine", stored=stored).experiment == compose(BEGUN).experiment
    with pytest.raises(ValueError, match="started with strategy=nsga2 and cannot be resumed with strategy=surrogate"):
        resume("study=mine", "strategy=surrogate", stored=stored)


def test_a_study_of_before_that_set_the_strategys_keys_goes_on_with_it():
    """Its record has the keys without a name, which the command line refuses by now."""
    stored = [*(override for override in BEGUN if not override.startswith("strategy")), "strategy.population=7"]
    text = compose([*BEGUN, "strategy.population=7"]).text
    for again in (["study=mine"], stored):
        composed = resume(*again, stored=stored, text=text)
        assert composed.experiment.strategy == EvolutionConfig(population=7)
        merged = merge_overrides(stored, again)
        assert describe_earlier(composed, merged) == []
        assert compose(merged).experiment == composed.experiment


@pytest.mark.parametrize(
    ("override", "was"),
    [
        ("seed=4", "with seed=3"),
        ("space.depth=[2,5]", "with space.depth=[2, 4]"),
        ("space.skip=none", "without space.skip"),
        ("strategy.population=9", "with strategy.population=20"),
        ("task.num_steps=9", "with task.num_steps=3"),
    ],
)
def test_what_would_make_trials_incomparable_is_refused(override, was):
    with pytest.raises(ValueError, match="cannot be resumed with") as error:
        resume("study=mine", override)
    assert "\n" not in str(error.value)
    assert f"study 'mine' was started {was}" in str(error.value)
    assert "start another study with study=<name>" in str(error.value)


@pytest.mark.parametrize(
    ("override", "was"), [("strategy=random", "nsga2"), ("pruner=median", "never"), ("task=segmentation", "toy")]
)
def test_another_option_is_refused(override, was):
    group = override.split("=")[0]
    with pytest.raises(ValueError, match=f"started with {group}={was} and cannot be resumed with {override}") as error:
        resume("study=mine", override)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("override", ["strategy=nsga2", "pruner=never", "task=toy", "data=textures"])
def test_asking_for_the_same_option_again_resumes(override):
    assert resume("study=mine", override).experiment == compose(BEGUN).experiment


@pytest.mark.parametrize("cluster", [[], ["cluster=local"], ["cluster=attached"]])
def test_where_defaults_have_changed_what_the_study_keeps_wins(cluster):
    text = compose(BEGUN).text.replace("population: 20", "population: 12").replace("num_steps: 3", "num_steps: 5")
    experiment = resume("study=mine", *cluster, text=text).experiment
    assert experiment.strategy.population == 12
    assert experiment.task.num_steps == 5


def test_asking_for_the_new_default_of_an_old_study_is_refused():
    text = compose(BEGUN).text.replace("population: 20", "population: 12")
    with pytest.raises(
        ValueError, match=r"started with strategy\.population=12 and cannot be resumed with strategy\.population=20"
    ):
        resume("study=mine", "strategy=nsga2", "strategy.population=20", text=text)


def test_the_kept_text_composes_into_the_same_experiment():
    composed = compose(BEGUN)
    assert resume("study=mine", text=composed.text).text == composed.text


def test_what_changed_last_is_kept_on_resuming():
    last = resume("study=mine", "budget.trials=60", "budget.hours=3", "resources.cpus=2", "tracking.project=other").text
    experiment = resume("study=mine", text=last).experiment
    assert (experiment.budget.trials, experiment.budget.hours) == (60, 3.0)
    assert (experiment.resources.cpus, experiment.tracking.project) == (2.0, "other")
    experiment = resume("study=mine", "strategy=nsga2", "budget.trials=70", "budget.hours=null", text=last).experiment
    assert (experiment.budget.trials, experiment.budget.hours) == (70, None)


def test_the_cluster_is_the_one_that_the_study_was_started_with_unless_another_is_named():
    last = resume("study=mine", "cluster=attached", "cluster.num_nodes=3").text
    assert resume("study=mine", text=last).experiment.cluster == compose(BEGUN).experiment.cluster
    assert resume("study=mine", "cluster=attached", text=last).experiment.cluster.num_nodes == 1


def test_the_keys_of_the_same_cluster_are_gone_on_with():
    first = ["study=mine", "task=toy", "cluster=local", "cluster.cpus=1"]
    last = compose(merge_overrides(first, ["cluster.cpus=2"])).text
    assert resume("study=mine", stored=tuple(first), text=last).experiment.cluster.cpus == 2
    assert resume("study=mine", "cluster.cpus=3", stored=tuple(first), text=last).experiment.cluster.cpus == 3


def test_another_task_is_refused_as_such_although_its_keys_are_others():
    stored = (*BEGUN, "task.noise=0.5")
    with pytest.raises(ValueError, match="started with task=toy and cannot be resumed with task=segmentation"):
        resume("study=mine", "task=segmentation", stored=stored)


def test_a_folder_that_was_renamed_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"the folder of study 'yours' holds study 'mine'.*rename it back to 'mine'"):
        resume("study=yours")


WHOLE = compose(BEGUN).text


DAMAGED = {
    "no yaml": "{",
    "half a list": "a: [1",
    "a list": "- 1\n- 2\n",
    "a number": "7",
    "a word": "text",
    "zeros": "\0",
    "half of it": WHOLE[: len(WHOLE) // 2],
    "a line less": WHOLE.replace("seed: 3\n", ""),
    "another type": WHOLE.replace("seed: 3\n", "seed: three\n"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_config_that_is_damaged_is_refused_in_one_line(damage):
    with pytest.raises(ValueError, match=r"experiment\.yaml is damaged; restore it from a backup") as error:
        resume("study=mine", text=DAMAGED[damage])
    assert "\n" not in str(error.value)
