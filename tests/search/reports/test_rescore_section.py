from paretoseg.search.fronts.drift import measure_drift, with_measurements
from paretoseg.search.reports.rescore_section import ShownRescoring, render_rescorings
from paretoseg.spaces.objective import Direction, Objective
from tests.builders import build_trial

OBJECTIVES = tuple(Objective(name, "Dice", Direction.MAXIMISE, 0.0) for name in ("accuracy", "robustness"))


def drift(degenerate=""):
    trial = build_trial(7, 0.9, 0.2)
    after = {7: with_measurements(trial, {"accuracy": 0.9, "robustness": 0.1}, degenerate, {})}
    return measure_drift([trial], after, objectives_before=OBJECTIVES, objectives_after=OBJECTIVES)


def test_without_rescorings_there_is_no_section():
    assert render_rescorings([]) == ""
    empty = measure_drift([], {}, objectives_before=OBJECTIVES, objectives_after=OBJECTIVES)
    assert render_rescorings([ShownRescoring("one", "", empty, OBJECTIVES, None)]) == ""


def test_a_rescoring_has_its_table_its_sentences_and_its_picture():
    shown = render_rescorings([ShownRescoring("blur", "corruptions=[gaussian_blur]", drift(), OBJECTIVES, b"png")])
    assert shown.startswith('<section id="rescorings">')
    assert "<h3>blur</h3><p><code>corruptions=[gaussian_blur]</code></p>" in shown
    assert "<td>7</td><td>0.900 → 0.900</td><td>0.200 → 0.100</td><td>stays</td>" in shown
    assert "on test" not in shown
    assert "Hypervolume 0.1800 → 0.0900." in shown
    assert 'src="data:image/png;base64,cG5n"' in shown


def test_no_text_becomes_markup():
    item = ShownRescoring("<b>", "<script>alert(1)</script>", drift("<i>broken</i>"), OBJECTIVES, None)
    shown = render_rescorings([item])
    assert "<b>" not in shown
    assert "<script>" not in shown
    assert "<i>" not in shown
    assert "&lt;i&gt;broken" in shown
