import json
import re
from html.parser import HTMLParser

import pytest

from paretoseg.search.reports.html import describe_seeds, render_report, to_embedded_json
from paretoseg.search.reports.page_data import describe_study
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Created, Failed, Opened, Started
from paretoseg.search.trials.trial import Failure, FailureKind
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.toy import ToyTask
from tests.builders import MemoryLog, build_study, run_study

HOSTILE = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>\"'&amp;$study ${x} \u2028 ]]>"


class Reader(HTMLParser):
    """What a browser makes of a page: elements, and the text in them."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.texts, self.attributes = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)


def render(record, **more):
    data = (
        describe_study(record)
        | {"milestones": [], "computeName": "GPU-hours", "metric": "", "severities": {"validation": {}, "test": {}}}
        | more
    )
    return render_report(record, data | {"pictures": {"reason": "none", "gaps": []}}, [], "today")


def build_record(name="study", reason="broken", overrides=(), seeds=(0,)):
    task = ToyTask()
    events = [Created(0.0, name, task.objectives(), task.cost_names(), overrides), Opened(0.0, "here", 1, 9, None)]
    events += [Started(0.0, index, Candidate(), seed, "random") for index, seed in enumerate(seeds)]
    return StudyRecord([*events, Failed(1.0, 0, Failure(FailureKind.ERROR, reason))])


def test_hostile_texts_stay_texts():
    page = render(build_record(HOSTILE, HOSTILE, (f"study={HOSTILE}",)), extra=HOSTILE)
    plain = Reader(render(build_record()))
    reader = Reader(page)
    assert reader.elements == plain.elements
    assert reader.elements.count("script") == 2
    assert HOSTILE in reader.texts
    assert f"failed (error): {HOSTILE}" in reader.texts


def test_embedded_json_gives_back_every_text_and_ends_no_element():
    text = to_embedded_json({HOSTILE: [HOSTILE, "\ud800"]})
    assert not re.search(r"[<>&\u2028\u2029]", text)
    assert text.isascii()
    assert json.loads(text) == {HOSTILE: [HOSTILE, "\ud800"]}
    with pytest.raises(ValueError, match="Out of range"):
        to_embedded_json({"value": float("nan")})


def test_the_page_names_no_address_and_forbids_fetching():
    page = render(build_record())
    assert not re.findall(r"https?://(?!www\.w3\.org)", page)
    reader = Reader(page)
    policy = next(value for name, value in reader.attributes if name == "content" and "default-src" in value)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert not {"src", "href"} & {name for name, value in reader.attributes if value != "data:,"}


def test_where_the_study_lies_is_not_reported():
    page = render(build_record(overrides=("study=mine", "storage=s3://KEY:SECRET@bucket/studies")))
    assert "SECRET" not in page
    assert "study=mine" in page


def test_an_empty_front_is_said():
    assert "0 on the front" in render(build_record())


def test_the_front_of_a_search_is_reported():
    log = MemoryLog()
    study = run_study(build_study(log), ToyTask())
    page = render(StudyRecord(log.read()))
    assert f"{len(study.front.trials)} on the front, hypervolume {study.front.hypervolume:.4f}" in page
    assert "None: every trial finished, and no network is broken." in page


def test_a_study_without_trials_has_no_seeds():
    events = [Created(0.0, "study", ToyTask().objectives(), (), ())]
    assert describe_seeds(StudyRecord(events)) == "No network was trained yet."


def test_one_seed_is_called_what_it_is():
    assert describe_seeds(build_record(seeds=(7, 7))) == (
        "Every network was trained with one seed (7): neighbours on the front may differ by chance."
    )
    assert describe_seeds(build_record(seeds=(2, 1))).startswith("Networks were trained with the seeds 1, 2;")
