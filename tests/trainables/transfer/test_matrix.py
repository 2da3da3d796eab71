"""Gains follow from the scores of networks, and a file holds both."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from paretoseg.trainables.trainable import CaseScore
from paretoseg.trainables.transfer.matrix import join_networks, read_matrix, write_matrix
from paretoseg.trainables.transfer.scores import weigh_severities
from tests.trainables.transfer.matrices import build_matrix, build_network

GAINS = {"spatial": {"motion": 0.0, "ghosting": 5.0}, "noise_blur": {"motion": -2.0, "ghosting": 0.1}}


def test_a_gain_is_the_paired_difference_over_seeds_and_subjects_in_dice_points() -> None:
    gain = build_matrix(GAINS).gains["spatial"]["ghosting"]
    assert gain is not None
    # Cases a1 and a2 are one subject: the means of the subjects are 5.1, 4.9 and 5.1.
    assert gain.points == pytest.approx((5.1 + 4.9 + 5.1) / 3, abs=0.01)
    assert gain.low < 5.0 < gain.high
    assert len(gain.by_seed) == 3


def test_clean_images_have_a_gain_of_their_own_that_no_bound_holds() -> None:
    matrix = build_matrix(GAINS)
    clean = matrix.gains["spatial"]["none"]
    assert clean is not None
    assert clean.points == 0.0
    assert set(matrix.bounds) == {"spatial", "noise_blur"}
    assert set(matrix.bounds["spatial"]) == {"motion", "ghosting"}


@pytest.mark.parametrize("weak", [{"degenerate": "is empty"}, {"scores": {"none": (0.4,) * 4, "motion": (0.4,) * 4}}])
def test_a_weak_network_is_named_and_leaves_the_gains_of_its_kind_unknown(weak: dict[str, object]) -> None:
    matrix = build_matrix(GAINS)
    networks = [
        dataclasses.replace(one, **weak) if (one.kind, one.seed) == ("spatial", 1) else one for one in matrix.networks
    ]
    found = dataclasses.replace(matrix, networks=tuple(networks))
    assert found.gains["spatial"] == {"none": None, "motion": None, "ghosting": None}
    assert found.gains["noise_blur"]["motion"] is not None
    assert set(found.bounds) == {"spatial", "noise_blur"}
    assert found.bounds["spatial"] == {}
    [note] = found.describe_weak()
    assert note.startswith("seed 1, spatial: the network ")


def test_without_the_network_without_augmentation_nothing_is_known() -> None:
    matrix = build_matrix(GAINS)
    networks = [dataclasses.replace(one, degenerate="" if one.kind != "none" else "is full") for one in matrix.networks]
    found = dataclasses.replace(matrix, networks=tuple(networks))
    assert {gain for of_kind in found.gains.values() for gain in of_kind.values()} == {None}


def test_a_corruption_that_could_not_be_measured_is_unknown_and_a_case_without_a_score_is_left_out() -> None:
    matrix = build_matrix(GAINS)
    first, second, *rest = matrix.networks
    lacking = {name: values for name, values in second.scores.items() if name != "motion"}
    partly = {**lacking, "ghosting": (None, *second.scores["ghosting"][1:])}
    networks = (first, dataclasses.replace(second, scores=partly), *rest)
    found = dataclasses.replace(matrix, networks=networks)
    assert found.gains["spatial"]["motion"] is None
    gain = found.gains["spatial"]["ghosting"]
    assert gain is not None
    assert gain.points == pytest.approx((5.2 + 4.9 + 5.1) / 3, abs=0.01)  # subject a is its case a2 alone


def test_a_single_seed_or_subject_gives_no_gain() -> None:
    matrix = build_matrix(GAINS)
    one_seed = dataclasses.replace(matrix, networks=tuple(one for one in matrix.networks if one.seed == 0))
    assert one_seed.gains["spatial"]["motion"] is None
    one_subject = dataclasses.replace(matrix, subjects=dict.fromkeys(matrix.subjects, "same"))
    assert one_subject.gains["spatial"]["motion"] is None


def test_severities_weigh_as_in_robustness() -> None:
    rows = [
        CaseScore("a", "", "motion", 3, "dice", 0.9),
        CaseScore("a", "", "motion", 5, "dice", 0.5),
        CaseScore("a", "", "motion", 5, "nsd", 0.1),
        CaseScore("a", "", "motion", 5, "dice", 0.2, label="nucleus"),
        CaseScore("a", "", "none", 0, "dice", 0.95),
        CaseScore("b", "", "none", 0, "dice", 0.85),
    ]
    weights = (2 / 3) ** 3, (2 / 3) ** 5
    expected = round((0.9 * weights[0] + 0.5 * weights[1]) / sum(weights), 4)
    assert weigh_severities(rows, ["b", "a"]) == {"motion": (None, expected), "none": (0.85, 0.95)}


def test_a_file_gives_back_the_matrix_and_shows_its_gains(tmp_path: Path) -> None:
    matrix, path = build_matrix(GAINS), tmp_path / "transfer.json"
    write_matrix(path, matrix)
    assert read_matrix(path) == matrix
    content = json.loads(path.read_text())
    gain = matrix.gains["spatial"]["motion"]
    assert gain is not None
    assert content["gains"]["spatial"]["motion"] == {
        "points": gain.points, "low": gain.low, "high": gain.high, "by_seed": list(gain.by_seed),
    }  # fmt: skip


def damage(content: dict[str, object], how: str) -> object:
    networks = content["networks"]
    assert isinstance(networks, list)
    match how:
        case "schema":
            return {**content, "schema": 7}
        case "kind":
            networks[1]["kind"] = "sharpening"
        case "corruption":
            content["strengths"] = {"no_such": [1, 2, 3, 4, 5]}
        case "pair":
            networks.pop(1)
        case "case":
            networks[1]["scores"]["motion"].pop()
        case "type":
            networks[1]["seed"] = "first"
    return content


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("schema", "must be a transfer matrix of schema 1, got schema 7"),
        ("kind", "'sharpening' is no corruption or kind of augmentation"),
        ("corruption", "'no_such' is no corruption"),
        ("pair", "every seed needs one network without and one with each kind"),
        ("case", "seed 0, spatial: it needs a score for every case"),
        ("type", "seed"),
    ],
)
def test_a_damaged_file_is_refused_with_the_way_out(tmp_path: Path, how: str, message: str) -> None:
    path = tmp_path / "transfer.json"
    write_matrix(path, build_matrix(GAINS))
    path.write_text(json.dumps(damage(json.loads(path.read_text()), how)))
    with pytest.raises(ValueError, match="run paretoseg transfer again") as refused:
        read_matrix(path)
    assert message in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_missing_file_and_one_that_is_no_json_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is missing; `paretoseg transfer` writes such a file"):
        read_matrix(tmp_path / "transfer.json")
    (tmp_path / "transfer.json").write_text("{")
    with pytest.raises(ValueError, match="cannot be read as a transfer matrix"):
        read_matrix(tmp_path / "transfer.json")


def test_networks_of_several_runs_join_and_the_first_counts() -> None:
    ours, theirs = (build_network("spatial", 0, {"motion": gain}) for gain in (1.0, 2.0))
    other = build_network("spatial", 1, {"motion": 1.0})
    assert join_networks([ours], [theirs, other]) == {("spatial", 0): ours, ("spatial", 1): other}
