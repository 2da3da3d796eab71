"""Tables and pictures of the report's sections, as HTML."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape


def render_table(rows: Sequence[Mapping[str, str]]) -> str:
    """A table of texts with the columns of its first row; a column that holds `-` alone is left out.

    Args:
        rows: At least one; all have the same columns.
    """
    titles = [title for title in rows[0] if any(row[title] != "-" for row in rows)]
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    body = "".join("<tr>" + "".join(f"<td>{to_html(row[title])}</td>" for title in titles) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def embed_picture(picture: bytes | None, alt: str) -> str:
    """A PNG inside the page, with a text for those who do not see it; '' without a picture."""
    if picture is None:
        return ""
    data = base64.b64encode(picture).decode()
    return f'<img class="drift" alt="{escape(alt)}" src="data:image/png;base64,{data}">'


def to_html(text: str) -> str:
    """The text as HTML, with arrows drawn."""
    return escape(text.replace(" -> ", " → "))
