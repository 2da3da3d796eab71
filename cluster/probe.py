"""Runs a few lines of Python in a process of their own, so that a library that crashes or hangs does no harm here."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


class ProbeError(Exception):
    """What was probed failed; the message is one line."""


def probe(code: str, timeout_s: float) -> Any:
    """The value that the last line of some code's output holds, as JSON.

    Args:
        code: Prints JSON in its last line.
        timeout_s: How long it may take.

    Raises:
        ProbeError: if it fails, takes longer, or prints something else.
    """
    words = [sys.executable, "-W", "ignore", "-c", code]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        raise ProbeError(f"no answer within {timeout_s:g} s") from None
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise ProbeError(lines[-1] if lines else f"ended with exit code {done.returncode}")
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise ProbeError("it answered nothing") from None
