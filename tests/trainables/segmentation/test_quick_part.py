"""Quick measurements: only where somebody needs them, cheap, and not multiplied by shift sets."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.scoring.battery_share import PASSES_OF_TRAINING, count_shapes
from paretoseg.trainables.scoring.objectives import RobustnessOver
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.quick_part import choose_quick_part, fit_quick_images
from paretoseg.trainables.trainable import CLEAN_CONDITION, Assignment, Split

SETS = ["blend_0.50", "blend_0.60", "blend_0.70"]
DATA = TexturesConfig(image_size=40, num_train=4, num_validation=6, num_test=2, shift=SETS)
CONFIG = SegmentationConfig(num_steps=3, iterations_per_step=2, pixels_per_batch=4096)


def part_of(**changes: object):
    task = dataclasses.replace(CONFIG, **changes).build(DATA)
    return choose_quick_part(task.settings, task.rule, DATA.load())


def test_shift_sets_count_like_one_corruption_and_in_earlier_studies_like_one_each() -> None:
    part = part_of(num_quick_cases=4)
    assert len(part.cases) == 4
    assert sorted(map(len, part.shift.values())) == [1, 1, 2]
    assert part.num_images == 4 * (1 + 3 + 1)
    assert {condition.shift for condition in part.battery.conditions} == {"", *SETS}
    assert part_of(num_quick_cases=4, quick_share=0.0).num_images == 4 * (1 + 3 + 3)
    assert not part_of(robustness_over=RobustnessOver.corruptions).shift


@pytest.mark.parametrize("images", [1, 2, 3, 4, 5, 9, 10, 11, 14])
def test_a_quick_measurement_has_at_most_as_many_images_as_it_may(images: int) -> None:
    part = part_of(quick_images=images)
    assert 2 <= part.num_images <= max(images, 2)
    assert part.num_images > images - 5
    assert part.battery.conditions[0] == CLEAN_CONDITION
    assert [case.name for case in part.cases] == [case.name for case in part_of(quick_images=images).cases]


def test_what_few_images_measure_is_a_part_of_what_more_do() -> None:
    few, many = part_of(quick_images=3), part_of()
    assert {one for one in few.battery.conditions if not one.shift} < {*many.battery.conditions}
    assert {case.name for case in few.cases} < {case.name for case in many.cases}


def test_the_number_of_images_keeps_to_its_share_of_training() -> None:
    dataset, trained = DATA.load(), {32: 24_576}
    assert count_shapes(dataset) == {(40, 40): 6 * 4}
    # An image of 40 pixels takes four windows of 32.
    per_image = 4 * 32 * 32 / (PASSES_OF_TRAINING * 24_576)
    config = dataclasses.replace(CONFIG, quick_share=0.5)
    assert fit_quick_images(config, dataset, trained, 3) == int(0.5 / (3 * per_image)) == 3
    assert fit_quick_images(config, dataset, trained, 100) == 2


def test_a_study_keeps_the_number_of_images_unless_it_is_set_or_nobody_needs_any() -> None:
    def settle(*judged: int, **changes: object) -> int:
        config = dataclasses.replace(CONFIG, **changes)
        return config.settle_measuring(DATA, SearchSpace({"patch": [32, 48]}), lambda _: judged).quick_images

    assert settle(1, 3) == 2
    assert settle(1, 3, quick_share=5.0) > settle(1, 2, 3, quick_share=5.0) > 2
    assert settle() == settle(1, 3, quick_share=0.0) == 0
    assert settle(1, 3, quick_images=7) == 7


def test_a_trial_is_measured_after_the_steps_that_somebody_needs_and_trains_the_same() -> None:
    candidate = Candidate(Architecture(depth=2, width=4), Recipe(patch=32))
    task = CONFIG.build(dataclasses.replace(DATA, shift=[]))
    all_steps, some = (task.build(Assignment(candidate, 1, quick_steps=steps)) for steps in (None, (2,)))
    measured = [[trial.step().values for _ in range(trial.num_steps)] for trial in (all_steps, some)]
    assert [bool(values) for values in measured[0]] == [True, True, True]
    assert measured[1] == [{}, measured[0][1], {}]
    states = (trial._network.state_dict().values() for trial in (all_steps, some))
    assert all(torch.equal(one, other) for one, other in zip(*states, strict=True))
    first, second = (trial.evaluate(Split.VALIDATION).objectives for trial in (all_steps, some))
    assert first == second
