import dataclasses
import struct

from paretoseg.search.reports.calibration_picture import describe_panel, draw_calibration
from paretoseg.trainables.severities.calibration import CalibratedCorruption, Calibration, ReferenceRecord, span_of
from paretoseg.trainables.severities.levels import LEVELS

REFERENCE = ReferenceRecord({}, 0, 1, 0.9, 1)


def draw(names):
    found = {
        name: CalibratedCorruption(
            levels.parameter,
            levels.values,
            (1.0, 4.0, 9.0, 21.0, 38.0),
            tuple((span_of(name).at(place), 50 * place) for place in (0.0, 0.5, 1.0)),
        )
        for name, levels in LEVELS.items()
        if name in names
    }
    return draw_calibration(Calibration("mine", "", "", REFERENCE, found))


def size_of(png):
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


def test_every_corruption_has_a_panel_and_the_picture_grows_with_them():
    few, all_of_them = size_of(draw(["gaussian_noise"])), size_of(draw(list(LEVELS)))
    assert few[1] < all_of_them[1] / 4
    assert few[0] < all_of_them[0]


def test_a_calibration_of_nothing_is_a_picture_too():
    assert size_of(draw([]))


def test_a_panel_names_targets_out_of_reach_reversals_and_similarity():
    levels = LEVELS["gaussian_noise"]
    curve = tuple((span_of("gaussian_noise").at(place), 18.0 * place) for place in (0.0, 0.5, 1.0))
    old = CalibratedCorruption(levels.parameter, levels.values, (2.0, 5.0, 10.0, 15.0, 18.0), curve)
    assert describe_panel(old) == "40 out of reach"
    new = dataclasses.replace(old, reversals=(0.0, 0.125, 0.0, 0.0), ssim=(0.99, 0.9, 0.8, 0.7, 0.6))
    assert describe_panel(new) == "40 out of reach; reversals 12 %; SSIM 0.99 to 0.60"
