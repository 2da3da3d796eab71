"""Several networks in one export predict with the mean of the probabilities that each gives for the whole image."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.inferers.inferer import SlidingWindowInferer
from torch import nn

from paretoseg.trainables.evaluation.measuring import predict
from paretoseg.trainables.export.bundle import configure, write_bundle
from paretoseg.trainables.export.ensemble import Ensemble, EnsembleInferer, average_logits
from paretoseg.trainables.export.onnx_model import describe, write_onnx
from paretoseg.trainables.export.proof import ProofError, make_reference, prove_bundle, prove_onnx
from paretoseg.trainables.export.trained_model import TrainedModel, combine
from paretoseg.trainables.networks.blueprint import Blueprint
from tests.trainables import exports

SEEDS = (0, 1, 2)


def build_ensemble(blueprint: Blueprint, seeds: Sequence[int] = SEEDS) -> tuple[TrainedModel, list[nn.Module]]:
    """Networks of one shape as a model, and one by one; their logits are spread so that averages differ from each."""
    networks = [exports.build_network(blueprint, seed) for seed in seeds]
    for network in networks:
        with torch.no_grad():
            *_, weight = (parameter for parameter in network.parameters() if parameter.ndim > 1)
            weight *= 30.0
    model = dataclasses.replace(
        exports.build_model(blueprint), weights=combine(networks).state_dict(), num_networks=len(networks)
    )
    return model, networks


def soften(logits: np.ndarray) -> np.ndarray:
    """The softmax over the first axis in float64."""
    shares = np.exp(logits.astype(np.float64) - logits.max(axis=0))
    return np.asarray(shares / shares.sum(axis=0))


def test_the_softmax_of_averaged_logits_is_the_mean_of_the_softmaxes() -> None:
    logits = [torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(seed)) * 9 for seed in SEEDS]
    found = average_logits(logits).softmax(dim=1)
    expected = np.mean([[soften(image.numpy()) for image in one] for one in logits], axis=0)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_far_apart_logits_stay_finite() -> None:
    logits = [torch.tensor([[[500.0], [-500.0]]]), torch.tensor([[[-500.0], [500.0]]])]
    assert average_logits(logits).softmax(dim=1).flatten().tolist() == [0.5, 0.5]


def test_every_network_slides_over_the_whole_image_before_the_average() -> None:
    blueprint = exports.draw()
    model, networks = build_ensemble(blueprint)
    image = torch.from_numpy(exports.build_case(50, 70).image)[None]
    settings = {"roi_size": [32, 32], "sw_batch_size": 2, "overlap": 0.25, "mode": "constant"}
    with torch.inference_mode():
        found = EnsembleInferer(**settings)(image, model.build_network()).softmax(dim=1)[0].numpy()
        whole = [SlidingWindowInferer(**settings)(image, network)[0].numpy() for network in networks]
        by_window = SlidingWindowInferer(**settings)(image, model.build_network()).softmax(dim=1)[0].numpy()
    expected = np.mean([soften(logits) for logits in whole], axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(by_window - expected).max() > 1e-3  # the other order would be another prediction
    alone = [np.abs(soften(logits) - expected).max() for logits in whole]
    assert min(alone) > 1e-2


def test_the_reference_of_an_ensemble_is_the_mean_of_the_evaluations_probabilities() -> None:
    model, networks = build_ensemble(exports.draw())
    case = exports.build_case(40, 70)
    image = torch.from_numpy(case.image)[None]
    expected = np.mean([soften(predict(network, image, (32, 32))[0].numpy()) for network in networks], axis=0)
    reference = make_reference(model.build_network(), [case], (32, 32), (1.0, 1.0))
    np.testing.assert_allclose(reference.probabilities, expected, atol=1e-5)


def test_one_network_stays_what_it_is() -> None:
    network = exports.build_network(exports.draw())
    assert combine([network]) is network
    config = configure(exports.draw())
    assert config["network_def"]["_target_"].endswith(".build_network")
    assert config["inferer"]["_target_"] == "SlidingWindowInferer"
    assert describe(exports.build_model(exports.draw()))["models"] == ["model.onnx"]


def test_the_script_of_onnx_averages_probabilities() -> None:
    pytest.importorskip("onnxruntime")
    from paretoseg.trainables.export.onnx_inference import average

    answers = [np.random.default_rng(seed).normal(size=(3, 5, 6)).astype(np.float32) * 200 for seed in SEEDS]
    np.testing.assert_allclose(soften(average(answers)), np.mean([*map(soften, answers)], axis=0), atol=1e-6)
    assert average(answers[:1]) is answers[0]


PROBABILITIES = """\
import json, sys
from pathlib import Path
import numpy as np, torch
from monai.bundle import ConfigParser

image = torch.from_numpy(np.load(sys.argv[1]))[None]
for name in sys.argv[2:]:
    for module in [module for module in sys.modules if module.partition(".")[0] == "scripts"]:
        del sys.modules[module]
    sys.path[0] = name
    parser = ConfigParser(json.loads(Path(name, "configs", "inference.json").read_text()))
    parser.get_parsed_content("load_weights")
    network, inferer = (parser.get_parsed_content(key) for key in ("network_def", "inferer"))
    with torch.inference_mode():
        logits = inferer(image, network.eval())[0]
    np.save(Path(name, "probabilities.npy"), logits.softmax(dim=0).numpy())
"""
"""What a user of a bundle would write to get its probabilities."""


@pytest.mark.usefixtures("monai")
@pytest.mark.slow
def test_a_bundle_of_several_networks_gives_the_mean_of_the_probabilities_of_their_bundles(tmp_path: Path) -> None:
    blueprint = exports.draw()
    model, networks = build_ensemble(blueprint)
    models = [dataclasses.replace(model, weights=one.state_dict(), num_networks=1) for one in networks]
    folders = [tmp_path / name for name in ("all", *map(str, SEEDS))]
    for folder, content in zip(folders, (model, *models), strict=True):
        folder.mkdir()
        write_bundle(folder, content)
    case = exports.build_case(50, 70)
    np.save(tmp_path / "image.npy", case.image)
    words = [sys.executable, "-c", PROBABILITIES, str(tmp_path / "image.npy"), *map(str, folders)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
    subprocess.run(words, check=True, cwd=tmp_path, env=environment)
    together, *alone = (np.load(folder / "probabilities.npy") for folder in folders)
    np.testing.assert_allclose(together, np.mean(alone, axis=0), atol=1e-5)
    assert np.abs(alone[0] - alone[1]).max() > 1e-2

    reference = make_reference(model.build_network(), [case], (32, 32), (1.0, 1.0))
    assert "equal to the evaluation" in prove_bundle(folders[0], reference, tmp_path, (1.0, 1.0))
    of_one = make_reference(networks[0], [case], (32, 32), (1.0, 1.0))
    with pytest.raises(ProofError, match="differs from the evaluation's"):
        prove_bundle(folders[0], of_one, tmp_path, (1.0, 1.0))


@pytest.mark.slow
def test_onnx_files_of_several_networks_give_the_mask_of_their_mean(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    model, _ = build_ensemble(exports.draw(), SEEDS[:2])
    folder = tmp_path / "onnx"
    folder.mkdir()
    write_onnx(folder, model)
    case = exports.build_case(50, 70)
    reference = make_reference(model.build_network(), [case], (32, 32), (1.0, 1.0))
    assert "equal to the evaluation" in prove_onnx(folder, reference, tmp_path)
    settings = json.loads((folder / "model.json").read_text())
    assert settings["models"] == ["model-0.onnx", "model-1.onnx"]
    (folder / "model.json").write_text(json.dumps(settings | {"models": settings["models"][:1]}))
    with pytest.raises(ProofError, match="ONNX Runtime gives a mask that differs"):
        prove_onnx(folder, reference, tmp_path)


def test_an_ensemble_answers_a_window_like_a_network() -> None:
    networks = [exports.build_network(exports.draw(), seed) for seed in SEEDS]
    images = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found = Ensemble(networks)(images)
        expected = torch.stack([network(images).softmax(dim=1) for network in networks]).mean(dim=0)
    torch.testing.assert_close(found.softmax(dim=1), expected, atol=1e-6, rtol=0.0)
