"""The files of `examples/` as they stand in the docs, copied by the code.

`python -m docs.pages.examples_text docs/extend.md` writes them again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from docs.pages.generated_part import replace_part

EXAMPLES = Path(__file__).parents[2] / "examples"
"""The folder with a package for each example."""


def renew(page: str) -> str:
    """The page with every example as it is today: its module, then the lines that announce it."""
    for folder in sorted(path for path in EXAMPLES.iterdir() if path.is_dir()):
        module = (folder / f"{folder.name}.py").read_text().strip()
        settings = (folder / "pyproject.toml").read_text().strip()
        text = f"`examples/{folder.name}/{folder.name}.py`:\n\n```python\n{module}\n```\n\n"
        text += f"`examples/{folder.name}/pyproject.toml`:\n\n```toml\n{settings}\n```"
        page = replace_part(page, folder.name, text)
    return page


def main() -> None:
    """Writes the examples into the page that is named on the command line."""
    page = Path(sys.argv[1])
    page.write_text(renew(page.read_text()))


if __name__ == "__main__":
    main()
