import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console
from skimage.io import imsave

from paretoseg.search.commands.cli import main
from paretoseg.search.reports.complexity_picture import draw_complexity
from paretoseg.search.reports.complexity_text import complexity_table
from paretoseg.trainables.complexity.complexity import COMPLEXITY, ComplexityRow
from paretoseg.trainables.complexity.summary import summarise

SMALL = ["complexity", "data.image_size=48", "data.num_train=2", "data.num_validation=2", "data.num_test=2"]
FOLDER = "complexity-textures_brick_in_gravel"
FILES = {"complexity.png", "complexity.parquet", "complexity.csv"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Every command runs in an empty folder, on a terminal of eighty columns that is none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


def write_pair(name, with_label):
    generator = np.random.default_rng(len(name))
    label = np.zeros((40, 40), np.uint8)
    label[10:30, 10:30] = with_label
    for folder, picture in (("images", generator.integers(0, 255, (40, 40, 3), np.uint8)), ("masks", label)):
        Path("set", folder).mkdir(parents=True, exist_ok=True)
        imsave(Path("set", folder, f"{name}.png"), picture, check_contrast=False)


def test_the_command_shows_a_table_and_writes_every_case(capsys):
    assert main(SMALL) == 0
    shown = capsys.readouterr().out
    assert "Complexity of textures_brick_in_gravel" in shown
    assert all(name in shown for name in COMPLEXITY)
    assert "…" not in shown
    assert f"Picture: {FOLDER}/complexity.png" in shown
    assert {path.name for path in Path(FOLDER).iterdir()} == FILES
    table = pd.read_parquet(f"{FOLDER}/complexity.parquet")
    assert list(table.columns) == ["case", "subject", "domain", "split", "shift", "class", "measure", "value"]
    assert len(table) == 6 * len(COMPLEXITY)
    assert set(table["domain"]) == {"blend_0.30"}
    pd.testing.assert_frame_equal(table, pd.read_csv(f"{FOLDER}/complexity.csv", keep_default_na=False))
    with Image.open(f"{FOLDER}/complexity.png") as picture:
        assert min(picture.size) > 300


def test_json_is_all_that_is_printed_and_says_the_same_twice(capsys):
    assert main([*SMALL, "--json", "--output", "here"]) == 0
    first = capsys.readouterr().out
    rows = json.loads(first)
    assert [row["measure"] for row in rows] == list(COMPLEXITY)
    assert all(row["low"] <= row["mean"] <= row["high"] for row in rows)
    table = pd.read_parquet("here/complexity.parquet")
    means = table.groupby("measure")["value"].mean()
    assert {row["measure"]: row["mean"] for row in rows} == pytest.approx(dict(means))
    assert main([*SMALL, "--json", "--output", "here"]) == 0
    assert capsys.readouterr().out == first


def test_cases_without_foreground_are_left_out_and_counted(capsys):
    for name in ("a", "bb", "ccc", "dddd"):
        write_pair(name, with_label=1)
    write_pair("eeeee", with_label=0)
    arguments = ["complexity", "data=folder", "data.root=set", "data.allow_empty_labels=true", "data.cache=cache"]
    arguments += ["data.classes=[background,nucleus]", "data.split_seed=1"]
    assert main([*arguments, "--json"]) == 0
    rows = {row["measure"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["foreground_share"]["num_cases"], rows["foreground_share"]["num_left_out"]) == (5, 0)
    assert (rows["texture_kl_bits"]["num_cases"], rows["texture_kl_bits"]["num_left_out"]) == (4, 1)
    assert main(arguments) == 0
    assert "4 (-1)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["data.blnd=0.3"], "unknown key 'data.blnd'; did you mean 'data.blend'?"),
        (["data=texture"], "unknown data 'texture'; did you mean 'textures'?"),
        (["data.blend=7"], "data.blend must lie in 0..1, got 7"),
        (["data=folder"], "data.root must name the folder of the data"),
        (["--output", ""], "--output must name a folder, got ''"),
        (["--output", "file/inside"], "--output must be a folder, but "),
        (["--output", "gs3://bucket/x"], "cannot be opened"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_written(capsys, arguments, said):
    Path("file").write_text("mine")
    assert main([*SMALL[:1], *arguments]) == 2
    streams = capsys.readouterr()
    assert streams.err.startswith("paretoseg: ")
    assert said in streams.err
    assert (streams.out, streams.err.count("\n")) == ("", 1)
    assert [path.name for path in Path.cwd().iterdir()] == ["file"]


def test_names_may_hold_what_pictures_and_tables_take_for_markup():
    names = {"label": "[red]$a^$", "shift": "[/]$_$"}
    rows = [
        ComplexityRow(case, case, "$\\d$", "test", measure="edginess", value=value, **names)
        for case, value in (("a", 1.0), ("b", 100.0))
    ]
    summaries = summarise(rows, [(names["shift"], 3)], [names["label"]])
    assert draw_complexity("$x$", rows, summaries).startswith(b"\x89PNG")
    console = Console(width=80, file=io.StringIO())
    console.print(complexity_table("[bold]", summaries))
    shown = console.file.getvalue()
    assert "[red]$a^$, [/]$_$" in shown
    assert "2 (-1)" in shown


def test_the_config_of_a_search_may_be_given_as_it_is(capsys):
    assert main([*SMALL, "experiment=quickstart", "study=mine", "budget.trials=3", "--output", "here"]) == 0
    assert {path.name for path in Path("here").iterdir()} == FILES
    assert not Path("studies").exists()
