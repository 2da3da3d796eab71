"""A study keeps what its transfer matrix says when it starts, and never reads the file again."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from paretoseg.search.commands.plan import Plan, make_plan
from paretoseg.search.config.config import compose
from paretoseg.search.config.resuming import compose_again
from paretoseg.search.config.settling import settle
from paretoseg.search.config.stored_task import rebuild_task
from paretoseg.search.rescoring.config import compose_rescoring
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.trials.events import Created
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.transfer.matrix import write_matrix
from tests.trainables.transfer.matrices import build_matrix

GAINS = {
    "spatial": {"motion": 0.0, "ghosting": 0.1},
    "intensity": {"motion": 0.0, "ghosting": 0.0},
    "noise_blur": {"motion": -1.0, "ghosting": 6.0},
    "mirroring": {"motion": 0.0, "ghosting": 0.0},
}
SMALL = (
    "data.image_size=40", "data.num_train=2", "data.num_validation=2", "data.num_test=2", "cluster=serial",
    "task.corruptions=[motion,ghosting,occlusion]", "baselines=[]",
)  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_matrix(Path("mine.json"), build_matrix(GAINS))


def plan(*overrides: str) -> Plan:
    words = ["study=mine", *SMALL, *overrides]
    return make_plan(compose(words), words)


def start(*overrides: str) -> StudyFolder:
    """A study of this config whose first record is written."""
    made = plan(*overrides)
    made.folder.write_experiment(made.text)
    task = made.task
    made.folder.journal.append(Created(0.0, "mine", task.objectives(), task.cost_names(), tuple(made.overrides)))
    made.folder.journal.close()
    return made.folder


def held_out(task: object) -> tuple[str, ...] | None:
    assert isinstance(task, ImageTask)
    return task.rule.held_out


def test_what_is_held_out_follows_from_the_matrix_and_the_opened_kinds() -> None:
    matrix = "task.transfer=mine.json"
    assert held_out(plan(matrix).task) == ("motion",)
    without_noise = plan(matrix, "space.augmentation=[none,spatial,intensity]").task
    assert held_out(without_noise) == ("motion", "ghosting")
    nothing = plan(matrix, "space.augmentation=none", "space.mirroring=off").task
    assert held_out(nothing) == ("motion", "ghosting", "occlusion")
    assert held_out(plan("task.transfer=none").task) is None


def test_a_new_study_says_in_a_line_each_what_is_held_out_trained_and_not_known() -> None:
    made = plan("task.transfer=mine.json")
    notes = list(made.task.notes(made.space))
    opened = "augmentation by spatial, intensity, noise_blur, mirroring"
    assert f"held out: motion ({opened} gains under 1 Dice point)" in notes
    assert f"trained: ghosting ({opened} may help against these)" in notes
    assert [note for note in notes if note.startswith("not known to be held out: occlusion; `paretoseg transfer")]


def test_a_study_is_resumed_with_what_it_kept_though_the_file_is_gone() -> None:
    folder = start("task.transfer=mine.json")
    kept = yaml.safe_load(folder.read_experiment())["task"]["transfer_bounds"]
    assert kept == build_matrix(GAINS).bounds
    Path("mine.json").unlink()
    assert held_out(rebuild_task(folder, folder.read_record().created)) == ("motion",)
    assert held_out(plan("budget.trials=9").task) == ("motion",)
    with pytest.raises(ValueError, match=r"cannot be resumed with task\.transfer=none"):
        plan("task.transfer=none")


def test_a_study_that_began_without_a_matrix_goes_on_without_though_one_is_there_now(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    for name in ("brick", "gravel"):
        from skimage import data, io  # late: slow to import

        io.imsave(root / f"{name}.png", getattr(data, name)(), check_contrast=False)
    place = f"data.root={root}"
    folder = start(place)
    write_matrix(root / "transfer.json", build_matrix(GAINS))
    assert held_out(rebuild_task(folder, folder.read_record().created)) is None
    assert held_out(plan(place).task) is None
    words = ["study=other", *SMALL, place]
    assert held_out(make_plan(compose(words), words).task) == ("motion",)


def test_a_study_of_before_there_were_matrices_goes_on_without_one() -> None:
    config = yaml.safe_load(settle(compose(["study=mine", "task.transfer=mine.json"])).text)
    for key in ("transfer", "transfer_bounds"):
        del config["task"][key]
    again = compose_again(["study=mine"], yaml.safe_dump(config), []).experiment.task
    assert (again.transfer, again.transfer_bounds) == ("none", {})


def test_bounds_can_be_named_by_hand_and_win_over_a_file() -> None:
    bounds = "task.transfer_bounds={spatial:{occlusion:0},intensity:{occlusion:0.2},noise_blur:{occlusion:-1}}"
    task = plan("task.transfer=mine.json", bounds, "space.mirroring=off").task
    assert held_out(task) == ("occlusion",)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task.transfer=nowhere.json", r"task\.transfer: 'nowhere\.json' is missing.*task\.transfer=none goes without"),
        ("task.transfer=bad.json", r"task\.transfer: 'bad\.json' must be a transfer matrix of schema 1"),
        ("task.transfer_bounds={sharpening:{motion:1}}", "kinds of augmentation .*got 'sharpening'"),
        ("task.transfer_bounds={spatial:{moton:1}}", "unknown corruption 'moton'"),
        ("task.transfer_bounds=[motion]", "must be a mapping, such as"),
        ("task.transfer_bounds={spatial:3}", r"task\.transfer_bounds"),
    ],
)
def test_what_cannot_be_read_is_refused_before_anything_is_written(override: str, message: str) -> None:
    Path("bad.json").write_text('{"schema": 9}')
    with pytest.raises(ValueError, match=message):
        plan(override)
    assert not Path("studies").exists()


def test_a_new_study_says_how_its_matrix_differs_from_it() -> None:
    [note] = [note for note in plan("task.transfer=mine.json", "task.calibration=none").notes if "mine.json" in note]
    assert note == "'mine.json' was measured with other data or splits (made up): what is held out may differ here"
    changed = plan("task.transfer=mine.json", "task.corruption_version=1").notes
    assert [note for note in changed if "other strengths of corruptions and other settings (task.corrup" in note]
    assert not [note for note in plan("task.transfer=none").notes if "transfer" in note]


def test_a_rescoring_uses_the_matrix_that_it_names_else_what_the_study_kept() -> None:
    folder = start("task.transfer=none")
    created = folder.read_record().created
    kept, asked = (
        compose_rescoring(folder, created, [word])[0].experiment
        for word in ("severities=[3]", "task.transfer=mine.json")
    )
    assert held_out(kept.build_task()) is None
    assert held_out(asked.build_task()) == ("motion",)
