"""`paretoseg predict`: masks of images by a bundle or a study, and what it refuses."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from PIL import Image

from paretoseg.search.commands.cli import main
from paretoseg.search.commands.prediction_files import KNOWN, plan_targets
from paretoseg.search.config.stored_task import rebuild_task
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.trainables.data.datasets import load_once
from paretoseg.trainables.data.preprocessing import Preprocessing
from paretoseg.trainables.data.raw_images import Preparation, prepare_file
from paretoseg.trainables.evaluation.measuring import predict
from paretoseg.trainables.evaluation.restoring import restore_mask, restore_probabilities
from paretoseg.trainables.export.applying import AppliedBundle
from paretoseg.trainables.export.bundle import write_bundle
from paretoseg.trainables.networks.capacity import draw_blueprint
from paretoseg.trainables.networks.encoder_decoder import initialise_weights
from tests.search.commands.test_export import OVERRIDES, write_study
from tests.trainables import exports
from tests.trainables.bundle_runs import write

pytestmark = pytest.mark.usefixtures("elsewhere")

PREPARATION = Preparation(Preprocessing(spacing_mm=[1.0, 1.25, 0.9], crop_foreground=True), (1.0, 1.25, 0.9))
AFFINE = np.array([[0, 0, -1.5, 30], [1.0, 0, 0, -20], [0, 0.8, 0, 10], [0, 0, 0, 1]])


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """The lines that the command answers with exit code 2; nothing is written."""
    before = set(Path().rglob("*"))
    assert main(["predict", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("paretoseg: ")
    assert set(Path().rglob("*")) == before
    return error.removeprefix("paretoseg: ").splitlines()


def write_pictures(*names: str, extents: tuple[int, int] = (40, 50)) -> np.ndarray:
    image = (exports.build_case(*extents).image[0] * 255).astype(np.uint8)
    Path("images").mkdir(exist_ok=True)
    for name in names:
        Image.fromarray(image).save(Path("images") / name)
    return image


def write_volume_bundle() -> torch.nn.Module:
    model = exports.build_model(exports.draw(3, window=16), preparation=PREPARATION)
    Path("bundle").mkdir()
    write_bundle(Path("bundle"), model)
    return model.build_network()


def write_scan(path: Path) -> None:
    array = (exports.build_case(14, 22, 18).image[0] * 1000).astype(np.int16)
    array[:2] = 0
    path.parent.mkdir(exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, AFFINE), path)


def test_a_scans_mask_and_probabilities_are_those_of_the_evaluation_on_its_own_grid(
    capsys: pytest.CaptureFixture[str],
) -> None:
    network, scan = write_volume_bundle(), Path("scans/scan.nii.gz")
    write_scan(scan)
    words = ["predict", "bundle", str(scan), "--output", "new/out", "--device", "cpu", "--probabilities", "--json"]
    assert main(words) == 0
    [row] = json.loads(capsys.readouterr().out)
    image, placement = prepare_file(scan, PREPARATION, 1)
    logits = predict(network, torch.from_numpy(image)[None], [16] * 3)[0]
    expected = placement.turn_back(restore_mask(logits, placement.placement).numpy())
    assert len(np.unique(expected)) > 1
    mask = nibabel.load("new/out/scan_mask.nii.gz")
    assert np.array_equal(np.asarray(mask.dataobj), expected)
    assert np.allclose(mask.affine, AFFINE)
    shares = np.moveaxis(np.asarray(nibabel.load("new/out/scan_probabilities.nii.gz").dataobj), -1, 0)
    wanted = restore_probabilities(logits, placement.placement).numpy()
    assert np.allclose(shares, np.stack([placement.turn_back(share) for share in wanted]), atol=1e-5)
    assert row["mask"] == "new/out/scan_mask.nii.gz"
    assert row["left_voxels"] == int((expected == 1).sum())
    assert row["left_ml"] == pytest.approx(row["left_voxels"] * 1.2 / 1000, abs=1e-4)
    assert not list(Path("bundle").rglob("__pycache__"))


@pytest.mark.parametrize("batch", [[], ["--batch", "2"]])
def test_pictures_of_one_shape_go_through_the_network_together_and_get_the_same_masks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], batch: list[str]
) -> None:
    network, sizes, segment = write(Path("bundle"), exports.draw()), [], AppliedBundle.segment

    def count(self: AppliedBundle, items: list[dict[str, object]], **settings: bool) -> object:
        sizes.append(len(items))
        return segment(self, items, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(AppliedBundle, "segment", count)
    image = write_pictures("a.png", "b.png", "c.tif")
    write_pictures("d.png", extents=(33, 70))
    assert main(["predict", "bundle", "images", "--intensity-range", "0,255", "--device", "cpu", *batch]) == 0
    assert sizes == ([2, 1, 1] if batch else [3, 1])
    expected = (
        predict(network, torch.from_numpy(image / np.float32(255))[None, None], [32, 32]).argmax(dim=1)[0].numpy()
    )
    for name in ("a_mask.png", "b_mask.png", "c_mask.tif"):
        with Image.open(Path("masks") / name) as mask:
            assert np.array_equal(np.asarray(mask), expected)
    shown = capsys.readouterr().out
    assert "[4/4] masks/d_mask.png: left " in shown
    assert shown.endswith("Written: 4 masks in masks\n")


def test_everything_that_is_wrong_is_in_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("bundle"), exports.draw())
    write_pictures("good.png", "bright.png")
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save("images/colour.png")
    Path("images/broken.png").write_bytes(b"no picture")
    Path("empty").mkdir()
    Path("report.pdf").write_text("")
    lines = refusal(capsys, "bundle", "images", "absent.png", "report.pdf", "empty", "--device", "cpu")
    assert lines[:3] == [
        "'absent.png' is missing; check the path",
        f"'report.pdf' is of an unknown kind; known endings: {', '.join(KNOWN)}; convert it",
        f"'empty' holds no images ({', '.join(KNOWN)}); name another folder",
    ]
    assert [line.split(":")[0] for line in lines[3:]] == [
        f"'images/{name}.png'" for name in ("bright", "broken", "colour")
    ]
    assert "good.png" in lines[3], "files with the same fault are one line"
    assert "cannot be read (" in lines[4]
    assert "must have 1 channel(s), got 3" in lines[5] or "spatial axes" in lines[5]


def test_a_file_that_exists_is_kept_skipped_or_replaced_as_asked(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("bundle"), exports.draw())
    write_pictures("a.png", "b.png")
    Path("masks").mkdir()
    Path("masks/a_mask.png").write_bytes(b"mine")
    words = ["bundle", "images", "--intensity-range", "0,255", "--device", "cpu"]
    [line] = refusal(capsys, *words)
    assert "'masks/a_mask.png' exists already and is not overwritten" in line
    assert main(["predict", *words, "--existing", "skip"]) == 0
    assert Path("masks/a_mask.png").read_bytes() == b"mine"
    shown = capsys.readouterr().out
    assert "1 of 2 images have their masks and are skipped." in shown
    assert "Written: 1 mask in masks" in shown
    assert main(["predict", *words, "--existing", "replace"]) == 0
    assert Path("masks/a_mask.png").read_bytes() == Path("masks/b_mask.png").read_bytes()


def test_images_that_would_share_a_mask_or_lie_in_its_place_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("bundle"), exports.draw())
    write_pictures("a.png", "a.jpg", "b.png", "b_mask.png")
    words = ["bundle", "images", "--output", "images", "--existing", "replace", "--intensity-range", "0,255"]
    lines = refusal(capsys, *words, "--device", "cpu")
    assert lines[0].startswith("'images/a.jpg' and 'images/a.png' would both be written to 'images/a_mask.png'")
    assert lines[1].startswith("'images/b_mask.png' is an image and would be overwritten by the mask of 'images/b.png'")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bundle", "images", "--pick", "knee"], "which holds what was picked; leave out --pick and --seeds"),
        (["bundle", "images", "--batch", "0"], "--batch must be at least 1, got 0"),
        (["bundle", "images", "--device", "tpu"], "--device must be auto, cpu, cuda or cuda:N, got 'tpu'"),
        (["bundle", "images", "--device", "cuda:99"], "--device cuda:99: torch sees "),
        (["bundle", "images", "--intensity-range", "255"], "must be two numbers, the lower one first, such as 0,255"),
        (["bundle", "images", "--output", "bundle/architecture.yaml/x"], "bundle/architecture.yaml' is a file"),
        (["onnx", "images"], "'onnx' is an export as onnx; segment.py in it applies it, or export a bundle"),
        (["part", "images"], "'part' is no whole bundle: models/model.pt and configs/metadata.json missing; copy all"),
        (["nowhere", "images"], "no study at 'nowhere'"),
    ],
)
def test_a_mistake_in_the_command_is_refused(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    write(Path("bundle"), exports.draw())
    write_pictures("a.png")
    for place, name in (("onnx", "model.json"), ("part/configs", "inference.json")):
        Path(place).mkdir(parents=True)
        (Path(place) / name).write_text("{}")
    assert message in refusal(capsys, *words)[0]


def test_a_range_of_intensities_is_refused_where_the_bundle_prepares_files(capsys: pytest.CaptureFixture[str]) -> None:
    write_volume_bundle()
    write_scan(Path("scan.nii.gz"))
    [line] = refusal(capsys, "bundle", "scan.nii.gz", "--intensity-range", "0,255", "--device", "cpu")
    assert line == "this network prepares raw files itself, as in training; leave out --intensity-range"


def test_a_damaged_bundle_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("bundle"), exports.draw())
    write_pictures("a.png")
    Path("bundle/models/model.pt").write_bytes(b"nothing")
    [line] = refusal(capsys, "bundle", "images", "--device", "cpu")
    assert line.startswith("the bundle 'bundle' cannot be loaded (")
    assert line.endswith("); export it again, or copy all of it")


def test_ctrl_c_keeps_what_is_written_and_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(Path("bundle"), exports.draw())
    write_pictures("a.png", "b.png", "c.png")
    segment = AppliedBundle.segment

    def interrupt(self: AppliedBundle, items: list[dict[str, object]], **settings: bool) -> object:
        if "c.png" in str(items[0]["image"].meta):  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        return segment(self, items, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(AppliedBundle, "segment", interrupt)
    words = ["predict", "bundle", "images", "--intensity-range", "0,255", "--device", "cpu", "--batch", "1"]
    assert main(words) == 75
    assert "Interrupted: 2 of 3 masks are written; --existing skip goes on from here." in capsys.readouterr().out
    assert sorted(path.name for path in Path("masks").iterdir()) == ["a_mask.png", "b_mask.png"]
    monkeypatch.undo()


def test_a_network_of_a_study_is_picked_and_applied(capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_study(overrides=(*OVERRIDES, "data.num_validation=3", "data.num_test=3"))
    record = folder.read_record()
    task = rebuild_task(folder, record.created)
    dataset = load_once(task.data)  # type: ignore[attr-defined]
    blueprint = draw_blueprint(record.trials[1].candidate, dataset, task.network_rules)  # type: ignore[attr-defined]
    network = blueprint.build()
    initialise_weights(network, 0)
    with StudyFolder("studies/mine").checkpoints.new(1, 1, {}) as path:
        torch.save(network.state_dict(), path / "weights.pt")
    case = dataset.test[0]
    np.save("case.npy", case.image[0])
    assert main(["predict", "studies/mine", "case.npy", "--pick", "1", "--device", "cpu"]) == 0
    expected = predict(network.eval(), torch.from_numpy(case.image)[None], blueprint.window).argmax(dim=1)[0].numpy()
    assert np.array_equal(np.load("masks/case_mask.npy"), expected)
    shown = capsys.readouterr().out
    assert "Candidate 1 " in shown
    assert (
        "the checkpoint of trial 0 is missing"
        in refusal(capsys, "studies/mine", "case.npy", "--pick", "0", "--output", "o")[0]
    )


def test_an_image_with_a_file_for_every_channel_is_one_image() -> None:
    Path("scans").mkdir()
    for name in ("a_0000.nii.gz", "a_0001.nii.gz", "b_0001.nii.gz", "c_2024.nii.gz"):
        (Path("scans") / name).write_bytes(b"")
    plan = partial(plan_targets, ["scans"], Path("masks"), "refuse", has_probabilities=False)
    targets, findings = plan(files_per_image=2)
    assert not findings
    assert [target.mask.name for target in targets] == [f"{name}_mask.nii.gz" for name in ("a", "b_0001", "c_2024")]
    targets, findings = plan(files_per_image=1)
    assert not findings
    assert len(targets) == 4, "numbered images of their own"
