"""The commands of a page as one script, so that tests run what readers type.

`python -m docs.pages.tutorial docs/tutorial_folder.md` prints it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INSTALLING = "pip install"


def write_script(page: str) -> str:
    """All blocks of shell commands of a page, in their order, but for those that install; stops at the first error.

    Args:
        page: The page as Markdown.
    """
    blocks = [block for block in _BLOCK.findall(page) if _INSTALLING not in block]
    return "\n".join(["set -euo pipefail", *blocks])


def main() -> None:
    """Prints the script of the page that is named on the command line."""
    print(write_script(Path(sys.argv[1]).read_text()))


if __name__ == "__main__":
    main()
