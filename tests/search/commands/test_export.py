import dataclasses
import errno
import os
import re
from pathlib import Path

import pytest

from paretoseg.search.commands.cli import main
from paretoseg.search.config.config import compose
from paretoseg.search.store.folder import Folder
from paretoseg.search.store.lock import hold_lock
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.trials import events
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.trainable import CaseScore, Split

OVERRIDES = ("study=mine", "task=segmentation", "data=textures", "data.image_size=40", "data.num_train=2")
POINTS = {0: (0.9, 0.1), 1: (0.8, 0.7), 2: (0.1, 0.9), 3: (0.1, 0.1)}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write_study(location="studies/mine", name="mine", points=POINTS, is_tested=True, overrides=OVERRIDES):
    """A study of the segmentation task as it would lie there, its networks never trained."""
    folder = StudyFolder(str(location))
    task = SegmentationConfig().build(TexturesConfig())
    folder.write_experiment(compose(overrides).text)
    folder.journal.append(events.Created(0.0, name, task.objectives(), task.cost_names(), tuple(overrides)))
    for number, (accuracy, robustness) in points.items():
        values = {"accuracy": accuracy, "robustness": robustness}
        candidate = Candidate(recipe=Recipe(foreground_ratio=number / 10))
        folder.journal.append(events.Started(1.0, number, candidate, 0, "random"))
        folder.journal.append(
            events.Finished(2.0, number, values, dict.fromkeys(task.cost_names(), 1.0), "", began_at=1.0, seconds=1.0)
        )
        if is_tested and number < 3:
            folder.journal.append(events.Tested(3.0, number, values))
    folder.journal.close()
    return folder


def write_checkpoint(folder, trial_id=1):
    with folder.checkpoints.new(trial_id, 1, {}) as path:
        (path / "weights.pt").write_bytes(b"not weights")


def refusal(capsys, *words):
    """What the command answers with exit code 2: one line, and nothing beside it."""
    before = set(Path().rglob("*"))
    assert main(["export", *words]) == 2
    streams = capsys.readouterr()
    assert streams.err.startswith("paretoseg: ")
    assert streams.err.count("\n") == 1
    assert set(Path().rglob("*")) == before
    return streams.err


def test_a_place_without_a_study_is_refused(capsys):
    assert "no study at 'nowhere'" in refusal(capsys, "nowhere", "--pick", "knee", "--format", "bundle")


def test_an_unknown_pick_is_refused_with_the_known_ones(capsys):
    write_study()
    error = refusal(capsys, "studies/mine", "--pick", "knie", "--format", "bundle")
    assert "did you mean 'knee'? known: knee, most-accurate, most-robust, a number, or conditions and weights" in error


def test_a_trial_off_the_front_is_refused_because_its_network_is_not_kept(capsys):
    write_study()
    error = refusal(capsys, "studies/mine", "--pick", "3", "--format", "bundle")
    assert "Candidate 3 is not on the front. Only the networks of the front's members are kept" in error
    error = refusal(capsys, "studies/mine", "--pick", "robustness<=.1,accuracy<=.5", "--format", "bundle")
    assert (
        "Candidate 3 is the knee of 1 candidate with robustness<=0.1 and accuracy<=0.5. Candidate 3 is not on the fr"
        in error
    )


def test_a_number_that_no_sound_trial_has_is_refused(capsys):
    write_study()
    error = refusal(capsys, "studies/mine", "--pick", "4", "--format", "bundle")
    assert "unknown pick '4': no candidate of this number has finished soundly; on the front: 0, 1, 2" in error


def test_conditions_that_nothing_satisfies_are_explained(capsys):
    write_study()
    error = refusal(capsys, "studies/mine", "--pick", "accuracy>=.95,parameters<=2", "--format", "bundle")
    assert (
        "no candidate satisfies accuracy>=0.95 and parameters<=2; candidate 0 comes nearest: its accuracy of 0.9"
        in error
    )


def test_a_condition_picks_a_trial_and_says_by_what_rule(capsys, monkeypatch):
    from paretoseg.trainables.export import writing as export

    monkeypatch.setattr(export, "export_model", lambda folder, record, **settings: "nothing")
    write_checkpoint(write_study(), trial_id=1)
    assert main(["export", "studies/mine", "--pick", "accuracy>=.5", "--format", "bundle"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Candidate 1 is the most robust of 2 candidates with accuracy>=0.5.\n")
    assert "How often the pick would take it with other seeds and cases is not known.\nExporting " in shown


def test_an_empty_front_is_refused(capsys):
    write_study(points={})
    assert "the front is empty" in refusal(capsys, "studies/mine", "--pick", "knee", "--format", "onnx")


def test_a_trial_without_test_scores_is_refused_with_the_way_out(capsys):
    write_study(is_tested=False)
    error = refusal(capsys, "studies/mine", "--pick", "knee", "--format", "bundle")
    assert "trial 1 is not measured on test cases; resume the search, with budget.hours=<more> if its hours" in error


def test_a_study_that_a_search_works_on_is_refused(capsys):
    with hold_lock(write_study().folder):
        error = refusal(capsys, "studies/mine", "--pick", "knee", "--format", "bundle")
    assert f"the search is running (process {os.getpid()} on " in error


def test_what_the_search_left_undone_is_noted_and_stands_in_the_card(capsys, monkeypatch):
    from paretoseg.trainables.export import writing as export

    seen = {}

    def look(folder, record, **settings):
        seen.update(vars(record))
        return "nothing"

    monkeypatch.setattr(export, "export_model", look)
    folder = write_study(points=POINTS | {4: (0.95, 0.01)})
    write_checkpoint(folder)
    folder.journal.append(events.Started(4.0, 5, Candidate(), 0, "random"))
    assert main(["export", "studies/mine", "--pick", "1", "--format", "bundle"]) == 0
    note = "The search is not finished: 1 trials were interrupted and 1 members of the front are not measured on test"
    assert f"Note: {note} cases. The model card says so." in capsys.readouterr().out
    assert f"\n\n{note} cases.\n\n" in seen["card"]


def test_a_study_may_have_the_longest_name(capsys, monkeypatch):
    from paretoseg.trainables.export import writing as export

    monkeypatch.setattr(export, "export_model", lambda folder, record, **settings: "nothing")
    write_checkpoint(write_study(name="x" * 100))
    assert main(["export", "studies/mine", "--pick", "knee", "--format", "bundle"]) == 0
    assert Path(f"{'x' * 88}-trial-00001-bundle").is_dir()


def test_a_missing_checkpoint_is_refused(capsys):
    write_study()
    error = refusal(capsys, "studies/mine", "--pick", "knee", "--format", "bundle")
    assert "the checkpoint of trial 1 is missing" in error


def test_a_missing_config_is_refused(capsys):
    write_study()
    Path("studies/mine/experiment.yaml").unlink()
    assert "experiment.yaml is missing" in refusal(capsys, "studies/mine", "--pick", "knee", "--format", "bundle")


@pytest.mark.parametrize("kind", ["file", "folder", "empty folder", "dangling link"])
def test_what_is_there_already_is_not_touched(capsys, kind):
    write_checkpoint(write_study())
    target = Path("there")
    match kind:
        case "file":
            target.write_text("mine")
        case "folder":
            target.mkdir()
            (target / "file").write_text("mine")
        case "empty folder":
            target.mkdir()
        case "dangling link":
            target.symlink_to("nowhere")
    words = ("studies/mine", "--pick", "knee", "--format", "bundle", "--output", "there")
    assert "'there' exists already and is not overwritten" in refusal(capsys, *words)


@pytest.mark.parametrize("output", ["", ".", "..", "/", "a/.."])
def test_an_output_without_a_name_is_refused(capsys, output):
    write_checkpoint(write_study())
    words = ("studies/mine", "--pick", "knee", "--format", "bundle", "--output", output)
    assert "--output must name a new folder" in refusal(capsys, *words)


def test_an_output_below_a_file_is_refused(capsys):
    write_checkpoint(write_study())
    Path("file").write_text("")
    assert main(["export", "studies/mine", "--pick", "knee", "--format", "bundle", "--output", "file/out"]) == 2
    assert "cannot write to 'file'" in capsys.readouterr().err


def test_a_study_of_another_task_is_refused(capsys):
    write_study(overrides=("study=mine", "task=toy"))
    error = refusal(capsys, "studies/mine", "--pick", "knee", "--format", "bundle")
    assert "only studies with task=segmentation have networks" in error


def test_a_damaged_checkpoint_is_refused_and_nothing_is_kept(capsys):
    write_checkpoint(write_study())
    before = set(Path().rglob("*"))
    assert main(["export", "studies/mine", "--pick", "knee", "--format", "bundle"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("paretoseg: the checkpoint's weights.pt does not hold the weights of this trial")
    assert error.count("\n") == 1
    assert set(Path().rglob("*")) == before


def test_an_export_that_does_not_prove_itself_is_not_kept(capsys, monkeypatch):
    from paretoseg.trainables.export import writing as export
    from paretoseg.trainables.export.proof import ProofError

    def fail(folder, *arguments, **settings):
        (folder / "half").write_text("")
        raise ProofError("MONAI gives a mask that differs")

    monkeypatch.setattr(export, "export_model", fail)
    write_checkpoint(write_study())
    before = set(Path().rglob("*"))
    assert main(["export", "studies/mine", "--pick", "knee", "--format", "bundle"]) == 1
    assert capsys.readouterr().err == "paretoseg: MONAI gives a mask that differs; nothing was kept\n"
    assert set(Path().rglob("*")) == before


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_what_breaks_an_export_leaves_no_folder_behind_and_no_traceback(capsys, monkeypatch, error):
    from paretoseg.trainables.export import writing as export

    def fail(folder, *arguments, **settings):
        (folder / "half").write_text("")
        raise error

    monkeypatch.setattr(export, "export_model", fail)
    write_checkpoint(write_study())
    before = set(Path().rglob("*"))
    code = main(["export", "studies/mine", "--pick", "knee", "--format", "bundle", "--output", "not/there/yet"])
    assert code == (2 if isinstance(error, OSError) else 130)
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert ("No space left on device" in shown) == isinstance(error, OSError)
    assert set(Path().rglob("*")) == before


def test_no_room_for_temporary_files_is_refused(capsys, monkeypatch):
    def fail(*arguments, **settings):
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/paretoseg-1")

    write_checkpoint(write_study())
    monkeypatch.setattr(Folder, "download", fail)
    error = refusal(capsys, "studies/mine", "--pick", "knee", "--format", "bundle")
    assert "No space left on device: '/tmp/paretoseg-1'; make sure that --output and the folder for temporary" in error


def test_hostile_names_reach_no_path_and_no_markup(capsys, monkeypatch):
    from paretoseg.trainables.export import writing as export

    seen = {}

    def look(folder, record, **settings):
        seen.update(vars(record) | settings)
        (folder / "done").write_text("")
        return "nothing [red]at all"

    monkeypatch.setattr(export, "export_model", look)
    name = "../../$(touch pwned)\n<b>'\"[red]"
    write_checkpoint(write_study(location="studies/$(touch pwned) [red]'\"", name=name))
    assert main(["export", "studies/$(touch pwned) [red]'\"", "--pick", "knee", "--format", "bundle"]) == 0
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", seen["name"])
    assert "<b>" not in seen["card"]
    assert not list(Path().rglob("pwned"))
    [written] = [path for path in Path().iterdir() if path.name != "studies"]
    assert written.name == f"{seen['name']}-bundle"
    assert [path.name for path in written.iterdir()] == ["done"]
    assert "nothing [red]at all" in capsys.readouterr().out


def test_the_record_holds_the_scores_that_the_study_kept(monkeypatch):
    from paretoseg.trainables.export import writing as export

    seen = {}

    def look(folder, record, **settings):
        seen.update(dataclasses.asdict(record))
        return "nothing"

    monkeypatch.setattr(export, "export_model", look)
    folder = write_study()
    write_checkpoint(folder)
    rows = [CaseScore("a", "here", "none", 0, "dice", 0.75), CaseScore("a", "here", "blur", 2, "dice", 0.5)]
    folder.cases.write(1, 0, Split.TEST, rows)
    assert main(["export", "studies/mine", "--pick", "1", "--format", "onnx", "--output", "deep/er"]) == 0
    assert seen["scores"] == [{"a": 0.75}]
    assert seen["metrics"] == {"accuracy": 0.8, "robustness": 0.7, "test_accuracy": 0.8, "test_robustness": 0.7}
    assert Path("deep/er").is_dir()
