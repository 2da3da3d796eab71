"""The command `attribution`, its part of the report, and its frames, on a study whose truth is known."""

import json
import shutil

import pytest

from paretoseg.search.api.public import open_study
from tests.search.command_line import TOY, run

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A study whose foreground ratio trades by construction; only three choices are open."""
    place = tmp_path_factory.mktemp("searched")
    fixed = ["space.depth=4", "space.width=16", "space.patch=32", "space.learning_rate=0.01", "space.mirroring=off"]
    space = [*fixed, "space.augmentation=spatial"]
    more = ["strategy=random", "budget.trials=30", f"storage={place}", *space]
    kept = [word for word in TOY if not word.startswith(("strategy", "budget"))]
    assert run(*kept, *more) == 0
    return place / "mine"


@pytest.fixture
def study(searched, tmp_path):
    return shutil.copytree(searched, tmp_path / "studies" / "mine")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_tables_fit_and_say_what_trades(study, width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    assert run("attribution", study) == 0
    shown = capsys.readouterr().out
    tables = shown[: shown.index("Shares of an objective's variance over")]
    assert max(map(len, tables.splitlines())) <= width
    assert (
        "Trades accuracy for robustness: foreground_ratio (best: 0.0833 for accuracy, 0.917 for robustness)." in shown
    )
    assert "Improves both: skip (best: concatenation)" in shown
    assert (study / "attribution.png").read_bytes().startswith(b"\x89PNG")


def test_json_and_frames_are_the_same_rows(study, tmp_path, capsys):
    picture = tmp_path / "choices.png"
    assert run("attribution", study, "--json", "--output", picture) == 0
    found = json.loads(capsys.readouterr().out)
    assert not (study / "attribution.png").exists()
    view = open_study(study).attribution()
    assert view.picture == picture.read_bytes()
    for name in ("choices", "levels", "pieces", "pairs"):
        assert getattr(view, name).to_dict(orient="records") == found[name]
    assert view.choices.set_index("choice").loc["foreground_ratio", "conclusion"] == "trades accuracy for robustness"
    assert "Trades accuracy for robustness: foreground_ratio" in repr(view)


def test_the_report_shows_it(study):
    assert run("report", study, "--no-pictures") == 0
    section = (study / "report.html").read_text().split('<section id="attribution">')[1].split("</section>")[0]
    assert "<td>foreground_ratio</td><td>trades accuracy for robustness</td>" in section
    assert "data:image/png;base64," in section


def test_a_young_study_has_no_section_and_is_refused(capsys):
    assert run(*TOY[:-1], "budget.trials=2") == 0
    assert run("report", "studies/mine", "--no-pictures") == 0
    with open("studies/mine/report.html") as page:  # noqa: PTH123 - the folder is the working directory
        assert 'id="attribution"' not in page.read()
    capsys.readouterr()
    assert run("attribution", "studies/mine") == 2
    assert "needs three finished candidates to say what choices do, and has 2" in capsys.readouterr().err


def test_bad_input_is_refused_before_work_starts(study, capsys):
    assert run("attribution", "studies/other") == 2
    assert "studies/other" in capsys.readouterr().err
    assert run("attribution", study, "--output", study) == 2
    assert f"output must be a file, but '{study}' is a folder" in capsys.readouterr().err
    (study / "experiment.yaml").unlink()
    assert run("attribution", study) == 2
    assert "experiment.yaml is missing" in capsys.readouterr().err
