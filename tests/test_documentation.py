"""The docs list exactly what exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hydra import compose, initialize_config_module

from docs.pages import budget_table, calibration_table, corruption_table, examples_text, transfer_table
from docs.pages.dimension_table import renew
from paretoseg.cluster.exit_codes import MEANINGS, ExitCode
from paretoseg.search.config.config import CHOICES, list_experiments
from paretoseg.search.config.config import compose as compose_experiment
from paretoseg.search.config.used_plugins import TABLES
from paretoseg.spaces.presets import PRESETS
from paretoseg.spaces.search_space import DIMENSIONS
from paretoseg.trainables.severities.shipped import list_shipped
from paretoseg.trainables.shipped_files import ShippedFiles
from paretoseg.trainables.transfer.matrix import write_matrix
from tests.trainables.transfer.matrices import build_matrix

REPOSITORY = Path(__file__).parents[1]
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{page.name}" for page in (REPOSITORY / "docs").glob("*.md"))]
CONFIG_PAGE = (REPOSITORY / "docs" / "config.md").read_text()
SPACE_PAGE = (REPOSITORY / "docs" / "search_space.md").read_text()


def list_keys(*overrides: str) -> set[str]:
    compose_experiment(["study=any", *overrides])
    with initialize_config_module("paretoseg.search.conf", version_base="1.3"):
        config = compose("root", overrides=["study=any", *overrides])
    found = set()
    for name in config:
        is_group = name in CHOICES or (hasattr(config[name], "keys") and config[name].keys())
        found |= {f"{name}.{key}" for key in config[name]} if is_group else {str(name)}
    return found


@pytest.mark.parametrize(
    ("group", "option"), [(group, option) for group, options in CHOICES.items() for option in options]
)
def test_every_config_key_is_on_the_page(group: str, option: str) -> None:
    assert f"`{option}`" in CONFIG_PAGE or option in CONFIG_PAGE
    missing = {key for key in list_keys(f"{group}={option}") if f"`{key}`" not in CONFIG_PAGE + SPACE_PAGE}
    assert not missing


def test_every_key_on_the_page_exists() -> None:
    known = set().union(*(list_keys(f"{group}={option}") for group, options in CHOICES.items() for option in options))
    named = set(re.findall(r"^\| `([a-z_]+(?:\.[a-z_]+)?)`", CONFIG_PAGE, re.MULTILINE)) - {"experiment"}
    assert named <= known


def test_every_dimension_with_its_range_is_on_the_page() -> None:
    """After a change: python -m docs.pages.dimension_table docs/search_space.md."""
    assert renew(SPACE_PAGE) == SPACE_PAGE
    for name, domain in DIMENSIONS.items():
        row = next(line for line in SPACE_PAGE.splitlines() if line.startswith(f"| `space.{name}`"))
        for part in domain.describe().split(", "):
            assert part in row


def test_every_corruption_with_its_strengths_is_on_the_page() -> None:
    """After a change: python -m docs.pages.corruption_table docs/corruptions.md."""
    page = (REPOSITORY / "docs" / "corruptions.md").read_text()
    assert corruption_table.renew(page) == page


def test_every_example_of_a_plugin_is_on_the_page() -> None:
    """After a change: python -m docs.pages.examples_text docs/extend.md."""
    page = (REPOSITORY / "docs" / "extend.md").read_text()
    assert examples_text.renew(page) == page
    for kind in TABLES:
        assert f"| `paretoseg.{kind}` |" in page


def test_what_trainings_see_of_their_budget_is_on_the_page() -> None:
    """After a change: python -m docs.pages.budget_table docs/training.md."""
    page = (REPOSITORY / "docs" / "training.md").read_text()
    assert budget_table.renew(page) == page


def test_every_shipped_calibration_is_on_the_page() -> None:
    """After a change: python -m docs.pages.calibration_table docs/calibration.md."""
    page = (REPOSITORY / "docs" / "calibration.md").read_text()
    assert calibration_table.renew(page) == page
    for name in list_shipped():
        assert (REPOSITORY / "docs" / "calibrations" / f"{name}.png").is_file()


def test_every_shipped_transfer_matrix_is_on_the_page() -> None:
    """After a change: python -m docs.pages.transfer_table docs/transfer.md."""
    page = (REPOSITORY / "docs" / "transfer.md").read_text()
    assert transfer_table.renew(page) == page


def test_the_page_shows_a_matrix_that_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = ShippedFiles("transfer.json", tmp_path)
    gains = {"spatial": {"motion": 0.1, "ghosting": 5.0}, "noise_blur": {"motion": 0.2, "ghosting": 0.1}}
    matrix = build_matrix(gains)
    write_matrix(shipped.path_of("made_up"), matrix)
    monkeypatch.setattr(transfer_table, "SHIPPED_MATRICES", shipped)
    page = tmp_path / "transfer.md"
    page.write_text((REPOSITORY / "docs" / "transfer.md").read_text())
    monkeypatch.setattr("sys.argv", ["transfer_table", str(page)])
    transfer_table.main()
    text = page.read_text()
    assert "(transfers/made_up.png)" in text.split("<!-- pictures: end -->")[0]
    assert (tmp_path / "transfers" / "made_up.png").read_bytes().startswith(b"\x89PNG")
    assert "| not known | `motion` |" in text  # two of the four kinds were not measured
    assert "| trained | `ghosting` |" in text
    assert re.search(r"^\| `motion` \| \*\*0\.1 \(.* to .*\)\*\* \|", text, re.MULTILINE)


def test_every_exit_code_is_on_the_page_with_its_meaning() -> None:
    for code, meaning in MEANINGS.items():
        [row] = re.findall(rf"^\| {code.value} \| (.*) \|$", CONFIG_PAGE, re.MULTILINE)
        assert row.replace("`", "").startswith(re.split(r"[;,] ", meaning)[0])


def test_the_script_of_a_slurm_job_knows_the_same_codes() -> None:
    script = (REPOSITORY / "cluster" / "slurm" / "slurm_job.sh").read_text()
    assert f'[ "$code" = {ExitCode.WORK_LEFT.value} ]' in script
    final = " | ".join(str(code.value) for code in (ExitCode.DONE, ExitCode.GAVE_UP, ExitCode.STORAGE))
    assert f"case $code in {final})" in script


def test_every_preset_is_on_the_page() -> None:
    assert all(f"| `{name}`" in SPACE_PAGE for name in PRESETS)


def test_every_experiment_is_on_the_page() -> None:
    assert all(f"`{name}`" in CONFIG_PAGE for name in list_experiments())


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    path = REPOSITORY / page
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), f"{page} links to {target}"


def list_rooms() -> list[str]:
    """Every folder that is installed, and the one of the docs' own code, as the table of rooms names them."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    packages = settings["tool"]["setuptools"]["packages"]
    rooms = [name.removeprefix("paretoseg.").replace(".", "/") + "/" for name in packages]
    return [*rooms, "docs/pages/"]


@pytest.mark.parametrize("room", list_rooms())
def test_every_room_has_one_row_that_names_where_to_start(room: str) -> None:
    page = (REPOSITORY / "docs" / "architecture.md").read_text()
    [row] = [line for line in page.splitlines() if line.startswith(f"| `{room}` |")]
    files = re.findall(r"`([^`]+)`", row.split("|")[-2])
    assert files
    for file in files:
        assert (REPOSITORY / room / file).is_file()


def test_the_table_of_rooms_names_no_room_that_is_gone() -> None:
    page = (REPOSITORY / "docs" / "architecture.md").read_text()
    named = re.findall(r"^\| `([a-z_/]+/)` \|", page, re.MULTILINE)
    assert sorted(named) == sorted(list_rooms())


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    """Paths from the top of the repository, such as `search/study/study.py`."""
    named = re.findall(
        r"`((?:search|spaces|trainables|cluster|tests|benchmarks|docs)/[a-z_/]+\.[a-z]+)`",
        (REPOSITORY / page).read_text(),
    )
    assert [name for name in named if not (REPOSITORY / name).exists()] == []
