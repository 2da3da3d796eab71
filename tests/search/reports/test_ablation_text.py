"""What an ablation says: table, sentences, rows, picture and the report's section."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from rich.console import Console

from paretoseg.search.ablation.effects import Ablation, Conclusion, Difference, Effect
from paretoseg.search.reports.ablation_picture import draw_ablation
from paretoseg.search.reports.ablation_section import ShownAblation, render_ablations
from paretoseg.search.reports.ablation_text import (
    UNTOUCHED,
    ablation_rows,
    ablation_table,
    ablation_to_csv,
    describe_ablation,
)
from paretoseg.search.store.ablation_folder import AblationFolder, list_ablations
from paretoseg.search.store.folder import Folder
from paretoseg.spaces.objective import Direction, Objective

ACCURACY, ERROR = Objective("accuracy", "Dice", Direction.MAXIMISE, 0.0), Objective("error", "1", Direction.MINIMISE, 1)


def difference(value: float, *, is_sure: bool) -> Difference:
    half = abs(value) / 2 if is_sure else abs(value) * 2
    conclusion = Conclusion.MORE if is_sure else Conclusion.WITHIN
    return Difference(value, conclusion, value - half, value + half, 0.01 if is_sure else 0.5)


def effect(after: str, dimension: str = "skip", **changes: object) -> Effect:
    values: dict[str, object] = {
        "change": f"{dimension}: dense -> {after}", "dimension": dimension, "before": "dense", "after": after,
        "candidate": "12345678", "seeds": (0, 1, 2), "collapsed": (), "failed": (),
        "means": {"accuracy": 0.8, "error": 0.2},
        "differences": {name: difference(0.01, is_sure=False) for name in ("accuracy", "error")},
        "costs": {"parameters": -7592.0},
    }  # fmt: skip
    return Effect(**(values | changes))  # type: ignore[arg-type]


def ablation(*effects: Effect, **changes: object) -> Ablation:
    known = Ablation("mine", 7, (0, 1, 2), (ACCURACY, ERROR), 0, {"accuracy": 0.8, "error": 0.2}, (), (), effects)
    return replace(known, **changes)  # type: ignore[arg-type]


WORSE = effect(
    "none", differences={"accuracy": difference(-0.05, is_sure=True), "error": difference(0.1, is_sure=False)}
)
BETTER = effect(
    "5", "depth", differences={"accuracy": difference(0.02, is_sure=True), "error": difference(-0.1, is_sure=True)}
)
MIXED = effect("4", "width", differences={name: difference(0.02, is_sure=True) for name in ("accuracy", "error")})
BROKEN = effect("cbam", "attention", seeds=(), collapsed=(0, 1), failed=(2,), means={}, differences={})


def show(known: Ablation) -> str:
    console = Console(width=160, file=io.StringIO(), force_terminal=False)
    console.print(ablation_table(known))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_a_row_shows_differences_intervals_size_and_verdicts() -> None:
    lines = show(ablation(WORSE, BETTER, BROKEN)).splitlines()
    assert lines[0].rstrip() == "Candidate 7 of mine with one choice changed (neighbour minus candidate)"
    assert [" ".join(line.split()) for line in lines[4:7]] == [
        "skip: dense -> none 3 -.050 [-.075 -.025] +.100 [-.100 .300] -7.59k accuracy more than noise, error within "
        "noise",
        "depth: dense -> 5 3 +.020 [.010 .030] -.100 [-.150 -.050] -7.59k more than noise",
        "attention: dense -> cbam 0/3 - - -7.59k unknown",
    ]


def test_sentences_say_which_choices_matter_and_what_would_be_better() -> None:
    lines = describe_ablation(ablation(WORSE, effect("addition"), BETTER, MIXED, effect("on", "mirroring"), BROKEN))
    assert lines[0] == (
        "Choices that matter, as a change moves an objective by more than noise: skip (none: accuracy -.050); depth "
        "(5: accuracy +.020, error -.100); width (4: accuracy +.020, error +.020)."
    )
    assert lines[1:3] == [
        "Choices whose changes stay within noise: mirroring.",
        "Choices of which it is not known whether they matter: attention.",
    ]
    assert lines[3] == (
        "Better than the candidate by more than noise, and worse in nothing by as much: depth: dense -> 5 (accuracy "
        "+.020, error -.100)."
    )
    assert lines[4] == "attention: dense -> cbam is broken under seeds 0, 1, which is left out of the means."
    assert lines[5] == "attention: dense -> cbam could not be trained under seed 2."
    assert lines[6].endswith("nothing is concluded: 1 of 6; --seeds adds some.")
    assert UNTOUCHED in lines
    assert "Lower is better: error." in lines
    assert lines[-1].startswith("Intervals are simultaneous: all 10 hold the truth in 95% of studies")


def test_nothing_that_matters_is_said_plainly() -> None:
    lines = describe_ablation(ablation(effect("none"), num_choosing=1, left_out=("depth: 3, 5",), num_missing=2))
    assert lines[0] == "No choice is known to matter: no change moves an objective by more than noise."
    assert "Not tried: depth: 3, 5." in lines
    assert "2 trainings have not ended, so the table is not final." in lines
    assert describe_ablation(ablation(BROKEN))[0].startswith("Choices of which it is not known")
    gaps = {"accuracy": "it has one case", "error": "it has one case"}
    assert "No interval for accuracy and error: it has one case." in describe_ablation(ablation(BROKEN, gaps=gaps))
    assert "The search has chosen the candidate by 1 of its 3 trainings, on these cases: that favours it." in lines


def test_low_coverage_is_said() -> None:
    poor = {name: replace(difference(0.1, is_sure=False), coverage=0.88) for name in ("accuracy", "error")}
    assert describe_ablation(ablation(effect("none", differences=poor)))[-1].endswith("88% of simulations only.")


def test_csv_and_json_hold_the_same_flat_rows() -> None:
    known = ablation(WORSE, BROKEN)
    rows, table = ablation_rows(known), list(csv.DictReader(io.StringIO(ablation_to_csv(known).decode())))
    assert [list(row) for row in rows] == [list(row) for row in table]
    for row, cells in zip(rows, table, strict=True):
        assert {name: "" if value is None else str(value) for name, value in row.items()} == cells
    assert (rows[0]["accuracy_difference"], rows[0]["accuracy_low"]) == (-0.05, pytest.approx(-0.075))
    assert (rows[1]["accuracy_difference"], rows[1]["accuracy_verdict"], rows[1]["collapsed"]) == (
        None,
        "unknown",
        "0 1",
    )


def test_the_folder_gives_back_what_was_written(tmp_path: object) -> None:
    study = Folder(str(tmp_path))
    assert list_ablations(study) == []
    known = ablation(WORSE, BROKEN, gaps={"accuracy": "why"}, left_out=("depth: 5",))
    place = AblationFolder(study, 7)
    assert place.read_ablation() is None
    assert place.read_picture() is None
    place.write_ablation(known, b"table", b"picture")
    assert (place.read_ablation(), place.read_picture(), list_ablations(study)) == (known, b"picture", [7])
    place.folder.write("ablation.json", b'{"schema": 9}')
    with pytest.raises(ValueError, match="is damaged or of a newer version"):
        place.read_ablation()


def test_the_picture_takes_rows_without_marks_and_without_intervals() -> None:
    unknown = {name: Difference(0.1, Conclusion.UNKNOWN) for name in ("accuracy", "error")}
    assert draw_ablation(ablation(WORSE, BROKEN, effect("none", differences=unknown))).startswith(b"\x89PNG")


def test_the_section_has_table_sentences_and_picture_and_no_markup_of_others() -> None:
    assert render_ablations([]) == ""
    assert render_ablations([ShownAblation(ablation(), None)]) == ""
    shown = render_ablations([ShownAblation(ablation(WORSE, effect("<b>")), b"png")])
    assert shown.startswith('<section id="ablations">')
    assert "<td>skip: dense → none</td><td>3</td><td>-.050 [-.075 -.025]</td>" in shown
    assert 'src="data:image/png;base64,cG5n"' in shown
    assert "<b>" not in shown
