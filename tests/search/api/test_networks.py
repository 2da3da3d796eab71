"""Networks of a study as modules of torch, and predictions for files and arrays."""

from __future__ import annotations

import re
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from PIL import Image

import paretoseg
from paretoseg.search.api.predicting import HowToPredict, predict
from paretoseg.search.commands.cli import main
from paretoseg.search.config.stored_task import rebuild_task
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.trainables.data.datasets import load_once
from paretoseg.trainables.data.preprocessing import Preprocessing
from paretoseg.trainables.data.raw_images import Preparation
from paretoseg.trainables.evaluation.measuring import predict as evaluate
from paretoseg.trainables.export.bundle import write_bundle
from paretoseg.trainables.networks.capacity import draw_blueprint
from paretoseg.trainables.networks.encoder_decoder import initialise_weights
from tests.search.commands.test_export import OVERRIDES, write_study
from tests.trainables import exports
from tests.trainables.bundle_runs import write

pytestmark = pytest.mark.usefixtures("elsewhere")

PAGE = Path(__file__).parents[3] / "docs" / "python.md"
SPACING = (1.0, 1.25, 0.9)


def how(**changes: object) -> HowToPredict:
    """On the CPU, with nothing asked for but the changes."""
    values = {
        "pick": None, "seeds": None, "spacing_mm": None, "intensity_range": None, "has_probabilities": False,
        "batch": None, "device": "cpu",
    }  # fmt: skip
    return HowToPredict(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def study() -> tuple[paretoseg.StudyView, torch.nn.Module, list[np.ndarray], list[int]]:
    """A study in which trial 1 alone keeps its network; this network, test images, and its window."""
    folder = write_study("studies/quickstart", overrides=(*OVERRIDES, "data.num_validation=3", "data.num_test=3"))
    record = folder.read_record()
    task = rebuild_task(folder, record.created)
    dataset = load_once(task.data)  # type: ignore[attr-defined]
    blueprint = draw_blueprint(record.trials[1].candidate, dataset, task.network_rules)  # type: ignore[attr-defined]
    network = blueprint.build()
    initialise_weights(network, 0)
    with StudyFolder("studies/quickstart").checkpoints.new(1, 1, {}) as path:
        torch.save(network.state_dict(), path / "weights.pt")
    images = [case.image for case in dataset.test[:2]]
    return paretoseg.open_study("studies/quickstart"), network.eval(), images, list(blueprint.window)


def test_a_network_is_ready_to_use_and_predicts_as_the_evaluation_does(study) -> None:
    view, network, images, window = study
    for found in (view.network(1), view.network("1", seeds="median"), view.network(trial=1)):
        assert not found.training
        image = torch.from_numpy(images[0][:, : window[0], : window[1]])[None]
        with torch.inference_mode():
            assert torch.equal(found(image), network(image))
    np.save("case.npy", images[1][0])
    answers = view.predict([images[0], "case.npy", images[1]], pick=1, probabilities=True, device="cpu")
    assert [answer.image for answer in answers] == ["array 0", "case.npy", "array 1"]
    for answer, image in zip(answers, (images[0], images[1], images[1]), strict=True):
        logits = evaluate(network, torch.from_numpy(image)[None], window)
        assert np.array_equal(answer.mask, logits.argmax(dim=1)[0].numpy())
        assert np.allclose(answer.probabilities, logits.softmax(dim=1)[0].numpy(), atol=1e-5)
    assert next(iter(answers[0].classes.items())) == ("background", (0,))
    assert main(["predict", "studies/quickstart", "case.npy", "--pick", "1", "--device", "cpu"]) == 0
    assert np.array_equal(np.load("masks/case_mask.npy"), answers[1].mask)


def test_the_example_of_the_page_runs_as_it_stands_there(study) -> None:
    _, network, images, _ = study
    example = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    names: dict[str, object] = {"paretoseg": paretoseg, "image": images[0]}
    exec(example, names)
    assert isinstance(names["network"], type(network))
    assert names["prediction"].mask.shape == images[0].shape[1:]  # type: ignore[attr-defined]


def test_what_has_no_network_is_refused_as_by_the_command(study) -> None:
    view = study[0]
    for words, message in (
        ({"pick": 0}, "the checkpoint of trial 0 is missing"),
        ({"pick": "knie"}, "did you mean 'knee'"),
        ({"trial": 9}, "the study has 4 trials, and none is number 9"),
        ({"trial": 1, "pick": 1}, "a trial has one network; leave out pick and seeds, or trial"),
    ):
        with pytest.raises(ValueError, match=message):
            view.network(**words)
    with pytest.raises(ValueError, match=r"'absent\.png' is missing; check the path"):
        view.predict("absent.png", pick=1)
    with pytest.raises(ValueError, match=r"^'array 0': intensities must lie in \[0, 1\] after scaling, got 0..255"):
        view.predict(np.linspace(0, 255, 40 * 40).reshape(40, 40), pick=1, device="cpu")


def test_an_array_of_a_volume_gets_the_mask_of_its_file() -> None:
    model = exports.build_model(exports.draw(3, window=16), preparation=Preparation(Preprocessing(), SPACING))
    Path("bundle").mkdir()
    write_bundle(Path("bundle"), model)
    volume = (exports.build_case(14, 22, 18).image[0] * 1000).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([1.2, 1.0, 0.8, 1.0])), "scan.nii.gz")
    [of_file] = predict("bundle", Path("scan.nii.gz"), how())
    assert len(np.unique(of_file.mask)) > 1
    [of_array] = predict("bundle", volume.astype(np.float64), how(spacing_mm=(1.2, 1.0, 0.8)))
    assert np.array_equal(of_array.mask, of_file.mask)
    for words, message in (
        ({}, "array 0: an array does not say how large its voxels are; give spacing_mm"),
        ({"spacing_mm": (1.0, 0.0, 1.0)}, "array 0: spacing_mm must be three positive numbers"),
        ({"intensity_range": (0.0, 255.0)}, "prepares raw files itself, as in training; leave out intensity_range"),
        ({"batch": 0}, "batch must be at least 1, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            predict("bundle", volume, how(**words))


def test_pictures_as_arrays_are_scaled_as_asked() -> None:
    write(Path("bundle"), exports.draw())
    picture = (exports.build_case(40, 50).image[0] * 255).astype(np.uint8)
    Image.fromarray(picture).save("picture.png")
    settings = how(intensity_range=(0.0, 255.0))
    of_file, of_array = predict("bundle", ["picture.png", picture], settings)
    assert np.array_equal(of_file.mask, of_array.mask)
    assert of_array.mask.shape == picture.shape
    with pytest.raises(ValueError, match="array 0: this network takes no voxel sizes; leave out spacing_mm"):
        predict("bundle", picture, how(intensity_range=(0.0, 255.0), spacing_mm=(1.0, 1.0)))
