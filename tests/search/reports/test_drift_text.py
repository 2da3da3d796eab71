import csv
import dataclasses
import io

import pytest
from rich.console import Console

from paretoseg.search.fronts.drift import measure_drift, with_measurements
from paretoseg.search.reports.drift_text import describe_drift, drift_rows, drift_table, drift_to_csv
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.trainables.trainable import RobustnessProfile
from tests.builders import build_trial

OBJECTIVES = tuple(Objective(name, "Dice", Direction.MAXIMISE, 0.0) for name in ("accuracy", "robustness"))
TEST = {"accuracy": 0.81, "robustness": 0.15}


@pytest.fixture
def drift():
    """Trial 0 stays, 1 leaves as broken, 2 joins."""
    trials = [build_trial(0, 0.9, 0.2, test=TEST), build_trial(1, 0.8, 0.6), build_trial(2, 0.7, 0.5)]
    after = {
        0: with_measurements(
            trials[0], {"accuracy": 0.9, "robustness": 0.1}, "", {"accuracy": 0.8, "robustness": 0.05}
        ),
        1: with_measurements(trials[1], {"accuracy": 0.8, "robustness": 0.3}, "predicts [almost] nothing", {}),
        2: with_measurements(trials[2], {"accuracy": 0.7, "robustness": 0.4}, "", {}),
    }
    return measure_drift(trials, after, objectives_before=OBJECTIVES, objectives_after=OBJECTIVES)


def test_a_row_shows_before_and_after_and_the_place(drift):
    first, second, third = drift_rows(drift, OBJECTIVES)
    assert first == {
        "trial": "0",
        "accuracy": "0.900 → 0.900",
        "robustness": "0.200 → 0.100",
        "front": "stays",
        "accuracy on test": "0.810 → 0.800",
        "robustness on test": "0.150 → 0.050",
    }
    assert second["front"] == "leaves: predicts [almost] nothing"
    assert second["accuracy on test"] == "-"
    assert third["front"] == "joins"


def test_values_on_another_scale_are_said_not_to_be_comparable():
    failures = (OBJECTIVES[0], Objective("robustness", "1", Direction.MINIMISE, 1.0))
    trial = build_trial(0, 0.9, 0.2)
    drift = measure_drift([trial], {0: trial}, objectives_before=OBJECTIVES, objectives_after=failures)
    assert describe_drift(drift)[0] == (
        "robustness after (1, lower is better) is another number than before (Dice, higher is better): compare the "
        "order alone, and no hypervolume."
    )


def test_the_table_shows_every_cell_as_it_is(drift):
    console = Console(record=True, width=200, file=io.StringIO())
    console.print(drift_table("[red]mine", drift, OBJECTIVES))
    shown = console.export_text()
    assert "[red]mine" in shown
    for row in drift_rows(drift, OBJECTIVES):
        assert all(cell in shown for cell in row.values())


def test_the_sentences_name_who_moves(drift):
    front, numbers = describe_drift(drift)
    assert front == "The front, on validation cases: 2 members before, 2 after; leaving: trial 1; joining: trial 2."
    # From (0, 0): 0.9 x 0.2 and 0.8 x 0.4 before; 0.9 x 0.1 and 0.7 x 0.3 after.
    assert numbers == (
        "Hypervolume 0.5000 -> 0.3000. Order of the trials, before and after (Kendall's tau): accuracy 1.00, "
        "robustness 0.33."
    )


def test_the_sentences_name_what_the_check_for_broken_networks_found_besides(drift):
    assert describe_drift(with_beside(drift))[2:] == ["Note: trial 0 never predicts tail, which 2 cases hold."]


def with_beside(drift):
    """The drift with a note and a profile of trial 0 as it was measured again, and an earlier profile."""
    first, *others = drift.moves
    before = RobustnessProfile({"noise": 0.7, "blur": 0.6}, clean=0.9, corrupted=0.65, held_out=0.5)
    after = RobustnessProfile({"noise": 0.2, "blur": 0.3}, clean=0.9, corrupted=0.25)
    first = dataclasses.replace(
        first,
        before=dataclasses.replace(first.before, profile=before),
        after=dataclasses.replace(first.after, note="never predicts tail, which 2 cases hold", profile=after),
    )
    return dataclasses.replace(drift, moves=(first, *others))


def test_the_csv_holds_the_note_and_the_columns_beside_robustness(drift):
    first, second, _ = csv.DictReader(io.StringIO(drift_to_csv(with_beside(drift), OBJECTIVES).decode()))
    assert (first["worst_family_before"], first["worst_family_name_before"]) == ("0.6", "blur")
    assert (first["worst_family_after"], first["worst_family_name_after"]) == ("0.2", "noise")
    assert (first["robustness_held_out_before"], first["robustness_held_out_after"]) == ("0.5", "")
    assert (first["collapses_before"], first["collapses_after"]) == ("", "noise, blur")
    assert first["note"] == "never predicts tail, which 2 cases hold"
    assert {first["test_worst_family_after"], second["worst_family_after"], second["note"]} == {""}


def test_the_csv_holds_the_numbers_in_full(drift):
    rows = list(csv.DictReader(io.StringIO(drift_to_csv(drift, OBJECTIVES).decode())))
    assert [row["trial_id"] for row in rows] == ["0", "1", "2"]
    assert float(rows[0]["robustness_before"]) == 0.2
    assert float(rows[0]["robustness_after"]) == 0.1
    assert float(rows[0]["test_accuracy_before"]) == 0.81
    assert rows[1]["test_accuracy_after"] == ""
    assert [(row["was_on_front"], row["is_on_front"]) for row in rows] == [
        ("true", "true"), ("true", "false"), ("false", "true")
    ]  # fmt: skip
    assert rows[1]["degenerate"] == "predicts [almost] nothing"
