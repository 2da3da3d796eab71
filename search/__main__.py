"""`python -m search` is the command `paretoseg`."""

import sys

from search.cli import main

sys.exit(main())
