"""Bad input of `paretoseg rescore`: refused in one line before anything is written. No network is trained."""

import json
import shutil
from pathlib import Path

import pytest

from paretoseg.cluster.resources import Resources
from paretoseg.search.commands.cli import main
from paretoseg.search.config.config import compose
from paretoseg.search.config.splits import keep_splits
from paretoseg.search.rescoring.config import share_of_one
from paretoseg.search.store.lock import hold_lock
from paretoseg.search.store.rescore_folder import RescoreFolder
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.rescore_record import RescoreRecord
from paretoseg.search.trials import events
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.toy import ToyTask

OVERRIDES = (
    "study=mine", "cluster=serial", "data.image_size=32", "data.num_train=2", "data.num_validation=2",
    "data.num_test=2", "task.corruptions=[gaussian_blur]",
)  # fmt: skip
POINTS = {0: (0.9, 0.1), 1: (0.8, 0.7), 2: (0.1, 0.1)}


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study as it would lie there, its networks never trained; trials 0 and 1 are on the front."""
    monkeypatch.chdir(tmp_path)
    folder = StudyFolder("studies/mine")
    composed = compose(OVERRIDES)
    task = composed.experiment.build_task()
    folder.write_experiment(composed.text)
    keep_splits(folder, task)
    folder.journal.append(events.Created(0.0, "mine", task.objectives(), task.cost_names(), OVERRIDES))
    costs = dict.fromkeys(task.cost_names(), 1.0)
    for number, (accuracy, robustness) in POINTS.items():
        values = {"accuracy": accuracy, "robustness": robustness}
        candidate = Candidate(recipe=Recipe(foreground_ratio=number / 10))
        folder.journal.append(events.Started(1.0, number, candidate, 0, "random"))
        folder.journal.append(events.Finished(2.0, number, values, costs, "", began_at=1.0, seconds=1.0))
        if number < 2:
            with folder.checkpoints.new(number, 4, {}) as path:
                (path / "weights.pt").write_bytes(b"not weights")
    folder.journal.close()
    return Path("studies/mine")


@pytest.fixture
def refusal(study, capsys):
    def refuse(*words):
        before = set(study.rglob("*"))
        assert main(["rescore", str(study), *words]) == 2
        streams = capsys.readouterr()
        assert streams.err.startswith("paretoseg: ")
        assert streams.err.count("\n") == 1
        assert set(study.rglob("*")) == before
        return streams.err

    return refuse


@pytest.mark.parametrize("words", [[], ["cluster=serial"], ["resources.cpus=1"]])
def test_what_the_study_has_measured_itself_is_not_measured_again(refusal, words):
    message = refusal(*words)
    assert "needs to know what to measure differently; add corruptions=[NAME,...]" in message
    assert "`paretoseg front studies/mine` shows what the study measured itself" in message


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("corruptions=[gausian_blur]", "did you mean 'gaussian_blur'"),
        ("corruptions=[]", "task.corruptions"),
        ("corruptions=gaussian_blur", "task.corruptions: "),
        ("severities=[0]", "severity must lie in 1..5, got 0"),
        ("severities=[6]", "severity must lie in 1..5, got 6"),
        ("severities=[]", "task.severities must be"),
        ("severities=[hard]", "task.severities"),
        ("severity=[3]", "unknown key 'severity'"),
        ("task.corruption=[gaussian_blur]", "did you mean 'task.corruptions'?"),
        ("task.num_steps=3", "a rescoring measures networks as they are and cannot change task.num_steps; it takes"),
        ("space.depth=3", "cannot change space.depth"),
        ("data.blend=0.5", "cannot change data.blend"),
        ("data.shift=[blend_2.00]", "unknown shift set 'blend_2.00'"),
        ("data=folder", "cannot change data"),
        ("cluster=slurm", "a rescoring runs with cluster=local, serial or attached"),
        ("resources.cpus=0", "resources.cpus must be above 0"),
        ("--name=../elsewhere", "--name must be at most 100 letters"),
        ("--name=", "--name must be at most 100 letters"),
        ("nonsense", "cannot read 'nonsense'; an override reads key=value, such as corruptions=[motion]"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_written(refusal, word, message):
    assert message in refusal(word)


def test_another_rescoring_of_the_same_name_is_refused(study, refusal):
    folder = RescoreFolder(StudyFolder(str(study)).folder, "one")
    objectives = ToyTask().objectives()
    folder.write_record(RescoreRecord("mine", "one", {"task": {}}, ("severities=[3]",), objectives, "0.1.0"))
    error = refusal("severities=[3]", "--name", "one")
    assert "holds a rescoring with other settings (severities=[3]); choose another name with --name NAME" in error


def test_a_damaged_record_is_refused(study, refusal):
    folder = RescoreFolder(StudyFolder(str(study)).folder, "one")
    folder.folder.write("rescore.json", b"{")
    assert "rescore.json' is damaged or of a newer version" in refusal("--name", "one")


def test_two_at_a_time_in_one_folder_are_refused(study, refusal):
    with hold_lock(RescoreFolder(StudyFolder(str(study)).folder, "one").folder):
        error = refusal("severities=[3]", "--name", "one")
    assert error.startswith("paretoseg: rescoring 'studies/mine/rescores/one' is being written by process")
    assert "choose another name with --name NAME" in error


def test_other_data_are_refused(study, refusal):
    kept = json.loads((study / "splits.json").read_text())
    row = next(row for row in kept["cases"] if row["split"] == "validation")
    row["image_sha256"] = "another"
    (study / "splits.json").write_text(json.dumps(kept))
    assert f"these data cannot be measured: case '{row['case']}' has another image; a rescoring needs" in refusal(
        "severities=[3]"
    )


def test_a_member_of_the_front_without_its_checkpoint_is_refused(study, refusal):
    shutil.rmtree(study / "checkpoints" / "trial-00001")
    assert "trial 1 on the front has no checkpoint; restore checkpoints/ from a backup" in refusal("severities=[3]")


def test_a_study_without_its_config_is_refused(study, refusal):
    (study / "experiment.yaml").unlink()
    assert "the study's experiment.yaml is missing; restore it from a backup" in refusal()


def test_a_place_without_a_study_and_a_study_without_networks_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["rescore", "nowhere"]) == 2
    assert "no study at 'nowhere'" in capsys.readouterr().err
    assert (
        main(
            [
                "search",
                "study=toy",
                "task=toy",
                "cluster=serial",
                "strategy=nsga2",
                "strategy.population=4",
                "budget.trials=4",
            ]
        )
        == 0
    )
    assert main(["rescore", "studies/toy"]) == 2
    assert "only studies with task=segmentation have networks to measure" in capsys.readouterr().err
    assert not Path("studies/toy/rescores").exists()


def test_measuring_takes_the_share_of_one_process():
    assert share_of_one(Resources(cpus=4.0, workers=2)) == Resources(cpus=2.0)
    assert share_of_one(Resources(cpus=8.0, gpus=4.0)) == Resources(cpus=2.0, gpus=1.0)
    assert share_of_one(Resources(cpus=1.0, gpus=0.5)) == Resources(cpus=1.0, gpus=0.5)
