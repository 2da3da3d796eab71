"""The health of a search in lines for the terminal, as flat rows, and as a section of the report."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rich.text import Text

from paretoseg.search.health.check import Finding, Verdict

_STYLES = {Verdict.PASS: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red", Verdict.UNKNOWN: "dim"}


def health_lines(findings: Sequence[Finding]) -> list[Text]:
    """A line per check that found something; those that have too little to look at are counted at the end."""
    known = [one for one in findings if one.verdict is not Verdict.UNKNOWN]
    lines = [Text(f"{one.verdict.value:<7} {_describe(one)}", style=_STYLES[one.verdict]) for one in known]
    if unknown := [one.check for one in findings if one.verdict is Verdict.UNKNOWN]:
        lines.append(Text(f"unknown {', '.join(unknown)}: too little to look at", style=_STYLES[Verdict.UNKNOWN]))
    return lines


def health_rows(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """The findings as flat rows: check, verdict, text, remedy."""
    return [{name: str(value) for name, value in vars(one).items()} for one in findings]


def render_health(findings: Sequence[Finding]) -> str:
    """The section of the report."""
    rows = "".join(
        f"<tr><td>{escape(one.check)}</td><td>{escape(one.verdict.value)}</td><td>{escape(one.text)}</td>"
        f"<td>{escape(one.remedy)}</td></tr>"
        for one in findings
    )
    return (
        '<section id="health"><h2>Is the search in good health?</h2><div class="scroll"><table><thead><tr>'
        '<th scope="col">check</th><th scope="col">verdict</th><th scope="col">what was found</th>'
        f'<th scope="col">remedy</th></tr></thead><tbody>{rows}</tbody></table></div></section>'
    )


def _describe(finding: Finding) -> str:
    remedy = f"; {finding.remedy}" if finding.remedy else ""
    return f"{finding.check}: {finding.text}{remedy}"
