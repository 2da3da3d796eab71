"""A study keeps the strengths and reference errors that it started with, even if files and defaults change."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from paretoseg.search.commands.plan import Plan, make_plan
from paretoseg.search.config.config import compose
from paretoseg.search.config.resuming import compose_again
from paretoseg.search.config.settling import settle, settle_reference
from paretoseg.search.config.stored_task import rebuild_task
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.store.tables import cases_to_parquet
from paretoseg.search.trials.events import Created
from paretoseg.spaces.search_space import SearchSpace
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.scoring.reference_errors import ReferenceErrors
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.task import SegmentationTask
from paretoseg.trainables.severities import levels as severities
from paretoseg.trainables.severities.calibration import (
    CalibratedCorruption,
    Calibration,
    ReferenceRecord,
    hash_splits,
    read_calibration,
    write_calibration,
)
from paretoseg.trainables.severities.levels import LEVELS
from paretoseg.trainables.severities.shipped import locate_shipped
from paretoseg.trainables.trainable import CaseScore, Condition, Split

BLUR = (0.3, 0.6, 0.9, 1.2, 3.0)
SMALL = (
    "data.image_size=40",
    "data.num_train=2",
    "data.num_validation=2",
    "data.num_test=2",
    "cluster=serial",
    "baselines=[]",
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(
    path: str = "mine.json",
    data_sha256: str = "other",
    notes: tuple[str, ...] = (),
    lost: tuple[float, ...] = (2.0, 5.0, 10.0, 20.0, 40.0),
) -> None:
    found = CalibratedCorruption(LEVELS["gaussian_blur"].parameter, BLUR, lost, ((0.1, 0.0), (16.0, 50.0)), notes)
    reference = ReferenceRecord({}, 0, 1, 0.9, 1)
    write_calibration(Path(path), Calibration("others", data_sha256, "s", reference, {"gaussian_blur": found}))


def plan(*overrides: str) -> Plan:
    words = ["study=mine", *SMALL, *overrides]
    return make_plan(compose(words), words)


def begin(*overrides: str) -> StudyFolder:
    """A study of this config whose first record is written."""
    made = plan(*overrides)
    folder = made.folder
    folder.write_experiment(made.text)
    task = made.task
    folder.journal.append(Created(0.0, "mine", task.objectives(), task.cost_names(), tuple(made.overrides)))
    folder.journal.close()
    return folder


def strengths_of(task: object, name: str) -> tuple[float, ...]:
    assert isinstance(task, SegmentationTask)
    return task.settings.severity_table[name]


def test_a_new_study_has_the_strengths_of_its_battery_in_its_config() -> None:
    settled = settle(compose(["study=mine", "task.corruptions=[gaussian_noise]", "task.calibration=none"]))
    assert yaml.safe_load(settled.text)["task"]["strengths"] == {"gaussian_noise": [0.04, 0.08, 0.12, 0.16, 0.2]}


def test_a_calibration_gives_its_strengths_and_those_of_the_command_win_over_it() -> None:
    write()
    words = ["study=mine", "task.corruptions=[gaussian_noise,gaussian_blur]", "task.calibration=mine.json"]
    kept = yaml.safe_load(settle(compose(words)).text)["task"]["strengths"]
    assert kept["gaussian_blur"] == list(BLUR)
    asked = "task.strengths={gaussian_blur:[0.1,0.2,0.3,0.4,0.5]}"
    settled = settle(compose([*words, asked])).experiment.task
    assert settled.strengths["gaussian_blur"] == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert settled.strengths["gaussian_noise"] == list(LEVELS["gaussian_noise"].values)
    lines = "task.strengths=['gaussian_blur: 0.1 0.2 0.3 0.4 0.5']"  # as commands named them before
    assert settle(compose([*words, lines])).experiment.task == settled


def test_what_a_study_keeps_reads_back_to_the_same_numbers() -> None:
    odd = [1e-7, 0.1 + 0.2, 1 / 3, 0.5, 2 / 3]
    settled = settle(compose(["study=mine", f"task.strengths={{gaussian_noise:[{','.join(map(repr, odd))}]}}"]))
    assert settled.experiment.task.strengths["gaussian_noise"] == odd
    again = compose_again(["study=mine"], settled.text, [])
    assert again == settled


def test_a_study_of_lines_goes_on_with_the_same_strengths_and_errors() -> None:
    """Before, both keys held lines of text."""
    relative = (
        "task.robustness=mean_corruption_error",
        "task.severities=[2]",
        "task.corruptions=[gaussian_blur]",
        "task.transfer=none",
    )
    errors = "task.reference_errors={corruptions:{gaussian_blur:{2:0.25}},shifts:{blend_0.60:0.5}}"
    now = plan(*relative, "data.shift=[blend_0.60]", "task.strengths={gaussian_blur:[0.1,0.2,0.3,0.4,0.5]}", errors)
    assert now.task.rule.reference == {Condition("gaussian_blur", 2): 0.25, Condition("none", 0, "blend_0.60"): 0.5}
    lines = "task.strengths=['gaussian_blur: 0.1 0.2 0.3 0.4 0.5']"
    error_lines = "task.reference_errors=['gaussian_blur 2: 0.25', 'shift blend_0.60: 0.5']"
    folder = begin(*relative, "data.shift=[blend_0.60]", lines, error_lines)
    config = yaml.safe_load(folder.read_experiment())
    strengths = config["task"]["strengths"]
    config["task"]["strengths"] = [f"{name}: {' '.join(map(repr, values))}" for name, values in strengths.items()]
    config["task"]["reference_errors"] = ["gaussian_blur 2: 0.25", "shift blend_0.60: 0.5"]
    folder.write_experiment(yaml.safe_dump(config))
    assert rebuild_task(folder, folder.read_record().created) == now.task
    resumed = plan(lines, "budget.trials=9")
    assert (resumed.task, resumed.text.count("gaussian_blur:")) == (now.task, 2)
    with pytest.raises(ValueError, match=r"cannot be resumed with task\.strengths="):
        plan("task.strengths={gaussian_blur:[0.1,0.2,0.3,0.4,0.6]}")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task.strengths=3", r"task\.strengths must be a mapping, such as \{gaussian_blur: .*, got 3"),
        ("task.strengths={gaussian_blur:[low,1,2,3,4]}", r"task\.strengths.*low"),
        ("task.strengths={gaussian_blur:3}", r"task\.strengths"),
        ("task.strengths={gausian_blur:[1,2,3,4,5]}", r"task\.strengths: .* did you mean 'gaussian_blur'"),
        ("task.reference_errors={gaussian_blur:{2:0.5}}", r"task\.reference_errors.*gaussian_blur"),
        ("task.reference_errors={corruptions:{gaussian_blur:{2:7}}}", r"must lie in 0\.\.1, got 7 for gaussian_blur 2"),
        (
            "task.reference_errors=['gaussian_blur: 0.5']",
            r"task\.reference_errors: a line must read like 'gaussian_blur 2: ",
        ),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused_in_one_line(override: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        plan(override)
    assert len(str(caught.value).splitlines()) == 1


def test_a_task_without_corruptions_is_left_as_it_is() -> None:
    composed = compose(["study=mine", "task=toy"])
    settled = settle(composed)
    assert settled.experiment == dataclasses.replace(composed.experiment, baselines=[])
    assert settled.experiment.task is composed.experiment.task
    assert composed.experiment.task.without_files() is composed.experiment.task
    task, data = composed.experiment.task, composed.experiment.data
    assert task.check_new(data, SearchSpace(), [], calibrate="paretoseg calibrate") == []


def check_new(config: SegmentationConfig, data: TexturesConfig) -> list[str]:
    rows = config.build(data).split_rows()
    return config.check_new(data, SearchSpace(), rows, calibrate="paretoseg calibrate data.image_size=64")


def test_our_textures_have_the_strengths_that_were_calibrated_on_them_and_other_ones_the_defaults() -> None:
    shipped = read_calibration(locate_shipped("textures")).strengths["gaussian_blur"]
    assert strengths_of(plan().task, "gaussian_blur") == shipped
    assert strengths_of(plan("task.calibration=none").task, "gaussian_blur") == LEVELS["gaussian_blur"].values
    hippocampus = read_calibration(locate_shipped("hippocampus")).strengths["gaussian_blur"]
    assert strengths_of(plan("task.calibration=hippocampus").task, "gaussian_blur") == hippocampus
    note, unknown = plan("task.transfer=none").notes
    assert note.startswith("the shipped calibration 'textures' was made with other data or splits")
    assert unknown.startswith("how many Dice points the battery costs is not known")
    assert "`paretoseg calibrate data." in unknown


def test_the_shipped_calibration_of_the_textures_is_of_the_default_ones() -> None:
    config = SegmentationConfig()
    for data in (TexturesConfig(), TexturesConfig(shift=["blend_0.60"])):
        assert check_new(config.settle(data), data) == []
    other = TexturesConfig(image_size=64)
    notes = check_new(config.settle(other), other)
    assert [("other data or splits" in note) for note in notes].count(True) == 2  # calibration and transfer matrix


def test_a_calibration_that_lies_with_the_data_is_taken_by_itself(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    config, data = SegmentationConfig(corruptions=["gaussian_blur"]), TexturesConfig(root=str(root))
    assert strengths_of(config.build(data), "gaussian_blur") == LEVELS["gaussian_blur"].values
    write(str(root / "calibration.json"))
    assert strengths_of(config.build(data), "gaussian_blur") == BLUR
    without = dataclasses.replace(config, calibration="none")
    assert strengths_of(without.build(data), "gaussian_blur") == LEVELS["gaussian_blur"].values
    (root / "calibration.json").write_text("{}")
    with pytest.raises(
        ValueError, match=r"task\.calibration: .*calibration\.json.* task\.calibration=none uses the default"
    ):
        config.build(data)


def test_a_study_goes_on_with_its_strengths_when_the_file_is_gone() -> None:
    write()
    folder = begin("task.calibration=mine.json")
    Path("mine.json").unlink()
    assert strengths_of(rebuild_task(folder, folder.read_record().created), "gaussian_blur") == BLUR
    assert strengths_of(plan().task, "gaussian_blur") == BLUR
    assert strengths_of(plan("task.calibration=mine.json").task, "gaussian_blur") == BLUR


def test_a_study_goes_on_with_its_strengths_when_defaults_change(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = begin("task.corruptions=[gaussian_noise]", "task.calibration=none")
    before = LEVELS["gaussian_noise"].values
    changed = dataclasses.replace(LEVELS["gaussian_noise"], values=(0.5, 0.6, 0.7, 0.8, 0.9))
    monkeypatch.setattr(severities.LEVELS, "own", {**LEVELS.own, "gaussian_noise": changed})
    assert severities.default_strengths()["gaussian_noise"] == (0.5, 0.6, 0.7, 0.8, 0.9)
    task = rebuild_task(folder, folder.read_record().created)
    assert strengths_of(task, "gaussian_noise") == before


def test_lines_given_again_resume_and_other_ones_are_refused() -> None:
    line = "task.strengths=['gaussian_blur: 0.1 0.2 0.3 0.4 0.5']"
    begin(line)
    assert strengths_of(plan(line).task, "gaussian_blur") == (0.1, 0.2, 0.3, 0.4, 0.5)
    with pytest.raises(ValueError, match=r"was started with task\.strengths="):
        plan("task.strengths=['gaussian_blur: 0.1 0.2 0.3 0.4 0.6']")


def test_another_calibration_is_refused_on_resuming() -> None:
    write()
    begin("task.calibration=mine.json")
    with pytest.raises(ValueError, match=r"was started with task\.calibration=mine\.json and cannot be resumed with"):
        plan("task.calibration=other.json")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task.calibration=gone.json", r"task\.calibration: 'gone\.json' is missing"),
        ("task.strengths=['motion']", r"task\.strengths: a line of strengths must read like"),
        ("task.strengths=['gaussian_blur: 1 1 1 1 1']", r"task\.strengths: .* rise"),
    ],
)
def test_what_cannot_be_read_is_refused_before_anything_is_written(override: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan(override)
    assert not Path("studies").exists()


def test_a_calibration_of_other_data_is_noted_and_so_is_what_it_lacks_and_what_it_could_not_reach() -> None:
    write(notes=("reached only 23.0 points",))
    notes = plan("task.calibration=mine.json").notes
    assert "made with other data or splits (others)" in notes[0]
    assert "has no strengths of gaussian_noise, speckle_noise: the default strengths are used" in notes[1]
    assert notes[2] == "calibration of gaussian_blur: reached only 23.0 points"


def test_a_battery_that_costs_the_reference_next_to_nothing_is_refused_with_the_ways_out() -> None:
    write(data_sha256=hash_splits(plan().task.split_rows()), lost=(1.0, 2.0, 3.0, 6.0, 12.0))
    words = ("task.corruptions=[gaussian_blur]", "task.calibration=mine.json", "task.transfer=none")
    with pytest.raises(ValueError, match=r"loses only 3\.2 Dice points under what counts") as refused:
        plan(*words)  # (2 (2/3)^2 + 6 (2/3)^4) / ((2/3)^2 + (2/3)^4)
    message = str(refused.value)
    assert len(message.splitlines()) == 1
    assert "less than task.least_loss=5" in message
    assert "task.severities=[3,5]" in message
    assert "`paretoseg calibrate data.image_size=40" in message
    assert plan(*words, "task.severities=[3,5]").notes == ()
    assert plan(*words, "task.least_loss=3").notes == ()
    assert plan(*words, "task.least_loss=0").notes == ()


def test_strengths_that_are_named_lose_what_the_calibration_measured_there() -> None:
    write(data_sha256=hash_splits(plan().task.split_rows()))
    words = ("task.corruptions=[gaussian_blur]", "task.calibration=mine.json", "task.transfer=none")
    with pytest.raises(ValueError, match=r"loses only 1\.8 Dice points"):  # 2.0 as measured at 0.3, 1.3 on the fit
        plan(*words, "task.strengths={gaussian_blur: [0.2, 0.3, 0.4, 0.5, 0.6]}")
    assert plan(*words, "task.strengths={gaussian_blur: [2, 4, 6, 8, 10]}").notes == ()


def test_only_a_new_study_is_refused_for_its_battery() -> None:
    """A study that was started before the key existed goes on without it."""
    words = ("task.corruptions=[gaussian_blur]", "task.calibration=mine.json")
    same = hash_splits(plan().task.split_rows())
    write(data_sha256=same)
    folder = begin(*words)
    text = folder.read_experiment()
    assert "  least_loss: 5.0\n" in text
    folder.write_experiment(text.replace("  least_loss: 5.0\n", ""))
    write(data_sha256=same, lost=(1.0, 2.0, 3.0, 6.0, 12.0))
    assert plan(*words).experiment.task.least_loss == 0
    with pytest.raises(ValueError, match=r"loses only 3\.2 Dice points"):
        plan(*words, "study=another")


def test_a_calibration_of_the_same_data_needs_no_note() -> None:
    rows = plan().task.split_rows()
    write(data_sha256=hash_splits(rows))
    words = ("task.corruptions=[gaussian_blur]", "task.calibration=mine.json", "task.transfer=none")
    assert plan(*words).notes == ()


def test_a_place_without_the_file_looks_at_everything_else() -> None:
    task = compose(["study=mine", "task.calibration=gone.json"]).experiment.task
    data = compose(["study=mine"]).experiment.data
    assert isinstance(task.without_files().build(data), SegmentationTask)


WISHES = ["study=s", "task.robustness=mean_corruption_error", "task.corruptions=[gaussian_blur]", "task.severities=[2]"]


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """The rows of a network with a mean Dice of 0.75 under blur and 0.9 on clean images."""
    rows = [CaseScore("a", "here", "none", 0, "dice", 0.9)]
    rows += [CaseScore(name, "here", "gaussian_blur", 2, "dice", value) for name, value in (("a", 0.5), ("b", 1.0))]
    path = tmp_path / "trial-00000-validation.parquet"
    path.write_bytes(cases_to_parquet(0, 0, Split.VALIDATION, rows))
    return path


def test_a_new_study_keeps_the_errors_and_needs_the_file_no_more(reference: Path) -> None:
    overrides = [*WISHES, f"task.reference={reference}"]
    settled = settle_reference(compose(overrides))
    assert isinstance(settled.experiment.task, SegmentationConfig)
    assert settled.experiment.task.reference_errors == ReferenceErrors({"gaussian_blur": {2: 0.25}})
    reference.unlink()
    resumed = compose_again(overrides, settled.text, ["budget.trials=7"])
    task = resumed.experiment.build_task()
    task.check()
    assert task == settled.experiment.build_task()
    _, robustness = task.objectives()
    assert (robustness.direction, robustness.reference) == ("minimise", 4.0)


def test_a_study_without_a_reference_stays_as_it_is() -> None:
    composed = compose(["study=s"])
    assert settle_reference(composed) is composed
    assert settle_reference(compose(["study=s", "task=toy"])).experiment.study == "s"


def test_a_reference_that_cannot_serve_is_refused_in_one_line(reference: Path, tmp_path: Path) -> None:
    damaged, empty = tmp_path / "damaged.parquet", tmp_path / "empty.parquet"
    damaged.write_text("no Parquet")
    empty.write_bytes(cases_to_parquet(0, 0, Split.VALIDATION, [CaseScore("a", "here", "none", 0, "dice", 0.9)]))
    for path, message in (
        (tmp_path / "gone.parquet", "must be a file of rows, such as STUDY/cases/trial-00000-validation.parquet, but"),
        (tmp_path, "but .* is not one"),
        (damaged, "must be a file of rows"),
        (empty, "holds no dice on corrupted images or shift sets"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            settle_reference(compose([*WISHES, f"task.reference={path}"]))
        assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(ValueError, match=r"divides by the errors of a reference network; name the file"):
        compose(WISHES).experiment.build_task().check()
