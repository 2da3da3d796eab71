"""A part of a page of the docs that is written by the code, between two marks."""

from __future__ import annotations


def replace_part(page: str, subject: str, text: str) -> str:
    """The page with the text between the lines `<!-- SUBJECT: begin -->` and `<!-- SUBJECT: end -->`.

    Args:
        page: The whole page.
        subject: What the marks say that the part is about.
        text: The new part, without blank lines around it.
    """
    begin, end = f"<!-- {subject}: begin -->", f"<!-- {subject}: end -->"
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    assert found, f"the page needs the lines {begin} and {end}"
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"
