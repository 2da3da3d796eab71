"""The report as one file that a browser opens from disk.

The page fetches nothing: style, code, data and pictures are inside it, and its content policy forbids everything else.
Text gets into the page in two ways only, both inert: escaped by `html.escape`, or as JSON that the code inserts as
text.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from string import Template
from typing import Any

from paretoseg.search.reports.constraint_text import describe_constraints
from paretoseg.search.reports.page_data import explain
from paretoseg.search.reports.text import count_states, describe_confirming, describe_seconds
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.trial import State, Trial

_SCRIPTS = (
    "svg.js", "state.js", "front.js", "panel.js", "parallel.js", "table.js", "convergence.js", "severities.js",
    "shifts.js", "classes.js", "pictures.js", "main.js",
)  # fmt: skip
"""In their order in the page."""

_NOTEBOOK_SCRIPTS = ("svg.js", "state.js", "front.js", "panel.js", "notebook.js")
"""Of them, those that draw the front alone, and the start of a page that has nothing else."""


def render_report(
    record: StudyRecord, data: Mapping[str, Any], notes: Sequence[str], written_at: str, *, sections: str = ""
) -> str:
    """The page.

    Args:
        record: The study; titles, facts and the list of trials that are off the front are read from it.
        data: What the page's code draws, as plain JSON values.
        notes: Notes for the reader, a sentence each.
        written_at: When, in words.
        sections: The sections on stability and rescorings, as HTML, or ''.
    """
    script = _join(_SCRIPTS)
    return Template(_read("page.html")).substitute(
        policy=_policy(script),
        study=escape(record.created.study),
        facts="".join(f"<li>{escape(fact)}</li>" for fact in _facts(record, written_at)),
        notes="".join(f"<li>{escape(note)}</li>" for note in notes),
        sections=sections,
        others=_list_others(record),
        overrides=escape(" ".join(_list_overrides(record))),
        plugins=_list_plugins(record),
        style=_read("page.css"),
        script=script,
        data=to_embedded_json(data),
    )


def render_front(record: StudyRecord, data: Mapping[str, Any]) -> str:
    """A small page with the front and the selected trial, such as for a notebook.

    Args:
        record: The study.
        data: What `describe_study` says of it.
    """
    script = _join(_NOTEBOOK_SCRIPTS)
    without_rows = {
        "metric": "",
        "metrics": [],
        "corruptions": {},
        "severities": {"validation": {}, "test": {}},
        "pictures": {},
    }
    return Template(_read("notebook.html")).substitute(
        policy=_policy(script),
        study=escape(record.created.study),
        style=_read("page.css"),
        script=script,
        data=to_embedded_json({**data, **without_rows}),
    )


def to_embedded_json(data: Mapping[str, Any]) -> str:
    """JSON that cannot close its own element, whatever text it holds.

    Raises:
        ValueError: if a number is not finite.
    """
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def describe_seeds(record: StudyRecord) -> str:
    """What the seeds of a study imply, in a sentence."""
    seeds = sorted({trial.seed for trial in record.trials})
    if not seeds:
        return "No network was trained yet."
    if len(seeds) == 1:
        return f"Every network was trained with one seed ({seeds[0]}): neighbours on the front may differ by chance."
    several = sum(len(result.seeds) > 1 for result in record.results)
    return (
        f"Networks were trained with the seeds {', '.join(map(str, seeds))}; {several} candidates have several. The "
        " values of a candidate are means over its seeds."
    )


def _join(names: Sequence[str]) -> str:
    """Scripts of the page as one."""
    return "(() => {\n'use strict';\n" + "\n".join(_read(name) for name in names) + "\n})();"


def _policy(script: str) -> str:
    """The content policy: only this script may run, only pictures inside the page are shown, nothing is fetched."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:"


def _facts(record: StudyRecord, written_at: str) -> list[str]:
    opened = record.opened[-1] if record.opened else None
    num_sessions = len(record.opened)
    budget = f" of {opened.budget_trials}" if opened and opened.budget_trials is not None else ""
    return [
        f"{record.num_searched}{budget} trials{describe_confirming(record)}: {count_states(record)}",
        f"{len(record.front.trials)} on the front, hypervolume {record.front.hypervolume:.4f}",
        *([bounds] if (bounds := describe_constraints(record)) else []),
        f"{describe_seconds(record.hours_used * 3600)} of search in {num_sessions} session{'s' * (num_sessions != 1)}",
        f"written {written_at}",
    ]


def _list_others(record: StudyRecord) -> str:
    """The trials that the front is not read from, each with the reason; those still running come last."""
    others = [trial for trial in record.trials if _find_reason(trial, record)]
    if not others:
        return "<p>None: every trial finished, and no network is broken.</p>"
    others.sort(key=lambda trial: (trial.state is State.RUNNING, trial.trial_id))
    rows = "".join(_to_row(trial, _find_reason(trial, record)) for trial in others)
    return (
        '<div class="scroll"><table id="others"><thead><tr><th scope="col">trial</th><th scope="col">state</th>'
        f'<th scope="col">why</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _find_reason(trial: Trial, record: StudyRecord) -> str:
    """Why a trial cannot be on the front, or ''."""
    result = record.ledger.find(trial.candidate) if record.constraints else None
    broken = f"breaks {', '.join(result.broken)}" if result and result.broken else ""
    return explain(trial) or broken


def _to_row(trial: Trial, reason: str) -> str:
    return f"<tr><td>{trial.trial_id}</td><td>{trial.state.value}</td><td>{escape(reason)}</td></tr>"


def _list_plugins(record: StudyRecord) -> str:
    """The plug-ins of the study as HTML; '' if there are none."""
    used = ", ".join(map(str, record.created.plugins))
    return f"<p>With {escape(used)}.</p>" if used else ""


def _list_overrides(record: StudyRecord) -> list[str]:
    """The overrides without the storage, which may hold a secret and means nothing to another reader."""
    return [override for override in record.created.overrides if not override.startswith("storage=")]


def _read(name: str) -> str:
    return (resources.files("paretoseg.search.reports") / "page" / name).read_text(encoding="utf-8")
