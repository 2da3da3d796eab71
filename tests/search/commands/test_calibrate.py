"""`paretoseg calibrate`, for real on pictures of the texture task that are small, and its refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from paretoseg.search.commands.calibrate import CalibrationPlan
from paretoseg.search.commands.cli import main
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.folder import FolderConfig
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.severities.calibration import read_calibration
from paretoseg.trainables.severities.response import MAX_BISECTIONS, NUM_GRID
from paretoseg.trainables.trainable import Assignment

TINY = (
    "data.image_size=32",
    "data.num_train=4",
    "data.num_validation=2",
    "data.num_test=2",
    "task.num_steps=2",
    "task.iterations_per_step=12",
    "task.pixels_per_batch=4096",
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def calibrate(*words: str) -> int:
    return main(["calibrate", *TINY, *words])


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What the command answers with exit code 2: nothing is left behind."""
    before = set(Path().rglob("*"))
    assert main(["calibrate", *words]) == 2
    assert set(Path().rglob("*")) == before
    return capsys.readouterr().err


def test_a_calibration_is_written_with_its_picture_and_all_that_was_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert calibrate("corruptions=[gaussian_noise]") == 0
    path = Path("calibration-textures_brick_in_gravel.json")
    calibration = read_calibration(path)
    found = calibration.corruptions["gaussian_noise"]
    assert calibration.dataset == "textures_brick_in_gravel"
    assert calibration.reference.num_cases == 2
    assert 0.5 <= calibration.reference.clean_dice <= 1
    assert NUM_GRID <= len(found.curve) <= NUM_GRID + 5 * MAX_BISECTIONS
    assert list(found.lost) == sorted(found.lost)
    assert len(found.lost) == len(found.ssim) == 5
    assert list(found.ssim) == sorted(found.ssim, reverse=True)
    assert len(found.reversals) == 4
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert sorted(item.suffix for item in Path().iterdir()) == [".json", ".png"]
    shown = capsys.readouterr().out
    assert "reference network: step 1 of 2; about " in shown
    assert "[1/1] gaussian_noise: " in shown
    assert f"; SSIM {found.ssim[0]:.4g} " in " ".join(shown.split())
    assert "reversals in up to " in " ".join(shown.split())
    assert f"task.calibration={path}" in shown


def test_the_same_command_finds_the_same_and_another_corruption_joins_what_is_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert calibrate("corruptions=[gaussian_noise]", "--output", "one.json") == 0
    first = Path("one.json").read_bytes()
    assert calibrate("corruptions=[gaussian_noise]", "--output", "one.json") == 0
    assert "Calibrating 0 of 1 corruptions" in capsys.readouterr().out
    assert Path("one.json").read_bytes() == first
    assert calibrate("corruptions=[gaussian_noise,contrast_down]", "--output", "one.json") == 0
    assert "Calibrating 1 of 2 corruptions" in capsys.readouterr().out
    both = read_calibration(Path("one.json")).corruptions
    assert set(both) == {"gaussian_noise", "contrast_down"}
    Path("one.json").unlink()
    assert calibrate("corruptions=[gaussian_noise,contrast_down]", "--output", "one.json") == 0
    assert read_calibration(Path("one.json")).corruptions == both
    assert calibrate("corruptions=[gaussian_noise]", "--output", "one.json", "--cases", "1") == 0
    assert "other data or settings and will be replaced" in " ".join(capsys.readouterr().out.split())


def test_an_interrupted_calibration_goes_on_where_it_was(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import paretoseg.search.commands.calibrate as module

    original, seen = module.calibrate_corruption, []

    def interrupt_at_the_second(network: object, name: str) -> object:
        seen.append(name)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return original(network, name)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "calibrate_corruption", interrupt_at_the_second)
    words = ("corruptions=[gaussian_noise,contrast_down]", "--output", "one.json")
    assert calibrate(*words) == 75
    assert not Path("one.json").exists()
    assert "the same command resumes from here" in capsys.readouterr().out
    assert calibrate(*words) == 0
    shown = capsys.readouterr().out
    assert seen == ["gaussian_noise", "contrast_down", "contrast_down"]
    assert "step" not in shown
    assert "Calibrating 1 of 2" in shown
    assert sorted(item.name for item in Path().iterdir()) == ["one.json", "one.png"]


def test_a_calibration_lies_with_data_that_lie_in_a_folder(tmp_path: Path) -> None:
    from skimage import data, io

    root = tmp_path / "root"
    root.mkdir()
    for name in ("brick", "gravel"):
        io.imsave(root / f"{name}.png", getattr(data, name)(), check_contrast=False)
    assert calibrate(f"data.root={root}", "corruptions=[gaussian_noise]", "--cases", "1") == 0
    assert read_calibration(root / "calibration.json").reference.num_cases == 1


def test_settings_that_change_what_is_measured_start_again_and_places_do_not() -> None:
    def hash_with(**settings: object) -> str:
        return CalibrationPlan(
            task=SegmentationConfig().build(FolderConfig(**settings)),  # type: ignore[arg-type]
            assignment=Assignment(Candidate(), seed=0),
            cases=(),
            data_sha256="0",
            measured_by={},
            target=Path("one.json"),
        ).settings_sha256

    changes: list[dict[str, object]] = [
        {"spacing_mm": [2.0, 2.0]}, {"intensity": "zscore"}, {"resampling": "stretched"}, {"crop_foreground": True},
    ]  # fmt: skip
    assert len({hash_with(), *(hash_with(**change) for change in changes)}) == 1 + len(changes)
    assert hash_with() == hash_with(root="elsewhere") == hash_with(cache="caches") == hash_with(shift=["north"])


def test_keys_that_a_calibration_does_not_use_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "does not use 'space.depth=2'; known: corruptions, data" in refusal(capsys, "space.depth=2")
    assert "does not use 'strategy=random'" in refusal(capsys, "strategy=random")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("task=toy",), "only task=segmentation has corruptions"),
        (("corruptions=[gaussian_nois]",), "unknown corruption 'gaussian_nois'; did you mean 'gaussian_noise'"),
        (("data.blend=2",), "blend"),
        (("--cases", "0"), "--cases must be at least 1, got 0"),
        (("--output", "nowhere/one.json"), "--output must name a file in an existing folder"),
        (("--output", "."), "--output must name a file in an existing folder"),
        (("--output", "s3://bucket/one.json"), "--output must name a file in an existing folder"),
    ],
)
def test_what_cannot_be_done_is_refused(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert message in refusal(capsys, *words)


@pytest.mark.parametrize("content", ["mine", json.dumps({"schema": 7})])
def test_a_file_that_is_no_calibration_is_not_touched(capsys: pytest.CaptureFixture[str], content: str) -> None:
    Path("one.json").write_text(content)
    assert "it is not touched" in refusal(capsys, *TINY, "--output", "one.json")
    assert Path("one.json").read_text() == content


def test_a_network_that_learned_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("task.num_steps=1", "task.iterations_per_step=1", "corruptions=[gaussian_noise]")
    assert main(["calibrate", *TINY, *words, "--output", "one.json"]) == 2
    assert "train it longer with task.length=short" in capsys.readouterr().err
    assert not list(Path().iterdir())
