"""A mask passes if it is the evaluation's but for ties, and a case is chosen that would show a turned image."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from paretoseg.trainables.data.placement import place
from paretoseg.trainables.evaluation.measuring import predict
from paretoseg.trainables.export.proof import (
    TIE,
    ProofError,
    Reference,
    check_score,
    find_cause,
    is_asymmetric,
    make_reference,
)
from paretoseg.trainables.scoring.measures import AbsentClasses, Scoring
from tests.trainables.exports import build_case, build_network, draw

LOGITS = torch.zeros(2, 4, 6)
LOGITS[1, :2, :3] = 1.0
LOGITS[1, 2:] = -1.0
LOGITS[1, :2, 3:] = -TIE / 2
PLACEMENT = place((4, 6), (1.0, 1.0), (1.0, 1.0))


@pytest.fixture
def reference() -> Reference:
    return Reference(build_case(4, 6), LOGITS, PLACEMENT)


def test_the_evaluations_mask_passes(reference: Reference) -> None:
    assert reference.check(reference.mask.astype(np.uint8), "it") == (
        "it: equal to the evaluation in all 24 pixels of case 'case'"
    )


def test_a_tie_may_go_either_way_and_is_named(reference: Reference) -> None:
    mask = reference.mask.copy()
    mask[0, 3] = 1
    assert reference.check(mask, "it").endswith("1 of them ties of two classes")


def test_one_wrong_pixel_fails(reference: Reference) -> None:
    mask = reference.mask.copy()
    mask[3, 5] = 1
    with pytest.raises(ProofError, match="differs in 1 of 24 pixels"):
        reference.check(mask, "it")


@pytest.mark.parametrize("turned", [np.fliplr, np.flipud])
def test_a_mirrored_mask_fails(reference: Reference, turned: object) -> None:
    with pytest.raises(ProofError, match="differs in"):
        reference.check(turned(reference.mask), "it")  # type: ignore[operator]


def test_a_transposed_mask_fails(reference: Reference) -> None:
    with pytest.raises(ProofError, match=r"shape \(6, 4\)"):
        reference.check(reference.mask.T, "it")


def test_a_class_that_does_not_exist_fails(reference: Reference) -> None:
    with pytest.raises(ProofError, match="differs in 24 of 24"):
        reference.check(np.full((4, 6), 7), "it")


def test_masks_that_look_alike_from_two_sides_tell_nothing() -> None:
    mask = np.zeros((4, 4), int)
    assert not is_asymmetric(mask)
    mask[1, 2] = 1
    assert is_asymmetric(mask)
    mask[2, 1] = 1
    assert not is_asymmetric(mask)
    assert not is_asymmetric(np.eye(4, dtype=int))


def test_a_volume_that_looks_alike_with_its_first_and_last_axis_swapped_tells_nothing() -> None:
    volume = np.zeros((4, 5, 4), int)
    volume[0, 1, 2] = volume[2, 1, 0] = 1
    assert not is_asymmetric(volume)
    volume[3, 4, 1] = 2
    assert is_asymmetric(volume)


def test_the_reference_is_the_evaluations_prediction() -> None:
    network = build_network(draw())
    case = build_case(40, 70)
    logits = predict(network, torch.from_numpy(case.image)[None], (32, 32))[0]
    assert torch.equal(make_reference(network, [case], (32, 32), (1.0, 1.0)).logits, logits)


def test_a_score_that_was_not_recorded_for_this_network_fails() -> None:
    perfect = Reference(build_case(4, 6), torch.stack([torch.ones(4, 6), torch.zeros(4, 6)]), PLACEMENT)
    scoring = Scoring(("background", "spot"), (1.0, 1.0))
    check_score(perfect, 1.0, scoring, is_native=True)
    with pytest.raises(ProofError, match=r"reaches Dice 1.000 on case 'case', the study recorded 0.900"):
        check_score(perfect, 0.9, scoring, is_native=False)


def test_a_score_is_compared_with_the_mean_that_the_study_records_where_a_class_is_absent() -> None:
    label = np.zeros((4, 6), np.uint8)
    label[:2, :3] = 1
    # Twice as much of the first class as there is: a Dice of 2/3. The second class is in neither mask.
    logits = torch.stack([torch.zeros(4, 6), torch.full((4, 6), -1.0), torch.full((4, 6), -1.0)])
    logits[1, :2] = 1.0
    reference = Reference(dataclasses.replace(build_case(4, 6), label=label), logits, PLACEMENT)
    counted = Scoring(("background", "head", "tail"), (1.0, 1.0))
    skipped = dataclasses.replace(counted, absent_classes=AbsentClasses.skip)
    for is_native in (True, False):
        check_score(reference, 2 / 3, skipped, is_native=is_native)
        check_score(reference, 5 / 6, counted, is_native=is_native)
        with pytest.raises(ProofError, match=r"reaches Dice 0\.667 .* recorded 0\.833"):
            check_score(reference, 5 / 6, skipped, is_native=is_native)


def test_the_first_of_chained_errors_is_the_cause() -> None:
    output = (
        "Traceback ...\n  File x\npkg.module.LoadError: no file\n\nThe above exception\nRuntimeError: failed\n set it\n"
    )
    assert find_cause(output) == "pkg.module.LoadError: no file"
    assert find_cause("\nno images at 'x'\n") == "no images at 'x'"
    assert find_cause("") == ""
