"""A search, its report, and a browser that opens it: the whole path of a user."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Command
    from playwright.sync_api import Page

pytestmark = [pytest.mark.chromium, pytest.mark.slow]

TINY = (
    "search", "study=tiny", "cluster=serial", "strategy=random", "budget.trials=2", "task.num_steps=1",
    "confirm.seeds=1", "baselines=[]",
    "task.iterations_per_step=24", "task.corruptions=[gaussian_blur]", "data.image_size=32", "data.num_train=4",
    "data.num_validation=4", "data.num_test=3", "space.depth=2", "space.width=4", "space.patch=32",
    "space.learning_rate=0.02", "space.foreground_ratio=0.8", "data.shift=[blend_0.60]",
)  # fmt: skip


def test_the_report_of_a_real_search_opens_in_a_browser(
    command: Command, open_page: Callable[[Path], Page], tmp_path: Path
) -> None:
    code, output = command.run(*TINY)
    assert code == 0, output
    code, output = command.run("report", "studies/tiny")
    assert code == 0, output
    assert "Report: studies/tiny/report.html" in output
    assert "Note" not in output

    page = open_page(tmp_path / "studies" / "tiny" / "report.html")
    mark = page.locator("#front .mark.member").first
    mark.click()
    assert f"Trial {mark.get_attribute('data-trial')}, on the front" in page.inner_text("#panel")
    assert "depth\n2" in page.inner_text("#panel-architecture")
    assert page.locator("#severities svg.chart").count() == 1
    assert page.locator("#shift-means th[scope=col]").all_inner_texts()[1:] == [
        "as in training\n4 cases", "blend_0.60\n4 cases"
    ]  # fmt: skip
    page.select_option("#shifts select", "test")
    assert page.locator("#shift-means th[scope=col]").all_inner_texts()[1:] == [
        "as in training\n3 cases", "blend_0.60\n3 cases"
    ]  # fmt: skip
    pictures = page.locator("#pictures .picture")
    assert pictures.count() == 3 * 2 * page.locator("#front .mark.member").count()
    assert page.locator("#pictures .picture .outline.reference").count() == pictures.count()
    # Every picture was really decoded by the browser.
    sizes = page.eval_on_selector_all(
        "#pictures .picture image",
        """images => Promise.all(images.map(async (shown) => {
            const image = new Image();
            image.src = shown.getAttribute("href");
            await image.decode();
            return image.naturalWidth;
        }))""",
    )
    assert set(sizes) == {32}
