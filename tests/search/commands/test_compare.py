"""The command `compare` on studies whose rows were made up: the cases of all are equally easy."""

import json
import shutil

import numpy as np
import pytest

from paretoseg.search.commands.plan import compose_new_or_stored, make_plan
from paretoseg.search.config.splits import keep_splits
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.trials.events import Created, Finished, Opened, Started
from paretoseg.trainables.scoring.measures import DICE
from paretoseg.trainables.trainable import CaseScore, Split
from tests.scores import summarise
from tests.search.command_line import TINY, TOY, run

MEANS = ((0.6, 0.5), (0.7, 0.4))
"""Accuracy and robustness of both candidates of a study."""


def build_rows(task, mean, changed, seed):
    generator, ease = np.random.default_rng(seed), np.random.default_rng(99)
    levels = [(name, level) for name in task.settings.corruptions for level in task.settings.severities]
    rows = []
    for case in task.split_rows():
        if case.split == Split.VALIDATION.value:
            easy = ease.normal(0.0, 0.05)
            for corruption, level in [("none", 0), *levels]:
                value = (changed if level else mean) + easy + generator.normal(0.0, 0.002)
                rows.append(CaseScore(case.case, case.domain, corruption, level, "dice", value))
    return rows


def write_study(storage, name, gain, *more):
    """A finished study with two candidates on its front."""
    words = [*TINY[1:], f"study={name}", "budget.trials=2", f"storage={storage}", *more]
    words.remove("study=tiny")
    plan = make_plan(compose_new_or_stored(words), words)
    folder, task = plan.folder, plan.task
    folder.write_experiment(plan.text)
    keep_splits(folder, task)
    events = [Created(0.0, name, task.objectives(), task.cost_names(), plan.overrides), Opened(0.0, "here", 1, 2, None)]
    candidates = [plan.space.default(), plan.space.sample(np.random.default_rng(0))]
    for number, (mean, changed) in enumerate(MEANS):
        rows = build_rows(task, mean + gain, changed + gain, seed=number)
        folder.cases.write(number, 0, Split.VALIDATION, rows)
        values = dict(summarise(rows, DICE, task.rule).values)
        costs = dict.fromkeys(task.cost_names(), 1.0)
        events.append(Started(0.0, number, candidates[number], 0, "random"))
        events.append(Finished(1.0, number, values, costs, "", 0.0, 1.0))
    for event in events:
        folder.journal.append(event)
    folder.journal.close()


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """Two comparable studies, one better by .05; and some that are not comparable with them."""
    place = tmp_path_factory.mktemp("studies")
    write_study(place, "worse", 0.0)
    write_study(place, "better", 0.05)
    write_study(place, "harder", 0.0, "task.severities=[4]")
    write_study(place, "other_rule", 0.0, "task.robustness=worst_corruption")
    write_study(place, "other_cases", 0.0, "data.seed=7")
    return place


@pytest.fixture
def studies(storage, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(storage, tmp_path / "studies")


@pytest.mark.usefixtures("studies")
@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_front_that_is_better_on_every_case_is_so_by_more_than_noise(width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    assert run("compare", "studies/better", "studies/worse") == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown[: shown.index("better dominates more")].splitlines())) <= width
    assert "better dominates more than worse, by more than noise." in shown
    assert "Intervals are over 4 subjects, the same for all fronts" in shown
    assert "All were trained with the same seeds (0)." in shown
    with open("comparison.png", "rb") as picture:  # noqa: PTH123 - the folder is the working directory
        assert picture.read().startswith(b"\x89PNG")


@pytest.mark.usefixtures("studies")
def test_json_holds_fronts_and_differences(capsys, tmp_path):
    assert run("compare", "studies/worse", "studies/better", "--json", "--output", tmp_path / "fronts.png") == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["study"] for row in found["studies"]] == ["worse", "better"]
    for row in found["studies"]:
        record = StudyFolder(f"studies/{row['study']}").read_record()
        assert row["hypervolume"] == pytest.approx(record.front.hypervolume)
        assert row["front"] == [result.number for result in record.front.results]
    [difference] = found["differences"]
    assert difference["high"] < 0.0
    assert difference["is_more_than_noise"]
    assert (difference["first_covered"], difference["second_covered"]) == (1.0, 0.0)
    assert (tmp_path / "fronts.png").exists()


@pytest.mark.usefixtures("studies")
def test_what_is_not_comparable_is_refused_with_the_reasons(capsys):
    assert run("compare", "studies/worse", "studies/harder", "studies/other_rule", "studies/other_cases") == 2
    shown = capsys.readouterr().err
    assert "worse and harder: they were not measured under the same conditions" in shown
    assert "worse and other_rule: their robustness is not the same function of the scores" in shown
    assert "worse and other_cases: they share 0 validation cases" in shown
    assert "Traceback" not in shown


@pytest.mark.usefixtures("studies")
def test_bad_input_is_refused(capsys):
    for words, part in (
        (["studies/worse"], "comparing takes at least two studies"),
        (["studies/worse", "studies/worse"], "a study is named twice"),
        (["studies/worse", "studies/none"], "studies/none"),
        (["studies/worse", "studies/better", "--output", "studies"], "output must be a file"),
    ):
        assert run("compare", *words) == 2
        assert part in capsys.readouterr().err
    folder = StudyFolder("studies/better")
    rows = folder.cases.read(0, Split.VALIDATION)
    folder.cases.write(0, 0, Split.VALIDATION, rows[: len(rows) // 2] + rows[: len(rows) // 2])
    assert run("compare", "studies/worse", "studies/better") == 2
    assert "so it was computed from other rows" in capsys.readouterr().err


@pytest.mark.usefixtures("elsewhere")
def test_studies_without_images_are_compared_without_intervals(capsys):
    assert run(*TOY) == 0
    assert run(*["study=other" if word == "study=mine" else word for word in TOY], "seed=1") == 0
    capsys.readouterr()
    assert run("compare", "studies/mine", "studies/other") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "The task has no images, so differences have no intervals." in shown
    assert "They were not trained with the same seeds" in shown
    assert "not known" in shown
