"""The packages of `examples/`, installed: searched, resumed, reported, exported; and studies without them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from paretoseg.search.commands.cli import main
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.trainables.trainable import Split
from tests.packages import install, write_package
from tests.search.command_line import TOY

pytestmark = pytest.mark.usefixtures("elsewhere")

SMALL = [
    *("study=mine", "cluster=serial", "strategy=random", "task.num_steps=1", "task.iterations_per_step=16"),
    *("task.severities=[3]", "space.depth=2", "space.width=4", "space.patch=32", "space.learning_rate=0.02"),
    *("space.foreground_ratio=0.8", "confirm.seeds=1"),
]
TEXTURES = ["data.image_size=32", "data.num_train=4", "data.num_validation=3", "data.num_test=3", "baselines=[]"]

METHODS = "\n  def findings(self): return []\n  def load(self): return None\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Installs an example once; returns the folder that is to be put on `sys.path`."""

    def find(example: str) -> str:
        target = tmp_path_factory.getbasetemp() / example
        if not target.exists():
            install(example, target)
        return str(target / "packages")

    return find


def succeed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    code = main(list(words))
    said = capsys.readouterr()
    assert code == 0, said.out + said.err
    return said.out


def search_resume_report_export(capsys: pytest.CaptureFixture[str], overrides: list[str], used: str) -> Path:
    """Two trials, a third one after the resumption, the report and an ONNX file; returns the exported folder."""
    succeed(capsys, "search", *SMALL, *overrides, "budget.trials=2")
    shown = succeed(capsys, "search", "study=mine", "budget.trials=3")
    assert "Resuming studies/mine: 2 trials done" in shown
    record = StudyFolder("studies/mine").read_record()
    assert [trial.state.value for trial in record.trials] == ["FINISHED"] * 3
    assert [str(plugin) for plugin in record.created.plugins] == [used]
    shown = succeed(capsys, "report", "studies/mine")
    assert "no pictures" not in shown
    assert f"<p>With {used.replace(chr(39), '&#x27;')}.</p>" in Path("studies/mine/report.html").read_text()
    shown = succeed(capsys, "export", "studies/mine", "--pick", "knee", "--format", "onnx", "--output", "out")
    assert "Proved with ONNX Runtime: equal to the evaluation" in shown
    assert f"with {used}." in Path("out/README.md").read_text().replace("\\", "")
    return Path("out")


@pytest.mark.slow
def test_a_dataset_of_another_package_is_searched_resumed_reported_and_exported(
    installed: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(installed("my_dataset"))
    overrides = ["data=rings", "data.noise=0.1", "task.corruptions=[gaussian_blur]"]
    search_resume_report_export(capsys, overrides, "data 'rings' of my-dataset 1.0")


@pytest.mark.slow
def test_a_corruption_of_another_package_is_searched_resumed_reported_and_exported(
    installed: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(installed("my_corruption"))
    overrides = [*TEXTURES, "task.corruptions=[gaussian_blur,stripes]"]
    search_resume_report_export(capsys, overrides, "corruption 'stripes' of my-corruption 1.0")
    rows = StudyFolder("studies/mine").cases.read(0, Split.VALIDATION)
    values = {row.corruption: row.value for row in rows if row.objective == "robustness"}
    assert values.keys() == {"gaussian_blur", "stripes"}
    # The study keeps the strengths, whatever another version of the package has.
    assert "stripes:" in Path("studies/mine/experiment.yaml").read_text()


@pytest.mark.slow
def test_a_network_of_another_package_is_searched_resumed_reported_and_exported(
    installed: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.syspath_prepend(installed("my_network"))
        overrides = [
            *TEXTURES,
            "task.corruptions=[gaussian_blur]",
            "space.family=dilated",
            "space.dilated_layers=[1,3]",
        ]
        search_resume_report_export(capsys, overrides, "family 'dilated' of my-network 1.0")
        record = StudyFolder("studies/mine").read_record()
        values = [trial.candidate.as_dict() for trial in record.trials]
        assert {row["dilated_growth"] for row in values} <= {"linear", "doubling"}
        assert all(1 <= row["dilated_layers"] <= 3 for row in values)
        table = pq.read_table("studies/mine/trials.parquet").to_pylist()
        assert [row["dilated_layers"] for row in table] == [row["dilated_layers"] for row in values]
        assert "dilated_growth" in Path("studies/mine/report.html").read_text()
        assert main(["export", "studies/mine", "--pick", "knee", "--format", "bundle"]) == 2
        assert "family dilated is one's; use --format onnx" in capsys.readouterr().err
        assert main(["search", "study=mine", "space.dilated_layers=2"]) == 2
        assert "cannot be resumed with space.dilated_layers=2" in capsys.readouterr().err
    for words in (["search", "study=mine"], ["front", "studies/mine"], ["status", "studies/mine"]):
        assert main(words) == 2
        assert capsys.readouterr().err == (
            "paretoseg: the study uses family 'dilated' of my-network 1.0, which is not installed; install with: "
            "pip install my-network==1.0\n"
        )


@pytest.mark.parametrize("strategy", ["surrogate", "nsga2", "tpe"])
def test_strategies_search_a_family_with_dimensions_of_its_own_beside_ours(
    installed: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], strategy: str
) -> None:
    monkeypatch.syspath_prepend(installed("my_network"))
    words = [word for word in TOY if not word.startswith("strategy")]
    mixed = ["space.family=[composable,dilated]", f"strategy={strategy}", "budget.trials=14"]
    succeed(capsys, *words, *mixed)
    record = StudyFolder("studies/mine").read_record()
    assert {trial.candidate.architecture.family for trial in record.trials} == {"composable", "dilated"}
    for words in (["front", "studies/mine"], ["report", "studies/mine"]):
        succeed(capsys, *words)


def test_a_study_whose_plugin_is_gone_says_what_to_install_and_another_version_is_a_note(
    installed: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.syspath_prepend(installed("my_dataset"))
        succeed(capsys, *TOY, "data=rings", "data.num_cases=9")
    for words in (["search", "study=mine"], [*TOY, "data=rings"], ["confirm", "studies/mine"]):
        assert main(words) == 2
        assert capsys.readouterr().err == (
            "paretoseg: the study uses data 'rings' of my-dataset 1.0, which is not installed; install with: "
            "pip install my-dataset==1.0\n"
        )
    assert main(["status", "studies/mine"]) == 0  # it needs no more than the journal
    capsys.readouterr()
    module = Path(installed("my_dataset"), "my_dataset.py").read_text()
    monkeypatch.syspath_prepend(write_package(tmp_path, "my-dataset", {"data:rings": "RingsConfig"}, module, "1.1"))
    shown = succeed(capsys, "search", "study=mine", "budget.trials=7").replace("\n", " ")
    assert "Note: the study was started with data 'rings' of my-dataset 1.0; now it is of my-dataset 1.1." in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data=ring"], "unknown data 'ring'; did you mean 'rings'?"),
        (["data=rings", "data.nois=1"], "unknown key 'data.nois'; did you mean 'data.noise'?"),
        (["data.num_cases=5"], "unknown key 'data.num_cases'; it belongs to data=rings; add that"),
        (["data=rings", "data.num_cases=2"], "data.num_cases must be at least 3, got 2"),
        (["data=rings", "data.noise=loud"], "data.noise must be a number, got 'loud'"),
    ],
)
def test_a_mistake_is_one_line(
    installed: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    words: list[str],
    said: str,
) -> None:
    monkeypatch.syspath_prepend(installed("my_dataset"))
    assert main(["search", "study=mine", "cluster=serial", "task.iterations_per_step=1", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not Path("studies").exists()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("X = 3", "it must be a dataclass that derives from DataConfig, got 3"),
        ("class X(DataConfig): pass", "it must be a dataclass that derives from DataConfig, got <class 'odd.X'>"),
        ("@dataclass(unsafe_hash=True)\nclass X(DataConfig): pass", "X must have the methods findings, load"),
        ("@dataclass\nclass X(DataConfig):" + METHODS, "X must be declared with @dataclass(unsafe_hash=True)"),
        (
            "@dataclass(unsafe_hash=True)\nclass X(DataConfig):\n  part: set = None" + METHODS,
            "X has a field that no config can hold: ",
        ),
    ],
)
def test_a_class_that_is_no_config_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, code: str, said: str
) -> None:
    head = "from dataclasses import dataclass\nfrom paretoseg.trainables.data.datasets import DataConfig\n"
    monkeypatch.delitem(sys.modules, "odd", raising=False)
    monkeypatch.syspath_prepend(write_package(tmp_path, "odd", {"data:odd": "X"}, head + code))
    assert main(["search", "study=mine", "data=odd"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"paretoseg: the plug-in data 'odd' of odd 1.0 cannot be used: {said}")
    assert error.count("\n") == 1


def test_a_task_with_objectives_of_its_own_gets_a_front_and_a_report_without_pictures(
    installed: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(installed("my_task"))
    chosen = ["task=curve", "task.num_steps=2", "strategy=random", "cluster=serial", "confirm.seeds=1"]
    succeed(capsys, "search", "study=mine", *chosen, "budget.trials=3")
    shown = succeed(capsys, "search", "study=mine", "budget.trials=5")
    assert "noisy_error" in shown
    record = StudyFolder("studies/mine").read_record()
    best = min(trial.objectives["error"] for trial in record.trials)
    assert best in [trial.objectives["error"] for trial in record.front.trials]
    assert "it has no pictures: this study's task has no images" in succeed(capsys, "report", "studies/mine")
    assert "Root mean square error." in Path("studies/mine/report.html").read_text()
    assert main(["search", "study=other", "task=curve", "task.noise=-1"]) == 2
    assert capsys.readouterr().err == "paretoseg: task.noise must be at least 0, got -1.0\n"
    assert main(["search", "study=other", "task=curve", "objectives=[error,size]"]) == 2
    assert "this task has the objectives error, noisy_error, and no others" in capsys.readouterr().err


PARTS = """
from dataclasses import dataclass
from paretoseg.cluster.serial import SerialConfig
from paretoseg.search.strategies.pruner import Pruner, PrunerConfig
from paretoseg.search.strategies.random import RandomSearch
from paretoseg.search.strategies.strategy import Proposal, StrategyConfig
from paretoseg.trainables.toy import ToyConfig

@dataclass(unsafe_hash=True)
class Task(ToyConfig):
    pass

@dataclass(unsafe_hash=True)
class Walk(StrategyConfig):
    pace: int = 2
    def build(self, space, objectives, seed):
        return RandomSearch(space)

class Half(Pruner):
    def tell(self, trial):
        pass
    def should_stop(self, trial):
        return trial.trial_id % 2 == 1

@dataclass(unsafe_hash=True)
class Odd(PrunerConfig):
    def build(self, objectives, constraints=()):
        return Half()

@dataclass(unsafe_hash=True)
class Here(SerialConfig):
    pass
"""


def test_task_strategy_pruner_and_cluster_of_another_package_run_a_search_and_are_resumed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    points = {"task:game": "Task", "strategy:walk": "Walk", "pruner:odd": "Odd", "cluster:here": "Here"}
    monkeypatch.syspath_prepend(write_package(tmp_path, "parts", points, PARTS))
    chosen = ["task=game", "strategy=walk", "strategy.pace=3", "pruner=odd", "cluster=here"]
    succeed(capsys, "search", "study=mine", *chosen, "confirm.seeds=1", "budget.trials=3")
    succeed(capsys, "search", "study=mine", "budget.trials=5")
    record = StudyFolder("studies/mine").read_record()
    states = [trial.state.value for trial in record.trials]
    assert states == ["FINISHED", "STOPPED", "FINISHED", "STOPPED", "FINISHED"]
    assert [str(plugin) for plugin in record.created.plugins] == [
        "task 'game' of parts 1.0",
        "strategy 'walk' of parts 1.0",
        "pruner 'odd' of parts 1.0",
        "cluster 'here' of parts 1.0",
    ]
    assert main(["search", "study=mine", "strategy.pace=4"]) == 2
    assert "was started with strategy.pace=3 and cannot be resumed with strategy.pace=4" in capsys.readouterr().err


def test_doctor_lists_plugins_and_what_is_wrong_with_them(
    installed: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from paretoseg.search.commands.doctor_plugins import check_plugins

    assert [finding.text for finding in check_plugins()] == ["none is installed"]
    for example in ("my_dataset", "my_corruption"):
        monkeypatch.syspath_prepend(installed(example))
    points = {"data:gone": "GONE", "data:textures": "GONE", "dataset:rings": "X"}
    monkeypatch.syspath_prepend(write_package(tmp_path, "shaky", points))
    found = [(finding.verdict.value, finding.text.split(":")[0]) for finding in check_plugins()]
    assert found == [
        ("warn", "shaky adds to the group paretoseg.dataset, which is none"),
        ("pass", "data 'rings' of my-dataset 1.0"),
        ("warn", "the plug-in data 'gone' of shaky 1.0 is broken"),
        ("warn", "the name of the plug-in data 'textures' of shaky 1.0 is taken by paretoseg; rename the entry point"),
        ("pass", "corruption 'stripes' of my-corruption 1.0"),
    ]
