"""`python -m paretoseg` is the command `paretoseg`."""

import sys

from paretoseg.search.commands.stopping import end_at_once, ignore


def main() -> int:
    """Runs the command line; returns its exit code.

    A search answers signals from its first moment to its last. Importing the commands takes most of a second, so that
    comes after.
    """
    is_search = sys.argv[1:2] == ["search"]
    if is_search:
        end_at_once()
    from paretoseg.search.commands import cli  # late: see above

    code = cli.main()
    if is_search:
        ignore()
    return code


if __name__ == "__main__":
    sys.exit(main())
