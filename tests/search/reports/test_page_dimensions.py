"""Parallel coordinates in a real browser: rows of axes that can be read, and bands that keep trials."""

import pytest

from tests.search.pages import build_record, build_wide_record

pytestmark = pytest.mark.chromium


def test_many_dimensions_take_several_rows_that_fit_the_page(show):
    page = show(build_wide_record())
    page.set_viewport_size({"width": 1280, "height": 900})
    rows = page.locator("#parallel svg.chart[role='group']")
    num_rows = rows.count()
    assert num_rows >= 3
    names = page.eval_on_selector_all("#parallel [data-axis]", "axes => axes.map(axis => axis.dataset.axis)")
    assert names.count("accuracy") == names.count("robustness") == num_rows
    dimensions = [name for name in names if name not in ("accuracy", "robustness")]
    assert len(set(dimensions)) == len(dimensions) > 12
    scroll = page.locator("#parallel .pictures-scroll")
    assert scroll.evaluate("node => node.scrollWidth <= node.clientWidth")
    # No word of an axis lies over a word of its neighbour.
    overlaps = page.eval_on_selector_all(
        "#parallel svg.chart[role='group']",
        """charts => charts.map(chart => {
            const texts = [...chart.querySelectorAll("text")].filter(text => text.textContent);
            const boxes = texts.map(text => text.getBoundingClientRect());
            const isOver = (one, other) => one.left < other.right - 1 && other.left < one.right - 1
                && one.top < other.bottom - 4 && other.top < one.bottom - 4;
            return boxes.filter((one, index) => boxes.slice(index + 1).some(other => isOver(one, other))).length;
        })""",
    )
    assert overlaps == [0] * num_rows


def test_an_axis_that_is_in_every_row_is_covered_in_all_of_them(show):
    page = show(build_wide_record())
    axis = page.locator("#parallel [data-axis='accuracy'] .brush").first
    axis.scroll_into_view_if_needed()
    box = axis.bounding_box()
    middle = box["x"] + box["width"] / 2
    page.mouse.move(middle, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(middle, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    seen = page.eval_on_selector_all(
        "#parallel [data-axis='accuracy'] .band", "bands => bands.map(band => band.getAttribute('visibility'))"
    )
    assert seen == ["visible"] * page.locator("#parallel svg.chart[role='group']").count()
    dimmed = page.eval_on_selector_all("#parallel .line.dimmed", "lines => lines.map(line => line.dataset.trial)")
    assert dimmed
    assert all(int(trial) < 12 for trial in dimmed)


def test_dragging_along_an_axis_keeps_what_crosses_there(show):
    page = show(build_record())
    axis = page.locator("#parallel [data-axis='robustness'] .brush")
    axis.scroll_into_view_if_needed()
    box = axis.bounding_box()
    middle = box["x"] + box["width"] / 2

    def drag(start, end):
        page.mouse.move(middle, box["y"] + box["height"] * start)
        page.mouse.down()
        page.mouse.move(middle, box["y"] + box["height"] * end, steps=4)
        page.mouse.up()
        return page.eval_on_selector_all("#front .mark.dimmed", "marks => marks.map(mark => mark.dataset.trial).sort()")

    assert drag(0.0, 0.5) == ["0", "2"]
    assert drag(0.6, 1.0) == ["1", "3"]
    assert drag(0.5, 0.5) == []
