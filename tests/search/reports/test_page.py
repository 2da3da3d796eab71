"""The report's page in a real browser. The fixture `open_page` sees to it that nothing is fetched or goes wrong."""

import pytest

from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Created
from paretoseg.trainables.trainable import RobustnessProfile
from tests.search.certainties import build_certainty
from tests.search.pages import HOSTILE, MEASURED, OBJECTIVES, build_record

pytestmark = pytest.mark.chromium


def click_mark(page, trial_id):
    page.click(f"#front .mark[data-trial='{trial_id}']")


def test_clicking_a_point_shows_its_architecture_and_numbers(show):
    page = show(build_record())
    for trial_id, depth, accuracy in ((3, 5, "0.500"), (2, 3, "0.300"), (0, 4, "0.800")):
        click_mark(page, trial_id)
        assert f"Trial {trial_id}" in page.inner_text("#panel h3 >> nth=0")
        assert f"depth\n{depth}" in page.inner_text("#panel-architecture")
        assert accuracy in page.inner_text("#panel-numbers")
    assert "0.750" in page.inner_text("#panel-numbers")
    assert "0.800 (0.800)" in page.inner_text("#panel-corruptions")
    assert page.locator("#thumbnails .picture").count() == 2


def test_the_curves_over_severity_show_surface_metrics_too(show):
    page = show(build_record())
    assert "mean Dice, higher is better" in page.inner_text("#severities")
    page.select_option("#severities label:has-text('metric') select", label="HD95")
    assert "mean HD95 [mm], lower is better" in page.inner_text("#severities")
    assert "higher is better" not in page.inner_text("#severities")
    assert page.locator("#severities .curve").count() == 3
    page.select_option("#severities label:has-text('cases') select", label="test")
    assert page.locator("#severities .curve").count() == 0


def test_pointing_at_a_point_shows_its_numbers(show):
    page = show(build_record())
    page.hover("#front .mark[data-trial='1']")
    assert page.inner_text("#tip") == "Trial 1, on the front\naccuracy 0.600\nrobustness 0.500"
    page.mouse.move(1, 1)
    assert page.is_hidden("#tip")


def test_the_keyboard_reaches_every_point(show):
    page = show(build_record())
    page.focus("#front .mark[data-trial='2']")
    for key, trial_id in (("Enter", 2), ("ArrowRight", 3), ("ArrowRight", 1), ("ArrowRight", 0), ("ArrowLeft", 1)):
        page.keyboard.press(key)
        page.keyboard.press("Enter")
        assert f"Trial {trial_id}" in page.inner_text("#panel h3 >> nth=0")
    label = page.get_attribute("#front .mark[data-trial='1']", "aria-label")
    assert label == "Trial 1, on the front, accuracy 0.600, robustness 0.500"


def column(page, title):
    titles = [text.strip() for text in page.locator("#trials thead th").all_inner_texts()]
    place = titles.index(title)
    return [row[place] for row in page.eval_on_selector_all(
        "#trials tbody tr:not([hidden])", "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )]  # fmt: skip


def test_a_click_on_a_title_sorts_best_first_then_worst_first(show):
    page = show(build_record())
    page.click("#trials th button:text-is('robustness')")
    assert column(page, "robustness") == ["0.900", "0.700", "0.500", "0.300", "0.200", ""]
    assert page.get_attribute("#trials th:has(button:text-is('robustness'))", "aria-sort") == "descending"
    page.click("#trials th button:text-is('robustness')")
    assert column(page, "trial") == ["2", "0", "1", "3", "4", "5"]
    page.click("#trials th button:text-is('parameters')")
    assert column(page, "parameters") == ["1", "10", "100", "1,000", "", ""]
    page.click("#trials th button:text-is('depth')")
    assert column(page, "depth") == ["2", "3", "4", "4", "4", "5"]


PROFILES = {
    0: RobustnessProfile({"noise": 0.25, "bias_field": 0.75}, clean=0.8, corrupted=0.5),
    1: RobustnessProfile({"noise": 0.5, "bias_field": 0.75}, clean=0.6, corrupted=0.5, held_out=0.625),
}


def test_what_lies_beside_robustness_is_in_the_table_and_the_panel(show):
    page = show(build_record(profiles=PROFILES))
    page.click("#trials th button:text-is('trial')")
    assert column(page, "held out") == ["none", "0.625", "", "", "", ""]
    assert column(page, "worst family") == ["0.250", "0.500", "", "", "", ""]
    assert column(page, "which is") == ["noise", "noise", "", "", "", ""]
    assert column(page, "flag") == ["collapses under noise", "", "", "", "", ""]
    click_mark(page, 0)
    assert page.inner_text("#panel-flag") == "Collapses under noise: less than half of its clean score of 0.800."
    assert page.inner_text("#panel-profile") == (
        "Worst family: noise 0.250 (on test cases noise 0.250). Held-out corruptions: none (on test cases none). "
        "Reported, not optimised."
    )
    page.hover("#front .mark[data-trial='0']")
    assert page.inner_text("#tip").splitlines()[-1] == "collapses under noise"
    assert page.locator("#front text.mark-label").all_text_contents() == ["0 !", "1", "3"]
    assert "! collapses under a family" in page.inner_text("#front .legend")
    click_mark(page, 1)
    assert page.locator("#panel-flag").count() == 0
    click_mark(page, 3)
    assert page.locator("#panel-profile").count() == 0
    assert "held out" not in show(build_record()).inner_text("#trials thead")


def test_only_the_front_is_listed_on_request_and_a_row_selects(show):
    page = show(build_record())
    page.check("#trials input")
    assert column(page, "trial") == ["0", "1", "3"]
    page.click("#trials tr[data-trial='3'] td >> nth=2")
    assert page.locator("#front .mark.selected").get_attribute("data-trial") == "3"


def test_axes_name_units_and_directions(show):
    page = show(build_record())
    texts = page.locator("#front svg text").all_text_contents()
    assert "accuracy [Dice], higher is better" in texts
    assert "robustness [Dice], higher is better" in texts
    page.select_option("#front select >> nth=0", "parameters")
    assert "parameters, lower is better" in page.locator("#front svg text").all_text_contents()


def test_contours_can_be_hidden(show):
    page = show(build_record())
    outlines = page.locator("#pictures .picture .outline.reference")
    assert outlines.count() == 6
    page.uncheck("#pictures label:has-text('reference') input")
    assert outlines.first.is_hidden()
    assert page.locator("#pictures .picture .outline.predicted").first.is_visible()


def test_several_classes_have_a_colour_each_and_a_legend(show):
    page = show(build_record(), classes=("left", "right"))
    legend = page.locator("#pictures .legend > span")
    assert [text.strip() for text in legend.all_inner_texts()] == ["reference (dashed)", "prediction", "left", "right"]
    strokes = "paths => [...new Set(paths.map(path => getComputedStyle(path).stroke))]"
    shown = page.eval_on_selector_all("#pictures .picture .outline.predicted", strokes)
    named = [
        page.eval_on_selector_all(f"#pictures .legend > span:nth-child({place}) .predicted", strokes)
        for place in (3, 4)
    ]
    assert shown == [colour for [colour] in named]
    assert len(set(shown)) == 2
    assert page.eval_on_selector_all("#pictures .picture .outline.reference", strokes) == shown


def test_shift_sets_are_shown_beside_the_cases_as_in_training(show):
    page = show(build_record(), "fluo_520")
    rows = page.locator("#shift-means tbody tr").all()
    assert page.locator("#shift-means th[scope=col]").all_inner_texts() == [
        "trial", "as in training\n4 cases", "fluo_520\n3 cases"
    ]  # fmt: skip
    assert len(rows) == 3
    assert rows[0].locator("td").all_inner_texts() == ["0.750", "0.625"]
    page.select_option("#shifts select", "test")
    assert page.locator("#shift-means tbody tr").count() == 1
    assert page.locator("#shift-means td").all_inner_texts() == ["0.500", "0.125"]


def test_classes_are_shown_with_their_metrics_units_and_empty_masks(show):
    page = show(build_record(), classes=("left", "right"))
    head = [text.strip() for text in page.locator("#class-means thead th").all_inner_texts()]
    assert head[:2] == ["Dice, higher is better", "HD95 [mm], lower is better"]
    assert head[2:] == ["trial", *["left", "right", "mean"] * 2]
    assert page.locator("#class-means tbody tr").first.inner_text().split("\t")[1:] == ["0.700"] * 3 + ["12.500"] * 3
    sentence = (
        "Trial 0, left: nothing predicted where there is some on 3, nothing predicted and none there on 1 images."
    )
    assert sentence in page.inner_text("#classes")
    page.select_option("#classes select", "test")
    assert "Trial 0, left" not in page.inner_text("#classes")


def test_trials_off_the_front_are_listed_with_their_reasons(show):
    page = show(build_record())
    assert page.locator("#others tbody tr").all_inner_texts() == [
        "4\tFINISHED\tdegenerate: degenerate plain",
        "5\tFAILED\tfailed (error): broken plain",
    ]
    click = page.locator("#trials tr[data-trial='5']")
    click.click()
    assert "failed (error): broken plain" in page.inner_text("#panel")


def test_hostile_names_are_harmless_and_shown_as_they_are(show):
    page = show(build_record(HOSTILE), HOSTILE, classes=(HOSTILE, "right"))
    click_mark(page, 3)
    assert page.evaluate("window.stolen") is None
    assert page.locator("script").count() == 2
    assert page.locator("img").count() == 0
    assert page.text_content("h1") == HOSTILE
    assert page.title() == f"{HOSTILE}: report"
    assert page.text_content("#pictures h3") == f"{HOSTILE}, the only case, slice 2 of 5"
    assert HOSTILE in page.text_content("#pictures .legend")
    assert HOSTILE in page.text_content("#class-means")
    assert f"failed (error): broken {HOSTILE}" in page.text_content("#others")
    assert HOSTILE in page.text_content("#panel-corruptions")
    assert f"paretoseg search study={HOSTILE}" in page.text_content("main")


def test_an_empty_front_gives_a_page_that_says_so(show):
    page = show(build_record(measured=[]))
    text = page.inner_text("main")
    assert "The front is empty" in text
    assert "There are no pictures: why blur." in text
    assert "Nothing to compare yet" in text
    assert page.locator("#others tbody tr").count() == 2


def test_a_study_without_a_trial_gives_a_page_that_says_so(show):
    record = StudyRecord([Created(0.0, "young", OBJECTIVES, ())])
    assert "No trial has started yet." in show(record).inner_text("main")


def test_one_trial_alone_is_a_front(show):
    page = show(build_record(measured=MEASURED[:1]))
    assert page.locator("#front .mark.member").count() == 1
    assert "Trial 0" in page.inner_text("#panel")


@pytest.mark.parametrize("options", [{"color_scheme": "dark"}, {"viewport": {"width": 420, "height": 800}}])
def test_the_page_fits_dark_and_narrow_screens(show, options):
    page = show(build_record(), **options)
    click_mark(page, 1)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    paper, ink = page.evaluate(
        "[getComputedStyle(document.documentElement).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert paper != ink


def test_the_page_prints_on_white_whatever_the_screen(show):
    page = show(build_record(), color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".controls").first.is_hidden()
    assert page.pdf().startswith(b"%PDF")


BOUNDS = {
    0: {"accuracy": (0.75, 0.84), "robustness": (0.25, 0.36)},
    1: {"accuracy": (0.55, 0.64), "robustness": (0.45, 0.56)},
    3: {"accuracy": (0.45, 0.54), "robustness": None},
}
CERTAINTY = build_certainty(BOUNDS)


def test_members_have_whiskers_as_long_as_their_intervals_and_numbers_beside_them(show):
    page = show(build_record(), certainty=CERTAINTY)
    assert page.locator("#front .whisker[data-whisker]").count() == 5
    across = page.locator("#front .whisker[data-whisker='0'] >> nth=0").bounding_box()
    other = page.locator("#front .whisker[data-whisker='3'] >> nth=0").bounding_box()
    assert across["width"] == pytest.approx(other["width"], abs=0.5)
    mark = page.locator("#front .mark[data-trial='0']").bounding_box()
    middle = mark["x"] + mark["width"] / 2
    left, right = middle - across["x"], across["x"] + across["width"] - middle
    assert left / right == pytest.approx(5 / 4, abs=0.05)
    click_mark(page, 0)
    assert "0.800 [0.750, 0.840]" in page.inner_text("#panel-numbers")
    click_mark(page, 3)
    assert "0.500 [0.450, 0.540]" in page.inner_text("#panel-numbers")
    assert "0.700 [" not in page.inner_text("#panel-numbers")
    assert "interval over training seeds and subjects" in page.inner_text("#front .legend")


def test_whiskers_can_be_hidden_and_are_not_drawn_for_costs(show):
    page = show(build_record(), certainty=CERTAINTY)
    page.uncheck("#front label:has-text('show intervals') input")
    assert page.locator("#front .whisker").count() == 0
    page.check("#front label:has-text('show intervals') input")
    page.select_option("#front select >> nth=0", "parameters")
    assert page.locator("#front .whisker[data-whisker]").count() == 2


def test_a_front_of_unknown_certainty_has_no_whiskers(show):
    page = show(build_record())
    assert page.locator("#front .whisker").count() == 0
    assert page.locator("#front label:has-text('show intervals')").count() == 0


def test_the_growth_is_shown_over_trials_time_and_gpu_hours(show):
    page = show(build_record())

    def over(choice):
        page.select_option("#convergence label:has-text('over') select", label=choice)
        marks = page.locator("#convergence .mark")
        first, last = (float(marks.nth(place).get_attribute("cx")) for place in (0, 1))
        return page.get_attribute("#convergence svg", "aria-label"), (first - 58) / (last - 58)

    assert over("time") == ("Hypervolume over time", pytest.approx(0.5 / 0.8))
    assert "time the search has run [min]" in page.inner_text("#convergence")
    assert over("GPU-hours") == ("Hypervolume over GPU-hours", pytest.approx(1.5 / 4.0))
    assert "time of all GPUs [h]" in page.inner_text("#convergence")
    assert over("trials") == ("Hypervolume over trials", pytest.approx(1 / 2))
