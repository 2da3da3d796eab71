"""What lies beside robustness, in the terminal, the picture, the page's notes and the model card."""

from __future__ import annotations

import io

import pytest
from rich.console import Console, RenderableType

from paretoseg.search.reports.picture import draw_front
from paretoseg.search.reports.robustness_text import describe_profiles, show_beside, summarise_families
from paretoseg.search.reports.text import front_table, status_view
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials import events as happened
from paretoseg.search.trials.events import Event, Finished, Started
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.trainable import RobustnessProfile
from tests.builders import build_trial, created

STEADY = RobustnessProfile({"noise": 0.5, "bias_field": 0.45}, clean=0.8, corrupted=0.47, held_out=0.45)
FRAGILE = RobustnessProfile({"noise": 0.18, "blur": 0.7, "shift site_b": 0.1}, clean=0.84, corrupted=0.5)


def build_record(*profiles: RobustnessProfile | None, test: RobustnessProfile | None = None) -> StudyRecord:
    """A front of as many trials, less accurate and more robust from one to the next; the last one is tested."""
    events: list[Event] = [created()]
    for number, profile in enumerate(profiles):
        values = {"accuracy": 0.9 - number / 10, "robustness": 0.4 + number / 10}
        candidate = Candidate(recipe=Recipe(foreground_ratio=number / 1000))
        events.append(Started(0.0, number, candidate, 0, "random"))
        events.append(Finished(1.0, number, values, {"parameters": 1.0}, "", 0.0, 1.0, profile=profile))
    if test:
        events.append(happened.Tested(2.0, len(profiles) - 1, {"accuracy": 0.5, "robustness": 0.5}, test))
    return StudyRecord(events)


def show(*shown: RenderableType, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False, highlight=False)
    for item in shown:
        console.print(item)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def rows_of(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_held_out_robustness_is_a_number_or_none_and_the_worst_family_has_its_name() -> None:
    record = build_record(STEADY, FRAGILE, test=STEADY)
    lines = rows_of(show(*show_beside(record.front.trials)))
    assert "Beside robustness (in brackets: on test cases)" in lines
    assert "0 0.450 0.450 bias_field" in lines
    assert "1 none (0.450) 0.100 shift site_b (0.450 bias_field)" in lines


def test_none_is_said_once_if_nothing_is_held_out_on_either_split() -> None:
    lines = rows_of(show(*show_beside(build_record(FRAGILE, test=FRAGILE).front.trials)))
    assert "0 none 0.100 shift site_b (0.100 shift site_b)" in lines


def test_trials_of_earlier_versions_have_no_such_table() -> None:
    record = build_record(None, None)
    assert show_beside(record.front.trials) == []
    assert summarise_families(record.front.trials) == ""
    assert "family" not in show(status_view(record, None, []))


def test_a_member_that_collapses_is_flagged_by_family_wherever_the_front_is_shown() -> None:
    record = build_record(STEADY, FRAGILE, test=FRAGILE)
    flag = "collapses under shift site_b, noise"
    assert flag in show(front_table(record), width=200)
    sentence = (
        "Trial 1 collapses under shift site_b (0.100), noise (0.180): less than half of its clean score of 0.840."
    )
    on_test = sentence.replace("collapses under", "collapses on test cases under")
    for text in (
        show(*show_beside(record.front.trials), width=200),
        show(status_view(record, None, []), width=200),
        "\n".join(describe_profiles(record.front.trials)),
    ):
        assert sentence in text.splitlines()
        assert on_test in text.splitlines()
        assert "Trial 0 collapses" not in text


def test_the_status_names_the_worst_family_of_the_front() -> None:
    text = show(status_view(build_record(STEADY, FRAGILE), None, []), width=200)
    assert "family  worst on the front: 0.100 shift site_b (trial 1); held out: 0.450 to 0.450" in text.splitlines()
    alone = show(status_view(build_record(FRAGILE), None, []), width=200)
    assert "family  worst on the front: 0.100 shift site_b (trial 0); held out: none" in alone.splitlines()


def test_a_robustness_of_few_cases_is_said_to_be_that_of_the_worst_one() -> None:
    single = RobustnessProfile({"noise": 0.5}, clean=0.8, worst_of=12)
    line = "Robustness is the score of a single case, the worst of 12 cases."
    assert describe_profiles([build_trial(0, profile=single), build_trial(1, profile=single)]) == [line]
    assert line in show(status_view(build_record(single), None, []))
    assert describe_profiles([build_trial(0, profile=STEADY)]) == []


@pytest.mark.parametrize("is_fragile", [False, True])
def test_the_picture_labels_every_member_that_collapses(monkeypatch: pytest.MonkeyPatch, *, is_fragile: bool) -> None:
    labels: list[str] = []
    monkeypatch.setattr("matplotlib.axes.Axes.annotate", lambda self, text, *args, **more: labels.append(text))
    profiles: list[RobustnessProfile | None] = [STEADY] * 4
    profiles[2] = FRAGILE if is_fragile else STEADY
    draw_front(build_record(*profiles))
    assert labels == ["0", "1", "2 (collapses under shift site_b, noise)" if is_fragile else "2", "3"]


def test_a_member_that_collapses_is_labelled_on_a_large_front_too(monkeypatch: pytest.MonkeyPatch) -> None:
    labels: list[str] = []
    monkeypatch.setattr("matplotlib.axes.Axes.annotate", lambda self, text, *args, **more: labels.append(text))
    events: list[Event] = [created()]
    for number in range(40):
        values = {"accuracy": 1.0 - number / 100, "robustness": number / 100}
        candidate = Candidate(recipe=Recipe(foreground_ratio=number / 1000))
        events.append(Started(0.0, number, candidate, 0, "random"))
        profile = FRAGILE if number == 5 else STEADY
        events.append(Finished(1.0, number, values, {"parameters": 1.0}, "", 0.0, 1.0, profile=profile))
    draw_front(StudyRecord(events))
    assert len(labels) == 13
    assert "5 (collapses under shift site_b, noise)" in labels
