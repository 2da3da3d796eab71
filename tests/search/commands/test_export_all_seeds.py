"""The networks of all seeds of a candidate are exported as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from paretoseg.search.commands.cli import main
from paretoseg.search.commands.exported_networks import choose_networks
from paretoseg.search.reports.ensemble_text import describe_networks
from paretoseg.search.trials import events
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.trainable import CaseScore, Split
from tests.search.commands.test_export import refusal, write_checkpoint, write_study

pytestmark = pytest.mark.usefixtures("elsewhere")

ALL = ("studies/mine", "--pick", "1", "--format", "bundle", "--seeds", "all")
OF_ONE = {5: (1, 0.6, 0.6), 6: (2, 0.85, 0.62)}
"""Further trials of candidate 1, whose first has seed 0: their seed and what they reach."""


def write_seeds(further=OF_ONE, tested=(5, 6)):
    folder = write_study()
    folder.journal.append(events.Started(4.0, 4, Candidate(recipe=Recipe(foreground_ratio=0.9)), 0, "random"))
    folder.journal.append(
        events.Finished(4.5, 4, {"accuracy": 0.1, "robustness": 0.05}, {"latency_ms": 2.0}, "", 4.0, 1.0)
    )
    for number, (seed, accuracy, robustness) in further.items():
        values = {"accuracy": accuracy, "robustness": robustness}
        candidate = Candidate(recipe=Recipe(foreground_ratio=0.1))
        folder.journal.append(events.Started(5.0, number, candidate, seed, "replicate"))
        folder.journal.append(events.Finished(6.0, number, values, {"latency_ms": 2.0}, "", 5.0, 1.0))
        if number in tested:
            folder.journal.append(events.Tested(7.0, number, values))
    folder.journal.close()
    return folder


@pytest.fixture
def seen(monkeypatch):
    """What would be exported; nothing is."""
    from paretoseg.trainables.export import writing as export

    found = {}

    def look(folder, record, **settings):
        found.update(vars(record) | settings)
        found["weights"] = [(path / "weights.pt").read_bytes() for path in settings["checkpoints"]]
        return "nothing"

    monkeypatch.setattr(export, "export_model", look)
    return found


def test_all_networks_are_handed_over_in_the_order_of_their_seeds(seen, capsys):
    folder = write_seeds()
    for number in (1, 5, 6):
        with folder.checkpoints.new(number, 1, {}) as path:
            (path / "weights.pt").write_bytes(f"of {number}".encode())
        folder.cases.write(number, 0, Split.TEST, [CaseScore("a", "here", "none", 0, "dice", number / 10)])
    assert main(["export", *ALL]) == 0
    assert seen["weights"] == [b"of 1", b"of 5", b"of 6"]
    assert seen["scores"] == [{"a": 0.1}, {"a": 0.5}, {"a": 0.6}]
    assert seen["metrics"]["test_accuracy"] == pytest.approx((0.8 + 0.6 + 0.85) / 3)
    assert seen["name"] == "mine-candidate-00001"
    assert Path("mine-candidate-00001-bundle").is_dir()
    shown = capsys.readouterr().out
    assert "The probabilities of its 3 networks are averaged: trials 1, 5, 6, seeds 0, 1, 2.\n" in shown
    card = seen["card"]
    assert card.startswith("# mine, candidate 1\n")
    assert "3 networks of one shape, trained with 3 seeds." in card
    assert "| 5 | 1 | 0.6000 | 0.6000 | 0.6000 | 0.6000 |" in card
    assert "takes about 3 times as long as with one network" in card
    assert "on clean images 0.4000" in card  # the mean of the three


def test_without_the_option_one_network_is_exported(seen, capsys):
    folder = write_seeds()
    write_checkpoint(folder, 6)
    write_checkpoint(folder, 1)
    assert main(["export", *ALL[:-2]]) == 0
    assert len(seen["checkpoints"]) == 1
    assert "is nearest to the median of its 3 networks" in capsys.readouterr().out
    assert "The networks" not in seen["card"]


def test_a_candidate_of_one_seed_has_nothing_to_average(capsys):
    write_checkpoint(write_study(), 1)
    error = refusal(capsys, *ALL)
    assert "candidate 1 has one network that was measured on test cases, so there is nothing to average; " in error
    assert "`paretoseg confirm studies/mine --seeds 3` trains it with further seeds, or leave out --seeds all" in error


def test_missing_checkpoints_are_named(capsys):
    folder = write_seeds()
    write_checkpoint(folder, 5)
    assert "the checkpoints of trials 1, 6 of candidate 1 are missing, so not all of its networks" in refusal(
        capsys, *ALL
    )
    write_checkpoint(folder, 1)
    error = refusal(capsys, *ALL)
    assert "the checkpoint of trial 6 of candidate 1 is missing" in error
    assert "or leave out --seeds all to export one network" in error


def test_a_network_that_collapsed_or_was_not_tested_has_no_say():
    folder = write_seeds(OF_ONE | {7: (3, 0.1, 0.1), 8: (4, 0.7, 0.6)})
    [result] = [one for one in folder.read_record().results if one.number == 1]
    assert [trial.trial_id for trial in result.collapsed] == [7]
    assert [trial.trial_id for trial in choose_networks(result, "all")] == [1, 5, 6]
    assert len(choose_networks(result, "median")) == 1


def test_the_card_of_onnx_files_says_where_they_are():
    record = write_seeds().read_record()
    [result] = [one for one in record.results if one.number == 1]
    text = describe_networks(choose_networks(result, "all"), result.as_trial, "onnx")
    assert "Every one has a file, named in `models` of `model.json`" in text
