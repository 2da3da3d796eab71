import math

import pytest

from paretoseg.spaces.cost_objectives import COST_OBJECTIVES
from paretoseg.spaces.objective import Direction, Objective, reference_point, to_losses
from paretoseg.spaces.objective_choice import OBJECTIVE_NAMES, USUAL, choose_objectives

SCORES = tuple(Objective(name, "Dice", Direction.MAXIMISE, 0.0) for name in (*USUAL, "worst_group", "nsd"))
MEASURABLE = (*SCORES, *COST_OBJECTIVES.values())


def test_every_objective_has_its_name_in_the_list_and_none_is_missing():
    assert tuple(item.name for item in MEASURABLE) == OBJECTIVE_NAMES


def test_objectives_keep_the_order_in_which_they_are_named():
    choice = choose_objectives(MEASURABLE, ["parameters", "accuracy"])
    assert choice.names == ("parameters", "accuracy")
    assert choice.beside == ("robustness",)
    assert choice.name_costs(("parameters", "flops")) == ("flops", "robustness")
    assert choice.select({"flops": 3.0, "accuracy": 0.5, "parameters": 7.0}).values == {
        "parameters": 7.0,
        "accuracy": 0.5,
    }


def test_a_score_with_a_constraint_is_measured_beside_the_objectives():
    assert choose_objectives(MEASURABLE, USUAL, constrained=["nsd", "flops"]).beside == ("nsd",)


@pytest.mark.parametrize(
    ("names", "reference", "message"),
    [
        (["accuracy"], {}, r"objectives must name at least two, got \[accuracy\]"),
        (["accuracy", "flops", "accuracy"], {}, "objectives names accuracy twice"),
        (["accuracy", "parmeters"], {}, "unknown objective 'parmeters'; did you mean 'parameters'?"),
        (["accuracy", "flops"], {"robustness": 0.1}, "reference names robustness, which is no objective"),
        (["accuracy", "flops"], {"accuracy": math.inf}, "reference.accuracy must be finite"),
        (["accuracy", "flops"], {"flops": 1e6}, r"reference.flops must be above 1e\+06 FLOP, where its scale starts"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_in_one_line(names, reference, message):
    with pytest.raises(ValueError, match=message) as caught:
        choose_objectives(MEASURABLE, names, reference)
    assert "\n" not in str(caught.value)


def test_what_the_task_does_not_measure_is_refused():
    with pytest.raises(ValueError, match="this task does not measure nsd apart; its objectives may be accuracy, "):
        choose_objectives(MEASURABLE[:2], ["accuracy", "nsd"])


def test_a_reference_replaces_the_usual_one():
    choice = choose_objectives(MEASURABLE, ["accuracy", "parameters"], {"accuracy": 0.5, "parameters": 1e6})
    assert [item.reference for item in choice.objectives] == [0.5, 1e6]
    assert reference_point(choice.objectives).tolist() == [-0.5, 1.0]


@pytest.mark.parametrize("objective", COST_OBJECTIVES.values(), ids=lambda item: item.name)
def test_a_cost_is_measured_in_decades_between_ideal_and_reference(objective):
    decades = math.log10(objective.reference / objective.ideal)
    assert objective.to_loss(objective.ideal) == 0.0
    assert objective.to_loss(objective.reference) == pytest.approx(1.0)
    for value in (objective.ideal * 10.0, objective.reference / 50.0):
        assert objective.to_loss(2.0 * value) - objective.to_loss(value) == pytest.approx(math.log10(2.0) / decades)
        assert objective.from_loss(objective.to_loss(value)) == pytest.approx(value)
    assert math.isfinite(objective.to_loss(0.0))


def test_losses_hold_scores_and_costs_side_by_side():
    objectives = choose_objectives(MEASURABLE, ["accuracy", "parameters"]).objectives
    losses = to_losses(objectives, [{"accuracy": 0.75, "parameters": 1e6}])
    assert losses.tolist() == [[-0.75, pytest.approx(0.5)]]
