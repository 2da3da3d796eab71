"""A study, an export and a rescoring that an earlier version wrote are opened, resumed and reported."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

from paretoseg.trainables.networks.blueprint import read_blueprint, rebuild_network
from tests.search.command_line import run

EARLIER = Path(__file__).parents[2] / "earlier"
STUDY = Path("studies") / "earlier"


@pytest.fixture
def earlier(elsewhere: None) -> list[str]:
    """The study, copied to where a test may write; the lines of its journal."""
    shutil.copytree(EARLIER / "study", STUDY)
    return journal_lines()


def journal_lines() -> list[str]:
    return [line for path in sorted((STUDY / "journal").glob("*.jsonl")) for line in path.read_text().splitlines()]


def test_its_front_and_state_are_those_that_it_kept(earlier: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", STUDY) == 0
    assert "4 finished" in capsys.readouterr().out.replace("FINISHED", "finished")
    assert run("front", STUDY, "--json") == 0
    shown = pd.DataFrame(json.loads(capsys.readouterr().out)).set_index("trial_id")
    kept = pd.read_csv(STUDY / "front.csv").set_index("trial_id")
    columns = ["candidate", "accuracy", "robustness", "test_accuracy", "test_robustness", "parameters"]
    pd.testing.assert_frame_equal(shown[columns], kept[columns], check_like=True, check_dtype=False)
    assert journal_lines() == earlier


def test_it_is_resumed_where_it_stopped_and_proposes_what_it_would_have(
    earlier: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("search", "study=earlier") == 0
    lines = journal_lines()
    assert lines[: len(earlier)] == earlier
    added = [json.loads(line) for line in lines[len(earlier) :]]
    assert [record["trial_id"] for record in added if record["kind"] == "resumed"] == [4]
    reports = [record for record in added if record["kind"] == "reported" and record["trial_id"] == 4]
    assert [record["step"] for record in reports] == [1, 2, 3]
    # The checkpoint's own values are reported again: the first step was not trained a second time.
    assert reports[0]["values"] == json.loads(earlier[-1])["values"]
    [started] = [record for record in added if record["kind"] == "started"]
    assert (started["trial_id"], started["candidate"]["foreground_ratio"]) == (5, 0.2139)
    assert started["candidate"]["learning_rate"] == 0.002264
    assert [record["trial_id"] for record in added if record["kind"] == "finished"] == [4, 5]
    shown = capsys.readouterr().out
    assert "1 interrupted ones run again" in shown
    assert "space.augmentation=[none,spatial,intensity,spatial_intensity]" in shown.replace("\n", "")
    config = yaml.safe_load((STUDY / "experiment.yaml").read_text())
    assert config["space"]["augmentation"] == ["none", "spatial", "intensity", "spatial_intensity"]
    assert config["task"]["trained_corruptions"] == "exclude"


def test_it_refuses_augmentation_that_its_presets_did_not_search(
    earlier: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("search", "study=earlier", "space.augmentation=all") == 2
    assert "cannot be resumed with space.augmentation=all" in capsys.readouterr().err


def test_it_is_reported_and_its_rescoring_with_it(earlier: list[str]) -> None:
    assert run("report", STUDY, "--output", "report.html") == 0
    page = Path("report.html").read_text()
    assert "impulse" in page
    assert "earlier" in page


def test_its_rescoring_is_complete_and_another_can_be_made(
    earlier: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in (STUDY / "rescores" / "impulse" / "cases").iterdir()}
    words = ("corruptions=[impulse_noise]", "severities=[3]", "cluster=serial")
    assert run("rescore", STUDY, *words, "--name", "impulse") == 0
    assert {path: path.read_bytes() for path in before} == before
    assert "[1/" not in capsys.readouterr().out
    assert run("rescore", STUDY, "corruptions=[gaussian_noise]", "severities=[5]", "cluster=serial") == 0


EARLIER_RULES = (
    "task.grid=prepared, task.corrupt_before_scaling=False, task.corruption_version=1, task.average=corruptions"
)
PRESENT_RULES = "task.grid=native, task.corrupt_before_scaling=True, task.corruption_version=2, task.average=families"


def read_rules(name: str) -> str:
    settings = json.loads((STUDY / "rescores" / name / "rescore.json").read_text())["settings"]["task"]
    keys = ("grid", "corrupt_before_scaling", "corruption_version", "average")
    return ", ".join(f"task.{key}={settings[key]}" for key in keys)


def test_a_resumed_search_says_by_which_rules_it_goes_on(
    earlier: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("search", "study=earlier") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Note: this study was started by an earlier version and goes on by its rules: " in shown
    for rule in EARLIER_RULES.split(", "):
        assert rule in shown
    # Now the study keeps the rules, and they are still those of the earlier version.
    assert run("rescore", STUDY, "severities=[5]", "cluster=serial", "--name", "now") == 0
    assert read_rules("now") == PRESENT_RULES


def test_it_is_measured_by_the_present_rules_unless_others_are_asked_for(
    earlier: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("rescore", STUDY, "severities=[5]", "cluster=serial", "--name", "now") == 0
    assert f"are now measured by the present rules: {PRESENT_RULES}" in capsys.readouterr().out
    assert read_rules("now") == PRESENT_RULES
    words = [*EARLIER_RULES.split(", "), "task.trained_corruptions=exclude", "task.transfer=none"]
    assert run("rescore", STUDY, *words, "cluster=serial", "--name", "as_before") == 0
    assert "present rules" not in capsys.readouterr().out
    assert read_rules("as_before") == EARLIER_RULES
    kept, again = (
        pd.concat(pd.read_parquet(path) for path in sorted((folder / "cases").glob("*-validation.parquet")))
        for folder in (STUDY, STUDY / "rescores" / "as_before")
    )
    places = ["trial_id", "case", "corruption", "severity", "metric", "class"]
    both = kept.merge(again, on=places, suffixes=("", "_again"))
    assert len(both) == len(again) > 0
    assert both["value_again"].to_numpy() == pytest.approx(both["value"].to_numpy(), abs=1e-6)


def test_its_rescoring_goes_on_by_the_rules_that_it_was_made_with(
    earlier: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    place = STUDY / "rescores" / "impulse"
    record = json.loads((place / "rescore.json").read_text())
    lost = next(item for item in record["results"] if item["split"] == "validation")
    record["results"].remove(lost)
    (place / "rescore.json").write_text(json.dumps(record))
    words = ("corruptions=[impulse_noise]", "severities=[3]", "cluster=serial", "--name", "impulse")
    assert run("rescore", STUDY, *words) == 0
    assert f"goes on by the rules that it was made with: {EARLIER_RULES}" in capsys.readouterr().out
    assert read_rules("impulse") == EARLIER_RULES
    results = json.loads((place / "rescore.json").read_text())["results"]
    [again] = [item for item in results if (item["trial_id"], item["split"]) == (lost["trial_id"], "validation")]
    assert again["objectives"] == pytest.approx(lost["objectives"], abs=1e-6)
    assert run("rescore", STUDY, *words[:-2], "task.grid=native", "--name", "impulse") == 2


def test_a_member_of_its_front_is_exported(earlier: list[str]) -> None:
    assert run("export", STUDY, "--pick", "1", "--format", "onnx", "--output", "exported") == 0
    assert (Path("exported") / "model.onnx").is_file()


def test_the_network_of_its_bundle_is_built_again_and_gives_the_logits_of_the_bundle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundle = EARLIER / "bundle"
    spec = importlib.util.spec_from_file_location("scripts", bundle / "scripts" / "__init__.py")
    assert spec is not None
    monkeypatch.setitem(sys.modules, "scripts", importlib.util.module_from_spec(spec))
    monkeypatch.setattr(sys.modules["scripts"], "__path__", [str(bundle / "scripts")], raising=False)
    carried = importlib.import_module("scripts.networks")
    blueprint = read_blueprint(bundle / "architecture.yaml")
    ours = rebuild_network(bundle / "architecture.yaml").eval()
    theirs = carried.build_network(
        blueprint.architecture,
        spatial_dims=blueprint.spatial_dims,
        in_channels=blueprint.in_channels,
        num_classes=blueprint.num_classes,
    ).eval()
    weights = torch.load(bundle / "models" / "model.pt", weights_only=True)
    ours.load_state_dict(weights)
    theirs.load_state_dict(weights)
    images = torch.randn(1, blueprint.in_channels, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(ours(images), theirs(images))
    for name in [name for name in sys.modules if name.startswith("scripts.")]:
        monkeypatch.delitem(sys.modules, name)
