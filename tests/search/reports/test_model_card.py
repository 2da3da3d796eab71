import re

import numpy as np

from paretoseg.search.reports import model_card
from paretoseg.search.reports.markdown import escape
from paretoseg.search.reports.model_card import Exported, write_card
from paretoseg.search.reports.preparation_text import describe_steps, describe_use
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Created
from paretoseg.spaces.baselines import build_baseline
from paretoseg.trainables.data.datasets import Case, Dataset
from paretoseg.trainables.data.folder import FolderConfig
from paretoseg.trainables.data.preprocessing import Intensity, Preprocessing
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.scoring.measures import NSD
from paretoseg.trainables.scoring.objectives import define_objectives
from paretoseg.trainables.toy import ToyTask
from paretoseg.trainables.trainable import CaseScore, RobustnessProfile, Split
from tests.builders import build_trial

HOSTILE = "x</h1><script>alert(1)</script>\n# ![a](http://b) `$(reboot)` | y"


def build_dataset(class_name="grass"):
    cases = {
        split: (Case(split, "here", split, split, np.zeros((1, 4, 6), np.float32), np.zeros((4, 6), np.uint8)),)
        for split in ("train", "validation", "test")
    }
    return Dataset("pairs", **cases, spacing_mm=(1.0, 0.5), num_channels=1, class_names=("background", class_name))


def card_of(name="mine", class_name="grass", rows=None, form="bundle", objectives=None, **changes):
    task = ToyTask()
    record = StudyRecord([Created(0.0, name, objectives or task.objectives(), task.cost_names())])
    trial = build_trial(6, 0.71825, 0.59022, test={"accuracy": 0.77551, "robustness": 0.66127}, **changes)
    data = TexturesConfig(foreground=class_name)
    return write_card(record, Exported(trial), rows or {}, dataset=build_dataset(class_name), data=data, form=form)


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


def test_surface_metrics_under_corruptions_have_a_table_each():
    scores = [("none", 0), ("blur", 2), ("blur", 4)]
    rows = [
        CaseScore("a", "here", corruption, level, metric, value + level)
        for metric, value in (("dice", 0.25), ("nsd", 0.5), ("hd95_mm", 7.0))
        for corruption, level in scores
    ]
    card = card_of(rows={Split.TEST: rows})
    assert "Mean Dice over the test cases; on clean images 0.2500." in card
    assert "Mean NSD over the test cases; on clean images 0.5000." in card
    assert "Mean HD95 (mm, lower is better) over the test cases; on clean images 7.0000." in card
    assert "| blur | 9.0000 | 11.0000 |" in card


def test_the_card_says_that_absent_classes_are_left_out():
    def card(left_out):
        rows = [
            CaseScore("a", "here", "none", 0, "dice", 0.5, "grass"),
            CaseScore("a", "here", "none", 0, "dice", 0.5),
            CaseScore("b", "here", "none", 0, "dice", 1.0, "grass", "both"),
            CaseScore("b", "here", "none", 0, "dice", 1.0, empty=left_out),
        ]
        return card_of(rows={Split.TEST: rows})

    assert "rightly so, which are left out of the means." in card("both")
    assert "| grass | 0.5000 | 0 | 0 | 1 |" in card("both")
    assert "| mean | 0.5000 |" in card("both")
    assert "| grass | 0.7500 | 0 | 0 | 1 |" in card("")
    assert "left out" not in card("")


def test_the_card_tells_shift_sets_apart_from_cases_as_in_training():
    assert "None were measured: how it performs on images of another kind" in card_of()
    rows = [
        CaseScore("a", "here", "none", 0, "dice", 0.8),
        CaseScore("b", "x", "none", 0, "dice", 0.25, shift="new_site"),
    ]
    card = card_of(rows={Split.TEST: rows})
    assert "| as in training | 1 | 0.8000 |" in card
    assert r"| new\_site | 1 | 0.2500 |" in card
    assert "on clean images 0.8000" in card


def score(metric, label, value, condition=("none", 0), empty=""):
    return CaseScore("a", "here", *condition, metric, value, label, empty)


MIXED = [
    score("dice", "mean", 0.7),
    score("dice", "left", 0.9, empty="prediction"),
    score("nsd", "mean", 0.6),
    score("nsd", "left", 0.8, empty="prediction"),
    score("hd95_mm", "mean", 20.0),
    score("hd95_mm", "left", 10.0, empty="prediction"),
    score("dice", "mean", 0.5, ("blur", 2)),
    score("dice", "left", 0.1, ("blur", 2)),
    score("nsd", "mean", 0.4, ("blur", 2)),
]
"""Rows of several metrics, classes and conditions."""


def test_the_card_tells_classes_and_metrics_apart():
    card = card_of(rows={Split.TEST: MIXED})
    assert "| class | Dice | NSD | HD95 (mm) | missed | made up | absent |" in card
    assert "| left | 0.9000 | 0.8000 | 10.0000 | 1 | 0 | 0 |" in card
    assert "| mean | 0.7000 | 0.6000 | 20.0000 | - | - | - |" in card
    assert "Mean Dice over the test cases; on clean images 0.7000." in card
    assert "| blur | 0.5000 |" in card


def test_the_card_speaks_of_the_metric_of_the_objectives():
    card = card_of(rows={Split.TEST: MIXED}, objectives=define_objectives(NSD))
    assert "Mean NSD over the test cases; on clean images 0.6000." in card
    assert "| blur | 0.4000 |" in card


def test_costs_have_units_and_name_their_device():
    card = card_of(costs={"parameters": 5000.0, "flops": 2e6, "latency_ms": 1.5}, device="a GPU")
    assert "| operations per window | 2,000,000 | FLOP |" in card
    assert "| latency | 1.5 | ms |" in card
    assert "Latency, memory and training time on a GPU." in card


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
    assert len(headings) == 12
    assert all(
        line.count("|") - line.count(r"\|") == 3 for line in card.splitlines() if line.startswith("| foreground |")
    )


def test_escaped_text_is_one_line():
    assert escape("a\r\n b\x00\tc") == "a b c"


def test_the_card_of_a_network_trained_on_files_tells_what_is_done_to_a_raw_one():
    dataset = build_dataset()
    data = FolderConfig(intensity="window", window=[-57.0, 164.0], spacing_mm=[1.0, 0.5], crop_foreground=True)
    trial = build_trial(6, 0.71825, 0.59022, test={"accuracy": 0.77551, "robustness": 0.66127})
    record = StudyRecord([Created(0.0, "mine", ToyTask().objectives(), ToyTask().cost_names())])
    cards = {
        form: write_card(record, Exported(trial), {}, dataset=dataset, data=data, form=form)
        for form in ("bundle", "onnx")
    }
    for card in cards.values():
        assert "3. Intensity, each channel on its own, to [0, 1]: -57 becomes 0 and 164 becomes 1, clipped." in card
        assert "2. Spacing: resampled from 1 mm a pixel to 1 x 0.5 mm, linearly, channel by channel: " in card
        assert "4. Crop: margins in which all channels are 0 are cut off." in card
    assert "nothing has to be prepared" in cards["bundle"]
    assert "**The array must be prepared already; `segment.py` does not do it.**" in cards["onnx"]


def test_every_way_of_scaling_is_reported_with_its_values():
    dataset, texts = build_dataset(), {}
    for intensity in Intensity:
        settings = Preprocessing(intensity=intensity, window=[-57.0, 164.0], low_percentile=2.5)
        [texts[intensity]] = [line for line in describe_steps(dataset, settings) if line.startswith("Intensity")]
    assert "2.5th and 99.5th percentile" in texts[Intensity.percentile]
    assert "divided by 255" in texts[Intensity.auto]
    assert "3 standard deviations" in texts[Intensity.zscore]
    assert len(set(texts.values())) == len(Intensity)


def test_the_steps_resample_before_they_scale_as_the_search_does_and_earlier_studies_the_other_way_round():
    def kinds_of(resampling):
        steps = describe_steps(build_dataset(), Preprocessing(spacing_mm=[1.0, 0.5], resampling=resampling))
        return [step.split(":")[0].split(",")[0] for step in steps], " ".join(steps)

    names, text = kinds_of("exact")
    assert names == ["Axes", "Spacing", "Intensity", "Crop"]
    assert "affine_transform" in text
    assert "zoom" not in text
    names, text = kinds_of("stretched")
    assert names == ["Axes", "Intensity", "Spacing", "Crop"]
    assert "zoom" in text


def test_a_card_says_that_probabilities_and_not_masks_go_back_to_the_grid_of_the_file():
    bundle, onnx = (describe_use(form, build_dataset(), Preprocessing()) for form in ("bundle", "onnx"))
    for text in (bundle, onnx):
        assert "nearest one that was predicted" not in text
        assert "(nearest voxel)" not in text
        assert "likeliest class" in text
    assert "**The mask lies on the prepared grid.** The scores below are taken on the grid of the file" in onnx


def test_the_card_has_what_lies_beside_robustness_on_both_splits_and_flags_a_collapse():
    held_out, worst = ({"noise": 0.5, "bias_field": 0.25}, {"noise": 0.75, "bias_field": 0.5})
    profile = RobustnessProfile(held_out, clean=0.8, held_out=0.625)
    card = card_of(profile=profile, test_profile=RobustnessProfile(worst, clean=0.9))
    rows = {line.split(" | ")[0]: line for line in card.splitlines()}
    assert "| held out | 1 | 0.625 | none |" in rows["| held out"]
    assert r"| worst family | 1 | 0.250 bias\_field | 0.500 noise |" not in card
    assert r"| worst family | 1 | 0.250 bias\_field | 0.500 bias\_field |" in rows["| worst family"]
    assert r"Trial 6 collapses under bias\_field \(0.250\): less than half of its clean score of 0.800." in card
    assert "| held out" not in card_of()
    assert "collapses" not in card_of()


def test_a_card_leaves_out_what_nnunets_plan_and_recipe_decide() -> None:
    shown = model_card._describe_candidate(build_trial(candidate=build_baseline("nnunet", 8)))
    names = [line.split("|")[1].strip() for line in shown.splitlines() if line.startswith("| ")][1:]
    assert {"family", "width", "learning_rate", "training"} <= set(names)
    assert not {"patch", "depth", "activation", "bias", "loss", "optimiser", "augmentation"} & set(names)
