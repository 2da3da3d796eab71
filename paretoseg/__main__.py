"""`python -m paretoseg` is the command `paretoseg`."""

import sys

from paretoseg.search.commands.cli import main

sys.exit(main())
