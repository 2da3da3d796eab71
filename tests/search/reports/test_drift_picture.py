import struct

from paretoseg.search.fronts.drift import measure_drift, with_measurements
from paretoseg.search.reports.drift_picture import draw_drift
from paretoseg.spaces.objective import Direction, Objective
from tests.builders import build_trial

OBJECTIVES = tuple(Objective(name, "Dice", Direction.MAXIMISE, 0.0) for name in ("accuracy", "robustness"))


def draw(points, degenerate=()):
    trials = [build_trial(number, *before) for number, (before, _) in enumerate(points)]
    after = {
        number: with_measurements(trials[number], dict(zip(("accuracy", "robustness"), point, strict=True)), text, {})
        for number, (_, point) in enumerate(points)
        for text in ["broken" if number in degenerate else ""]
    }
    drift = measure_drift(trials, after, objectives_before=OBJECTIVES, objectives_after=OBJECTIVES)
    return draw_drift("mine", drift, OBJECTIVES)


def test_the_picture_is_a_png_that_can_be_looked_at():
    picture = draw([((0.9, 0.2), (0.9, 0.1)), ((0.7, 0.5), (0.7, 0.4)), ((0.6, 0.6), (0.5, 0.2))], degenerate={2})
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", picture[16:24])
    assert width >= 800
    assert height >= 500


def test_a_trial_that_does_not_move_and_one_alone_can_be_drawn():
    assert draw([((0.9, 0.2), (0.9, 0.2))]).startswith(b"\x89PNG")


def test_a_front_of_broken_networks_only_can_be_drawn():
    assert draw([((0.9, 0.2), (0.9, 0.2))], degenerate={0}).startswith(b"\x89PNG")
