import numpy as np
import pytest
import torch

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.datasets import Case, Dataset, load_once
from paretoseg.trainables.data.placement import place
from paretoseg.trainables.data.preprocessing import Original
from paretoseg.trainables.data.textures import TexturesConfig
from paretoseg.trainables.networks.checkpoint import WEIGHTS_FILE
from paretoseg.trainables.scoring.objectives import select_means
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.segmentation.gallery import MAX_EDGE, find_cases, render_cases, render_predictions
from paretoseg.trainables.trainable import CLEAN_CONDITION, Assignment, Condition, Split

CANDIDATE = Candidate(Architecture(depth=2, width=4), Recipe(patch=32))
CONDITIONS = [CLEAN_CONDITION, Condition("gaussian_noise", 4), Condition("gaussian_blur", 2)]


@pytest.fixture(scope="module")
def task():
    data = TexturesConfig(image_size=32, num_train=2, num_validation=3, num_test=2)
    return SegmentationConfig(
        num_steps=1, iterations_per_step=2, corruptions=["gaussian_noise", "gaussian_blur"]
    ).build(data)


@pytest.fixture(scope="module")
def trained(task, tmp_path_factory):
    """A trained network's folder and the rows that its evaluation made."""
    folder = tmp_path_factory.mktemp("checkpoint")
    trainable = task.build(Assignment(CANDIDATE, seed=3))
    trainable.step()
    trainable.save(folder)
    return folder, trainable.evaluate(Split.VALIDATION).cases


def show(task, folder, names=("validation_001",), candidate=CANDIDATE):
    cases = find_cases(task, Split.VALIDATION, names)
    return render_predictions(task, Assignment(candidate, seed=3), folder, cases, CONDITIONS)


def test_the_pictures_show_what_was_measured(task, trained):
    folder, rows = trained
    answers = show(task, folder, ["validation_002", "validation_000"])
    assert len(answers) == 6
    measured = {(row.case, row.condition): row.value for row in select_means(rows, "dice")}
    for view, answer in answers.items():
        assert answer.dice == pytest.approx(measured[view], abs=1e-6)
        assert answer.predicted.shape == (32, 32)
        assert answer.predicted.dtype == np.uint8


def test_a_clean_scene_is_the_case_itself(task):
    [case] = find_cases(task, Split.TEST, ["test_001"])
    scene = render_cases(task, [case], [CLEAN_CONDITION])["test_001", CLEAN_CONDITION]
    assert np.array_equal(scene.reference, case.label)
    assert scene.image == pytest.approx(case.image[0] * 255, abs=0.5001)


def test_a_corrupted_scene_differs_and_is_always_the_same(task):
    [case] = find_cases(task, Split.TEST, ["test_000"])
    once, again = (render_cases(task, [case], CONDITIONS) for _ in range(2))
    clean, noisy = once["test_000", CLEAN_CONDITION], once["test_000", CONDITIONS[1]]
    assert not np.array_equal(clean.image, noisy.image)
    assert np.array_equal(noisy.image, again["test_000", CONDITIONS[1]].image)
    assert np.array_equal(noisy.reference, clean.reference)


def volume_of(image, label):
    original = Original(image, label, place(label.shape, (1.0,) * 3, (1.0,) * 3))
    return Case("volume", "here", "someone", "test", image, label, original)


def test_a_coarse_and_cropped_volume_is_drawn_whole_on_the_grid_that_networks_see(task):
    label = np.zeros((8, 8, 6), np.uint8)
    label[2:4, 1:5] = 1
    placement = place(label.shape, (1.0, 1.0, 1.0), (2.0, 1.0, 1.0)).cropped_to((slice(1, 4), slice(0, 8), slice(0, 5)))
    image = np.full((1, 4, 8, 6), 0.2, np.float32)
    prepared = placement.resample_label(label)[placement.slices]
    original = Original(image, label, placement, is_cropped=True)
    case = Case("volume", "here", "someone", "test", image[:, 1:, :, :5], prepared, original)
    scenes = render_cases(task, [case], CONDITIONS)
    clean, noisy = scenes["volume", CLEAN_CONDITION], scenes["volume", CONDITIONS[1]]
    assert clean.place == noisy.place == "slice 2 of 4"
    assert np.array_equal(clean.reference, placement.resample_label(label)[1])
    assert clean.image.shape == noisy.image.shape == (8, 6)
    assert (clean.image[:, :5] == 51).all()
    assert not clean.image[:, 5:].any()
    assert noisy.image[:, 5:].all()  # noise is nowhere 0, so a file like that would not be cropped


def test_a_volume_is_shown_by_the_slice_with_most_of_the_reference(task):
    image, label = np.zeros((1, 4, 8, 8), np.float32), np.zeros((4, 8, 8), np.uint8)
    image[0, 2], label[2, 1:5], label[1, 0, 0] = 1.0, 1, 1
    case = volume_of(image, label)
    scene = render_cases(task, [case], [CLEAN_CONDITION])["volume", CLEAN_CONDITION]
    assert np.array_equal(scene.reference, label[2])
    assert (scene.image == 255).all()
    assert scene.place == "slice 3 of 4"


def test_a_volume_without_any_reference_is_shown_by_its_middle_slice(task):
    image = np.linspace(0, 1, 5, dtype=np.float32)[np.newaxis, :, np.newaxis, np.newaxis] * np.ones(
        (1, 5, 4, 4), np.float32
    )
    case = volume_of(image, np.zeros((5, 4, 4), np.uint8))
    scene = render_cases(task, [case], [CLEAN_CONDITION])["volume", CLEAN_CONDITION]
    assert scene.place == "slice 3 of 5"
    assert (scene.image == 128).all()


def test_colour_volumes_keep_their_colours_and_classes(task):
    image, label = np.zeros((3, 4, 8, 6), np.float32), np.zeros((4, 8, 6), np.uint8)
    image[2, 1], label[1, :3], label[1, 5:] = 1.0, 1, 2
    case = volume_of(image, label)
    scene = render_cases(task, [case], [CLEAN_CONDITION])["volume", CLEAN_CONDITION]
    assert scene.image.shape == (8, 6, 3)
    assert (scene.image == [0, 0, 255]).all()
    assert np.array_equal(scene.reference, label[1])
    assert scene.place == "slice 2 of 4"


def test_three_channels_are_colours_and_large_images_lose_pixels(task):
    size = 2 * MAX_EDGE + 2
    image, label = np.zeros((3, size, 9), np.float32), np.zeros((size, 9), np.uint8)
    image[1] = 1.0
    case = Case("wide", "here", "someone", "test", image, label)
    scene = render_cases(task, [case], [CLEAN_CONDITION])["wide", CLEAN_CONDITION]
    assert scene.image.shape == (172, 3, 3)
    assert scene.reference.shape == (172, 3)
    assert (scene.image == [0, 255, 0]).all()


def test_a_case_that_is_gone_is_named(task):
    with pytest.raises(ValueError, match="no test case 'lost' any more; bring back the data"):
        find_cases(task, Split.TEST, ["test_000", "lost"])


def test_weights_that_are_missing_damaged_or_of_another_network_are_refused_in_one_line(task, trained, tmp_path):
    with pytest.raises(ValueError, match=r"holds no weights\.pt"):
        show(task, tmp_path)
    for content in (b"", b"no weights at all", (trained[0] / WEIGHTS_FILE).read_bytes()[:900]):
        (tmp_path / WEIGHTS_FILE).write_bytes(content)
        with pytest.raises(ValueError, match=r"weights\.pt does not hold the weights of this trial") as error:
            show(task, tmp_path)
        assert "\n" not in str(error.value)
    torch.save([1, 2], tmp_path / WEIGHTS_FILE)
    with pytest.raises(ValueError, match="does not hold the weights"):
        show(task, tmp_path)
    with pytest.raises(ValueError, match="does not hold the weights"):
        show(task, trained[0], candidate=Candidate(Architecture(depth=3, width=8), Recipe(patch=32)))


def test_the_data_is_loaded_once(task):
    assert isinstance(load_once(task.data), Dataset)
    assert find_cases(task, Split.TEST, ["test_000"])[0] is load_once(task.data).test[0]
