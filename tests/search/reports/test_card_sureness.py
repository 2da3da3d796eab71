"""The model card says how sure its numbers are, and what they mean for a reader of scans."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from paretoseg.search.certainty.certainty import Certainty, Evidence
from paretoseg.search.certainty.estimates import Estimate, VariancePart
from paretoseg.search.reports.card_pictures import PicturedCase, describe_cases, draw_case
from paretoseg.search.reports.card_sureness import describe_for_readers, describe_sureness
from paretoseg.search.study.record import StudyRecord
from paretoseg.trainables.segmentation.gallery import CasePicture, PredictionPicture
from paretoseg.trainables.trainable import CaseScore, Split
from tests.builders import created

RECORD = StudyRecord([created()])


def interval(value: float, low: float, high: float, coverage: float | None = None) -> Estimate:
    nothing = VariancePart(0.0, 9.0)
    return Estimate(value, low, high, nothing, nothing, coverage)


def build_certainty(test: dict[int, float] | None = None) -> Certainty:
    estimates = {7: {"accuracy": interval(0.812, 0.77, 0.851), "robustness": None}}
    tested = {7: {"accuracy": interval(0.8, 0.75, 0.84), "robustness": interval(0.6, 0.5, 0.7, 0.9)}}
    return Certainty(selection=Evidence({7: 0.42}, estimates), test=Evidence(test, tested if test else {}))


def test_every_objective_has_its_interval_on_both_splits() -> None:
    text = describe_sureness(RECORD, 7, build_certainty({7: 0.79}))
    assert "| accuracy | 0.812 (0.770 to 0.851) | 0.800 (0.750 to 0.840) |" in text
    assert "| robustness | not known | 0.600 (0.500 to 0.700, which holds the truth in 90% of simulations) |" in text
    assert "Probability of being on the front: .79 by the test cases." in text
    assert "95% intervals over seeds and subjects" in text


def test_a_candidate_that_is_not_confirmed_has_its_probability_by_validation_cases() -> None:
    text = describe_sureness(RECORD, 7, build_certainty())
    assert "| accuracy | 0.812 (0.770 to 0.851) | not known |" in text
    assert "Probability of being on the front: .42 by the validation cases." in text


def test_what_is_not_known_is_said() -> None:
    assert describe_sureness(RECORD, 7, None).startswith("Not known: the scores of single cases are missing")
    empty = Evidence(None, {}, {"the intervals": "too few candidates ran with several seeds"})
    text = describe_sureness(RECORD, 7, Certainty(selection=empty, test=empty))
    assert text.count("Not known: the intervals, because too few candidates ran with several seeds.") == 1
    assert "better in everything is not known" in describe_sureness(RECORD, 8, build_certainty())


def test_scores_are_in_percent_and_millimetres_with_the_worst_case() -> None:
    values = {"a": (0.9, 1.25, 0.95), "b": (0.5, 14.0, 0.4), "c": (0.8, 2.0, 0.9)}
    rows = [
        CaseScore(case, "here", "none", 0, metric, value)
        for case, numbers in values.items()
        for metric, value in zip(("dice", "hd95_mm", "nsd"), numbers, strict=True)
    ]
    rows += [CaseScore("d", "here", "blur", 3, "dice", 0.0), CaseScore("e", "h", "none", 0, "dice", 0.1, shift="s")]
    text = describe_for_readers(rows, Split.TEST)
    assert text.startswith("On the clean test cases, as means over classes:")
    assert "**Overlap (Dice):** 80% in the median case, 50% in the worst (b)." in text
    assert "lie within 2.0 mm of each other in the median case, within 14.0 mm in the worst (b)." in text
    assert "(NSD):** 90% in the median case, 40% in the worst (b)" in text
    assert describe_for_readers([], Split.TEST) == "Not recorded."


def test_a_picture_has_three_panels_with_outlines() -> None:
    reference, predicted = np.zeros((40, 60), np.uint8), np.zeros((40, 60), np.uint8)
    reference[10:20, 10:30], predicted[12:22, 10:30], predicted[30:35, 40:50] = 1, 1, 2
    image = np.full((40, 60), 100, np.uint8)
    content = draw_case(CasePicture(image, reference), PredictionPicture(predicted, 0.8))
    picture = np.asarray(Image.open(io.BytesIO(content)))
    factor = 5  # 60 pixels become at least 256
    assert picture.shape == (40 * factor, 3 * 60 * factor + 16, 3)
    panels = [picture[:, start : start + 300] for start in (0, 308, 616)]
    assert (panels[0] == 100).all()
    for panel, mask in zip(panels[1:], (reference, predicted), strict=True):
        for label in (1, 2):
            drawn = (panel != 100).any(axis=-1) & (mask.repeat(5, 0).repeat(5, 1) == label)
            assert drawn.any() == (mask == label).any()
            assert drawn.sum() <= (mask == label).sum() * 25 * 0.8
        assert (panel[mask.repeat(5, 0).repeat(5, 1) == 0] == 100).all()


def test_the_section_names_each_case_and_says_why_there_is_none() -> None:
    case = PicturedCase("scan_[7]", "hardest case", 0.512, "slice 3 of 9", "case-1.png", b"")
    text = describe_cases([case], Split.TEST)
    assert "Hardest case, scan\\_\\[7\\] (slice 3 of 9): Dice 0.512\n\n![hardest case](case-1.png)" in text
    assert describe_cases([], Split.TEST, "the data is gone") == "No pictures: the data is gone."
