"""`paretoseg transfer`, for real on small pictures of the texture task, with networks made up, and its refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from paretoseg.search.commands import transfer as module
from paretoseg.search.commands.cli import main
from paretoseg.trainables.severities.calibration import read_calibration
from paretoseg.trainables.severities.shipped import locate_shipped
from paretoseg.trainables.trainable import Assignment
from paretoseg.trainables.transfer.kinds import KINDS
from paretoseg.trainables.transfer.matrix import TransferNetwork, read_matrix
from tests.trainables.transfer.matrices import build_network

TINY = (
    "data.image_size=32", "data.num_train=8", "data.num_validation=4", "data.num_test=2", "task.num_steps=2",
    "task.iterations_per_step=30", "task.pixels_per_batch=4096",
)  # fmt: skip
TWO = "corruptions=[gaussian_noise,contrast_down]"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a measurement that nothing interrupted."""
    path = tmp_path_factory.mktemp("measured") / "one.json"
    assert main(["transfer", *TINY, TWO, "--seeds", "2", "--output", str(path)]) == 0
    return path


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Networks are made up instead of trained; here are the kinds and seeds of those that would have been."""
    names: list[tuple[str, int]] = []

    def make_up(plan: module.TransferPlan, kind: str, assignment: Assignment, _: object) -> TransferNetwork:
        names.append((kind, assignment.seed))
        return build_network(kind, assignment.seed, dict.fromkeys(plan.task.battery().corruptions, 0.0))

    monkeypatch.setattr(module, "_train_one", make_up)
    return names


def transfer(*words: str) -> int:
    return main(["transfer", *TINY, *words])


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What the command answers with exit code 2: nothing is left behind."""
    before = set(Path().rglob("*"))
    assert main(["transfer", *words]) == 2
    assert set(Path().rglob("*")) == before
    return capsys.readouterr().err


def test_a_matrix_is_written_with_its_picture_and_all_that_was_measured(measured: Path) -> None:
    matrix = read_matrix(measured)
    assert (matrix.dataset, matrix.seeds, matrix.kinds) == ("textures_brick_in_gravel", (0, 1), KINDS)
    assert (matrix.corruptions, matrix.severities) == (("gaussian_noise", "contrast_down"), (3, 5))
    assert (len(matrix.networks), len(matrix.subjects)) == (10, 4)
    assert not matrix.describe_weak()
    assert matrix.measuring["corruption_version"] == "2"
    content = json.loads(measured.read_text())
    for kind in KINDS:
        for name in ("none", *matrix.corruptions):
            gain = content["gains"][kind][name]
            assert gain["low"] < gain["points"] < gain["high"]
    assert measured.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert sorted(item.name for item in measured.parent.iterdir()) == ["one.json", "one.png"]


def test_networks_of_one_seed_differ_by_their_augmentation_alone(measured: Path) -> None:
    scores = {(one.kind, one.seed): one.scores for one in read_matrix(measured).networks}
    assert len({json.dumps(one) for one in scores.values()}) == len(scores)


def test_a_measurement_that_was_killed_goes_on_and_finds_the_same(measured: Path, folder: Path) -> None:
    words = [sys.executable, "-m", "paretoseg", "transfer", *TINY, TWO, "--seeds", "2", "--output", "one.json"]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("[3/10]"):
            assert process.poll() is None
        process.kill()
    kept = sorted(path.name for path in Path("one.json.unfinished").glob("*.json"))
    assert {"seed-0-none.json", "seed-0-spatial.json", "seed-0-intensity.json"} <= set(kept)
    assert not Path("one.json").exists()
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    assert f"Training {10 - len(kept)} of 10 networks" in done.stdout
    assert "left" in done.stdout
    assert read_matrix(Path("one.json")) == read_matrix(measured)
    assert sorted(item.name for item in folder.iterdir()) == ["one.json", "one.png"]


def test_the_same_command_trains_nothing_again_and_more_seeds_only_what_is_new(
    trained: list[tuple[str, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert transfer(TWO, "--seeds", "2") == 0
    path = Path("transfer-textures_brick_in_gravel.json")
    first = path.read_bytes()
    assert trained == [(kind, seed) for seed in (0, 1) for kind in ("none", *KINDS)]
    assert transfer(TWO, "--seeds", "2") == 0
    assert (len(trained), path.read_bytes()) == (10, first)
    assert transfer(TWO) == 0
    assert trained[10:] == [(kind, 2) for kind in ("none", *KINDS)]
    assert read_matrix(path).seeds == (0, 1, 2)
    capsys.readouterr()
    assert transfer(TWO, "task.severities=[2]", "--seeds", "2") == 0
    assert "other data or settings and will be replaced" in capsys.readouterr().out
    assert read_matrix(path).severities == (2,)
    assert len(trained) == 25


def test_everything_but_what_leaks_the_label_is_measured_if_nothing_is_named(trained: list[tuple[str, int]]) -> None:
    assert transfer("--seeds", "2", "--output", "one.json", "seed=7") == 0
    matrix = read_matrix(Path("one.json"))
    assert (matrix.seeds, len(matrix.subjects)) == ((7, 8), 4)
    assert len(matrix.corruptions) == 26
    assert not [name for name in matrix.corruptions if name.startswith("legacy")]
    assert matrix.strengths["gaussian_blur"] == read_calibration(locate_shipped("textures")).strengths["gaussian_blur"]


def test_the_end_says_what_is_held_out_and_names_weak_networks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_up(_: object, kind: str, assignment: Assignment, __: object) -> TransferNetwork:
        gains = {"gaussian_noise": 9.0 if kind == "noise_blur" else 0.0, "contrast_down": 0.0}
        return build_network(kind, assignment.seed, gains, degenerate="is empty" if kind == "mirroring" else "")

    monkeypatch.setattr(module, "_train_one", make_up)
    assert transfer(TWO, "--output", "one.json") == 0
    shown = capsys.readouterr().out
    assert "seed 0, mirroring: clean Dice 0.800; about" in shown
    assert "Note: the network is empty: the gains of its kind stay unknown" in shown
    assert "Note: seed 2, mirroring: the network is empty; train for longer with task.length=short" in shown
    assert "  held out: none\n  trained: gaussian_noise\n  not known: contrast_down\n" in shown
    assert "task.transfer=one.json" in shown


def test_a_long_training_shows_its_steps(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def observe_one(
        _: object, kind: str, assignment: Assignment, observe: Callable[[int, int], None]
    ) -> TransferNetwork:
        for step in (1, 2):
            observe(step, 2)
        return build_network(kind, assignment.seed, {"gaussian_noise": 0.0, "contrast_down": 0.0})

    monkeypatch.setattr(module, "_train_one", observe_one)
    assert transfer(TWO, "--seeds", "2", "--output", "quick.json") == 0
    assert "step" not in capsys.readouterr().out
    monkeypatch.setattr(module, "_QUIET_SECONDS", -1.0)
    assert transfer(TWO, "--seeds", "2", "--output", "long.json") == 0
    shown = capsys.readouterr().out
    assert "seed 1, noise_blur: step 1 of 2; about 0 s of training left" in shown
    assert "step 2 of 2" not in shown


def test_an_interrupt_keeps_what_was_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> TransferNetwork:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_train_one", interrupt)
    assert transfer(TWO, "--output", "one.json") == 75
    assert "the same command resumes from here" in capsys.readouterr().out
    assert Path("one.json.unfinished").is_dir()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("task=toy",), "only task=segmentation has corruptions to measure"),
        (("space.depth=2",), "does not use 'space.depth=2'; known: corruptions, data"),
        (("corruptions=[gaussian_nois]",), "unknown corruption 'gaussian_nois'; did you mean 'gaussian_noise'"),
        (("task.severities=[6]",), "severity must lie in 1..5, got 6"),
        (("data.blend=2",), "blend"),
        (("--seeds", "1"), "--seeds must be at least 2"),
        (("--cases", "0"), "--cases must be at least 1, got 0"),
        (("--cases", "1"), "must be of at least 2 subjects"),
        (("task.calibration=nowhere.json",), "task.calibration: 'nowhere.json' is missing"),
        (("--output", "nowhere/one.json"), "--output must name a file in an existing folder"),
        (("--output", "s3://bucket/one.json"), "--output must name a file in an existing folder"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_work(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert message in refusal(capsys, *words)


@pytest.mark.parametrize("content", ["mine", json.dumps({"schema": 7})])
def test_a_file_that_is_no_matrix_is_not_touched(capsys: pytest.CaptureFixture[str], content: str) -> None:
    Path("one.json").write_text(content)
    assert "it is not touched" in refusal(capsys, *TINY, "--output", "one.json")
    assert Path("one.json").read_text() == content
