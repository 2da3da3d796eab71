"""The front as a notebook shows it: a page in a frame, which fetches nothing."""

from __future__ import annotations

from html import escape

from paretoseg.search.certainty.certainty import Certainty
from paretoseg.search.reports.html import render_front
from paretoseg.search.reports.page_data import describe_study, explain
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.trial import State

_MOST = 300
"""Trials off the front that a notebook keeps, the last ones: a notebook holds every output that it shows."""


def frame_front_page(record: StudyRecord, certainty: Certainty | None) -> str:
    """The interactive front of a study as an HTML element that holds all that it needs.

    Trials that failed, were stopped or are broken are left out, and all but the last few that are off the front.
    """
    data = describe_study(record, certainty)
    members = set(data["front"])
    drawn = [one.trial_id for one in record.trials if one.state is State.FINISHED and not explain(one)]
    kept = members | set([one for one in drawn if one not in members][-_MOST:])
    shown = [one for one in data["trials"] if one["id"] in kept]
    page = render_front(record, {**data, "trials": shown})
    title = escape(f"Front of {record.created.study}", quote=True)
    quoted = page.replace("&", "&amp;").replace("'", "&#x27;")  # the many double quotes stay
    return (
        f'<iframe title="{title}" sandbox="allow-scripts" style="width: 100%; height: 640px; border: 0" '
        f"srcdoc='{quoted}'></iframe>"
    )
