import shutil
from pathlib import Path

import pytest

from paretoseg.search.commands.certainty import measure_certainty, read_certainty
from paretoseg.search.commands.cli import main
from paretoseg.search.commands.report import MAX_PICTURED
from paretoseg.search.config.stored_task import compose_stored
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.toy import ToyTask
from paretoseg.trainables.trainable import Split
from tests.builders import created
from tests.foreign_task import ForeignTask
from tests.search.command_line import TINY

TOY = [
    "search",
    "study=toy",
    "task=toy",
    "cluster=serial",
    "strategy=nsga2",
    "strategy.population=4",
    "budget.trials=6",
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A finished study of the toy task."""
    folder = tmp_path_factory.mktemp("studies")
    assert main([*TOY, f"storage={folder}"]) == 0
    return folder / "toy"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A finished study of tiny networks."""
    folder = tmp_path_factory.mktemp("studies")
    assert main([*TINY, "budget.trials=2", f"storage={folder}"]) == 0
    return folder / "tiny"


@pytest.fixture
def copy(tmp_path):
    def copy_study(study):
        return Path(shutil.copytree(study, tmp_path / "copied" / study.name))

    return copy_study


def test_a_report_is_written_into_the_study_and_replaced(copy, toy, capsys):
    study = copy(toy)
    (study / "report.html").write_text("an old one")
    assert main(["report", str(study)]) == 0
    shown = capsys.readouterr().out
    page = (study / "report.html").read_text()
    assert f"Report: {study}/report.html" in shown
    assert page.startswith("<!doctype html>")
    assert "an old one" not in page
    assert {path.name for path in study.iterdir()} >= {"journal", "report.html"}
    assert not list(study.glob("*.tmp"))


def test_a_study_at_a_uri_keeps_its_report_there_and_no_key_is_reported(s3_storage, tmp_path, capsys):
    storage = s3_storage.replace("/studies?", f"/{tmp_path.name}?")
    place = storage.replace(f"/{tmp_path.name}?", f"/{tmp_path.name}/toy?")
    assert main([*TOY, "budget.trials=3", f"storage='{storage}'"]) == 0
    capsys.readouterr()
    assert main(["report", place]) == 0
    shown = capsys.readouterr().out
    assert "/toy/report.html?" in shown
    page = StudyFolder(place).folder.read("report.html").decode()
    assert page.startswith("<!doctype html>")
    assert "SECRET" not in shown + page


def test_a_study_without_images_says_so_instead_of_pictures(copy, toy, capsys):
    study = copy(toy)
    assert main(["report", str(study)]) == 0
    assert "Note: it has no pictures: this study's task has no images" in capsys.readouterr().out
    assert "this study's task has no images" in (study / "report.html").read_text()


def test_any_task_of_images_has_pictures_and_intervals(copy, tiny, capsys, monkeypatch):
    folder = StudyFolder(str(copy(tiny)))
    record = folder.read_record()
    task = ForeignTask(compose_stored(folder, record.created).experiment.data)
    assert isinstance(task, ImageTask)
    assert not isinstance(ToyTask(), ImageTask)
    monkeypatch.setattr("paretoseg.search.commands.report.rebuild_task", lambda *_: task)
    assert main(["report", folder.folder.location]) == 0
    assert "Note" not in capsys.readouterr().out
    assert measure_certainty(folder, record, task, seed=0) == read_certainty(folder, record)


def test_the_file_is_written_where_it_is_asked_for(copy, toy, tmp_path, capsys):
    study = copy(toy)
    assert main(["report", str(study), "--output", "elsewhere.html", "--no-pictures"]) == 0
    shown = capsys.readouterr().out
    assert "Report: elsewhere.html" in shown
    assert "left out on request" in shown
    assert (tmp_path / "elsewhere.html").exists()
    assert not (study / "report.html").exists()


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (".", "output must be a file, but '.' is a folder; add a name, such as report.html"),
        ("missing/report.html", "output must lie in an existing folder, but 'missing' is none; create it first"),
        ("missing/", "output must be a file, but 'missing/' is a folder"),
        ("s3://bucket/report.html", "output must be a file on this machine, got 's3://bucket/report.html'"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_at_once(copy, toy, capsys, output, message):
    assert main(["report", str(copy(toy)), "--output", output]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"paretoseg: {message}")
    assert error.count("\n") == 1


def test_a_place_without_a_study_is_refused(capsys):
    assert main(["report", "nowhere"]) == 2
    assert capsys.readouterr().err.startswith("paretoseg: no study at 'nowhere'")


def test_a_study_that_only_began_gives_a_report(tmp_path, capsys):
    folder = StudyFolder(str(tmp_path / "young"))
    folder.journal.append(created(name="young"))
    folder.journal.close()
    assert main(["report", "young"]) == 0
    assert "Note: it has no pictures: no trial is on the front yet" in capsys.readouterr().out


def draw(study, capsys):
    """What the command says about the pictures of a study, and its page."""
    capsys.readouterr()
    assert main(["report", str(study)]) == 0
    return capsys.readouterr().out, (study / "report.html").read_text()


@pytest.mark.slow
def test_the_front_of_trained_networks_has_pictures(copy, tiny, capsys):
    study = copy(tiny)
    front = StudyFolder(str(study)).read_record().front.trials
    assert front
    shown, page = draw(study, capsys)
    assert "Note" not in shown
    # The case is drawn clean and blurred; the picture is shared by all members.
    assert page.count("data:image/png;base64,") == 3 * 2
    assert len(front) <= MAX_PICTURED
    for split in (Split.VALIDATION, Split.TEST):
        assert StudyFolder(str(study)).cases.read(front[0].trial_id, split)


@pytest.mark.slow
def test_what_pictures_need_may_be_missing(copy, tiny, capsys):
    study = copy(tiny)
    front = StudyFolder(str(study)).read_record().front.trials
    assert front
    shutil.rmtree(study / "checkpoints")
    shown, _ = draw(study, capsys)
    assert f"trial {front[0].trial_id} has no pictures: its checkpoint is gone; restore it" in shown
    text = (study / "experiment.yaml").read_text()
    (study / "experiment.yaml").write_text(text.replace("root: ''", "root: /nowhere"))
    shown, _ = draw(study, capsys)
    assert "no pictures: data.root must be an existing folder" in shown
    (study / "experiment.yaml").unlink()
    shown, _ = draw(study, capsys)
    assert "no pictures: the study's experiment.yaml is missing; restore it from a backup" in shown
    shutil.rmtree(study / "cases")
    shown, page = draw(study, capsys)
    assert "no pictures: the study's experiment.yaml is missing" in shown
    assert '"validation":{}' in page
