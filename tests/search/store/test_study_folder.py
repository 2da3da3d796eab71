import pytest

from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.trials.events import Opened
from paretoseg.trainables.trainable import CaseScore, Split
from tests.builders import created

VALUES = {"accuracy": 0.5}


@pytest.fixture
def folder(tmp_path):
    return StudyFolder(str(tmp_path / "study"))


def save(folder, trial_id, step, text):
    with folder.checkpoints.new(trial_id, step, VALUES) as path:
        (path / "weights").write_text(text)


def restore(folder, trial_id):
    with folder.checkpoints.open(trial_id) as path:
        return (path / "weights").read_text() if path else None


def test_the_last_checkpoint_of_a_trial_is_the_one_that_is_opened(folder):
    assert restore(folder, 0) is None
    save(folder, 0, 1, "one")
    save(folder, 0, 2, "two")
    save(folder, 1, 1, "other")
    assert (restore(folder, 0), restore(folder, 1)) == ("two", "other")
    assert folder.folder.child("checkpoints").child("trial-00000").list_folders() == ["step-0002"]


def test_a_checkpoint_that_was_not_completed_is_none(folder):
    save(folder, 0, 1, "one")
    saving = folder.checkpoints.new(0, 2, VALUES)
    (saving.__enter__() / "weights").write_text("half")
    assert not saving.__exit__(RuntimeError, RuntimeError("killed"), None)
    assert restore(folder, 0) == "one"


def test_a_crash_between_weights_and_their_announcement_leaves_the_last_checkpoint(folder):
    save(folder, 0, 1, "one")
    folder.folder.child("checkpoints").child("trial-00000").child("step-0002").write("weights", b"two, torn")
    assert restore(folder, 0) == "one"


def test_what_was_measured_stands_beside_the_checkpoint(folder):
    save(folder, 0, 1, "one")
    assert folder.checkpoints.read_values(0) == VALUES


def test_only_the_asked_checkpoints_are_kept(folder):
    for trial_id in range(4):
        save(folder, trial_id, 1, str(trial_id))
    folder.checkpoints.keep_only({1, 3, 7})
    assert [restore(folder, trial_id) for trial_id in range(4)] == [None, "1", None, "3"]
    folder.checkpoints.keep_only(set())
    assert folder.folder.child("checkpoints").list_folders() == []


def test_a_picture_on_an_object_store_is_named_by_its_own_uri(remote):
    place = StudyFolder(remote.address).write_picture("front.png", b"")
    assert "/front.png?" in place
    assert "SECRET" not in place


def test_a_place_without_a_study_names_those_beside_it(tmp_path):
    for name in ("first", "second"):
        folder = StudyFolder(str(tmp_path / name))
        folder.journal.append(created())
        folder.journal.close()
    for place in ("third", "first/journal", "."):
        with pytest.raises(ValueError, match=r"no study at '.*'") as error:
            StudyFolder(str(tmp_path / place)).read_record()
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=r"no study at '.*third'; known: .*first, .*second"):
        StudyFolder(str(tmp_path / "third")).read_record()


def test_the_config_is_kept_as_it_was_written(folder):
    with pytest.raises(FileNotFoundError):
        folder.read_experiment()
    folder.write_experiment("study: ü\n")
    assert folder.read_experiment() == "study: ü\n"


def test_the_scores_of_a_trial_come_back_as_they_were(folder):
    scores = [CaseScore("</script>", "hére", "none", 0, "dice", 0.5), CaseScore("b", "", "blur", 4, "dice", 0.25)]
    folder.cases.write(3, 7, Split.TEST, scores)
    assert folder.cases.read(3, Split.TEST) == scores
    assert folder.cases.read(3, Split.VALIDATION) == []


@pytest.mark.parametrize("content", [b"", b"PAR1 no more"])
def test_scores_that_are_damaged_are_refused_with_the_name_of_the_file(folder, content):
    folder.folder.child("cases").write("trial-00003-test.parquet", content)
    with pytest.raises(ValueError, match=r"cases/trial-00003-test\.parquet is damaged .*; restore it") as error:
        folder.cases.read(3, Split.TEST)
    assert "\n" not in str(error.value)


def test_only_a_study_that_was_never_worked_on_is_removed(tmp_path):
    folder = StudyFolder(str(tmp_path / "mine"))
    folder.journal.append(created())
    folder.forget()
    assert not folder.exists()
    folder = StudyFolder(str(tmp_path / "mine"))
    folder.journal.append(created())
    folder.journal.append(Opened(0.0, "here", 1, 9, None))
    folder.forget()
    assert folder.exists()


def test_of_many_studies_the_nearest_and_the_first_few_are_named(tmp_path):
    for number in range(70):
        (tmp_path / f"study-{number:02d}" / "journal").mkdir(parents=True)
    with pytest.raises(ValueError, match="no study at") as error:
        StudyFolder(str(tmp_path / "sutdy-42")).read_record()
    assert f"did you mean '{tmp_path}/study-42'? known: " in str(error.value)
    assert str(error.value).endswith("/study-07 and 62 more")
