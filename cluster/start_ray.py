"""`ray start` without Ray Client, for slow hosts: `python -m paretoseg.cluster.start_ray --head ...`.

Ray Client listens wherever what it needs is installed; no option and no variable keep it from it. And Ray gives a node
30 seconds to start, in which several of its processes import Python packages, maybe from a network disk.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from ray._private import services
from ray.scripts import scripts

_NODE_SECONDS = 60.0
_TRY_SECONDS = 0.5


def start(options: Sequence[str]) -> None:
    """Runs `ray start` with these options."""
    scripts.get_ray_client_dependency_error = lambda: "not wanted"
    services.get_node = wait_for(services.get_node)
    scripts.cli(["start", *options], prog_name="ray")


def wait_for(
    find: Callable[..., Any],
    *,
    now: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Callable[..., Any]:
    """A function that tries another one for a minute, as long as that raises RuntimeError: no such node yet."""

    def find_patiently(*arguments: Any) -> Any:
        deadline = now() + _NODE_SECONDS
        while True:
            try:
                return find(*arguments)
            except RuntimeError:
                if now() >= deadline:
                    raise
                pause(_TRY_SECONDS)

    return find_patiently


if __name__ == "__main__":
    start(sys.argv[1:])
