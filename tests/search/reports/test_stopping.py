import dataclasses
import io
import json

import numpy as np
import pytest
from rich.console import Console

from paretoseg.search.reports.page_data import explain
from paretoseg.search.reports.stopping_data import describe_fate, measure_false_stops, to_plain
from paretoseg.search.reports.stopping_picture import draw_rung, place_lead
from paretoseg.search.reports.stopping_text import (
    describe_guarded,
    describe_receipt,
    describe_stopping,
    list_receipts,
    render_stopping,
)
from paretoseg.search.reports.text import status_view, to_plain_status
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Finished, Opened, Promoted, Reported, Spared, Started, Stopped
from paretoseg.search.trials.receipt import Dominator, Receipt
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from tests.builders import created

LEADS, MARGINS = {"accuracy": 0.25, "robustness": 0.125}, {"accuracy": 0.05, "robustness": 0.025}
RECEIPT = Receipt(1, 5, 9, (Dominator(0, LEADS, MARGINS), Dominator(1, LEADS, MARGINS)), 4, 3, {"accuracy": 0.5})


def values_of(accuracy, robustness=0.5):
    return {"accuracy": accuracy, "robustness": robustness}


def start(number, accuracy=0.5):
    candidate = Candidate(recipe=Recipe(foreground_ratio=number / 100))
    return [Started(1.0, number, candidate, 0, "random"), Reported(2.0, number, 1, values_of(accuracy))]


def finish(number, accuracy):
    return Finished(3.0, number, values_of(accuracy), {}, "", 1.0, 1.0)


def build(receipt=RECEIPT):
    """Ten trials: two finish, five are controls of whom two end on the front, two are stopped, one of these goes on."""
    events = [created(), Opened(0.0, "here", 1, 10, None, 1e9)]
    for number in range(2):
        events += [*start(number, 0.75), finish(number, 0.7)]
    for number in range(2, 7):
        events += [*start(number), Spared(2.5, number, receipt), finish(number, 0.9 if number < 4 else 0.3)]
    for number in range(7, 9):
        events += [*start(number), Stopped(3.0, number, 1.0, 1.0, receipt=receipt)]
    events += [Promoted(4.0, 8), finish(8, 0.4), *start(9)]
    return StudyRecord(events)


def test_the_rate_of_false_stops_is_the_share_of_controls_on_the_front_with_wilsons_interval():
    found = measure_false_stops(build())
    assert (found.num_controls, found.num_on_front, found.rate) == (5, 2, 0.4)
    z, n, p = 1.959964, 5, 0.4
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert (found.low, found.high) == (pytest.approx(centre - half), pytest.approx(centre + half))
    assert measure_false_stops(StudyRecord([created()])) is None


def test_what_became_of_every_judged_trial_is_said():
    record = build()
    fates = [describe_fate(trial) for trial in record.trials if trial.receipt]
    assert fates == ["control"] * 5 + ["stopped", "went on later"]
    assert describe_stopping(record) == [
        "Early stopping: 1 trial stopped, 1 trial that had been stopped went on later, 5 trials went on as controls.",
        "Measured false-stop rate: 40% (95 percent: 12% to 77%), as 2 of 5 finished controls are on the front.",
    ]
    assert describe_stopping(StudyRecord([created()])) == []


def test_a_trial_that_was_stopped_and_went_on_twice_is_one_trial():
    later = dataclasses.replace(RECEIPT, step=3)
    events = [created(), Opened(0.0, "here", 1, 10, None), *start(0), Spared(2.5, 0, RECEIPT), *start(1)]
    events += [Stopped(3.0, 1, 1.0, 1.0, receipt=RECEIPT), Promoted(4.0, 1), Reported(5.0, 1, 3, values_of(0.5))]
    events += [Stopped(6.0, 1, 4.0, 1.0, receipt=later), Promoted(7.0, 1)]
    record = StudyRecord(events)
    assert record.num_promoted == 2
    assert describe_stopping(record) == [
        "Early stopping: 0 trials stopped, 1 trial that had been stopped went on later, 1 trial went on as a control."
    ]
    assert to_plain(record)["num_promoted"] == 1


def test_a_receipt_says_who_is_better_by_how_much():
    words = (
        "place 6 of 9 at step 1; trial 0 is better by accuracy 0.25 (noise 0.05), robustness 0.125 (noise 0.025), "
        "and 3 more are better too"
    )
    assert describe_receipt(RECEIPT) == words
    record = build()
    assert list_receipts(record)[-2:] == [f"trial 7 stopped: {words}", f"trial 8 went on later: {words}"]
    assert explain(record.trials[7]) == f"stopped early: {words}"
    assert describe_receipt(Receipt(3, 1, 2, (), 0, 0)) == "place 2 of 2 at step 3"


def test_where_accuracy_alone_decided_is_said_with_what_the_other_objective_predicts():
    alone = Receipt(1, 5, 9, (Dominator(0, {"accuracy": 0.25}, {"accuracy": 0.05}),), 1, 0)
    assert describe_guarded(build(alone)) == [
        "At step 1, 7 trials were judged by accuracy alone."
    ]  # in robustness, all are equal in the end
    assert describe_guarded(build()) == []


def test_the_status_shows_it_in_words_and_as_json():
    console = Console(file=io.StringIO(), width=200, highlight=False)
    console.print(status_view(build(), None, []))
    shown = console.file.getvalue()
    assert "early   Measured false-stop rate: 40%" in shown
    assert "receipt trial 7 stopped: place 6 of 9 at step 1; trial 0 is better" in shown
    assert "rung    step 1 against the end: accuracy tau " in shown
    plain = json.loads(json.dumps(to_plain_status(build(), None, ["a note"])))
    assert plain["budget"] == {"trials": 10, "hours": None, "voxels": 1e9}
    assert plain["trials"] == {"RUNNING": 1, "FINISHED": 8, "STOPPED": 1, "FAILED": 0}
    receipts = plain["early_stopping"]["receipts"]
    assert [one["control"] for one in receipts] == [True] * 5 + [False] * 2
    assert receipts[0]["dominators"][0] == {"trial_id": 0, "leads": LEADS, "margins": MARGINS}
    assert plain["early_stopping"]["false_stops"]["rate"] == 0.4
    assert to_plain(StudyRecord([created()]))["false_stops"] is None


def test_the_report_has_a_section_with_a_row_for_every_receipt():
    page = render_stopping(build(), draw_rung(build()))
    assert page.count("<tr><td>") == 7
    assert "data:image/png;base64," in page
    assert "Measured false-stop rate: 40%" in page
    assert "<td>7</td><td>1</td><td>stopped</td><td>6 of 9</td><td>0, 1 and 2 more</td>" in page
    assert render_stopping(StudyRecord([created()]), None) == ""


def test_a_rung_is_drawn_if_a_trial_was_judged():
    assert draw_rung(build()).startswith(b"\x89PNG")
    assert draw_rung(StudyRecord([created(), *start(0)])) is None


def test_the_arrow_of_a_cost_starts_at_the_cost_of_the_dominator():
    score = Objective("accuracy", "Dice", Direction.MAXIMISE, 0.0)
    cost = Objective("parameters", "1", Direction.MINIMISE, 1e9, ideal=1e3)
    best = Dominator(0, {"accuracy": 0.2, "parameters": 7e5}, {"accuracy": 0.05, "parameters": 1e5})
    start, size = place_lead((score, cost), (0.5, 1e6), best)
    assert start == (pytest.approx(0.7), pytest.approx(3e5))
    assert size == (-0.05, 1e5)
