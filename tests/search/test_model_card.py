import re

import numpy as np

from search.events import Created
from search.record import StudyRecord
from search.reports.model_card import escape, write_card
from tests.builders import build_trial
from trainables.datasets import Case, Dataset
from trainables.textures import TexturesConfig
from trainables.toy import ToyTask
from trainables.trainable import CaseScore, Split

HOSTILE = "x</h1><script>alert(1)</script>\n# ![a](http://b) `$(reboot)` | y"


def build_dataset(class_name="grass"):
    cases = {
        split: (Case(split, "here", split, split, np.zeros((1, 4, 6), np.float32), np.zeros((4, 6), np.uint8)),)
        for split in ("train", "validation", "test")
    }
    return Dataset("pairs", **cases, spacing_mm=(1.0, 0.5), num_channels=1, class_names=("background", class_name))


def card_of(name="mine", class_name="grass", rows=None, form="bundle"):
    task = ToyTask()
    record = StudyRecord([Created(0.0, name, task.objectives(), task.cost_names())])
    trial = build_trial(6, 0.71825, 0.59022, test={"accuracy": 0.77551, "robustness": 0.66127})
    data = TexturesConfig(foreground=class_name)
    return write_card(record, trial, rows or {}, dataset=build_dataset(class_name), data=data, form=form)


def test_the_card_names_what_was_reached_on_both_splits():
    row = next(line for line in card_of().splitlines() if line.startswith("| accuracy"))
    assert "| 0.7183 | 0.7755 |" in row


def test_the_card_shows_the_mean_of_every_corruption_by_severity():
    scores = [("none", 0, 0.8), ("none", 0, 0.6), ("blur", 2, 0.5), ("blur", 2, 0.3), ("blur", 4, 0.2)]
    rows = {
        Split.TEST: [CaseScore("a", "here", corruption, level, "dice", value) for corruption, level, value in scores]
    }
    card = card_of(rows=rows)
    assert "on clean images 0.7000" in card
    assert "| corruption | severity 2 | severity 4 |" in card
    assert "| blur | 0.4000 | 0.2000 |" in card


def test_the_card_says_so_when_no_scores_were_kept():
    assert "Not recorded." in card_of()


def test_the_card_says_how_to_use_the_format():
    assert "python -m monai.bundle run" in card_of(form="bundle")
    assert "python segment.py" in card_of(form="onnx")


def test_hostile_names_stay_text():
    card = card_of(name=HOSTILE, class_name=HOSTILE)
    assert "<script>" not in card
    assert not re.search(r"(?<!\\)!\[", card)
    headings = [line for line in card.splitlines() if line.startswith("#")]
    assert len(headings) == 7
    assert all(
        line.count("|") - line.count(r"\|") == 3 for line in card.splitlines() if line.startswith("| foreground |")
    )


def test_escaped_text_is_one_line():
    assert escape("a\r\n b\x00\tc") == "a b c"
