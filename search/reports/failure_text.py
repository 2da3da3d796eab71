"""Why trials failed, for people: the workers' own errors, and where in our code or the user's they were raised."""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Sequence

from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.trial import Failure, Trial

_MAX_SHOWN = 3
"""Different errors that are shown."""

_FRAME = re.compile(
    r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>\S+)\n(?P<code>.*)?$', re.MULTILINE
)
_PACKAGES = ("/site-packages/", "/dist-packages/")
_OURS = "/paretoseg/"
"""Where this package lies if it is installed."""


def describe_failures(record: StudyRecord) -> list[str]:
    """Every different error of the trials that failed, the last one first, each with its place; lines for a console."""
    by_reason: dict[str, list[Trial]] = {}
    for trial in reversed(record.in_order_of_end()):
        if trial.failure is not None:
            by_reason.setdefault(f"{trial.failure.kind}: {trial.failure.reason}", []).append(trial)
    lines = []
    for reason, trials in list(by_reason.items())[:_MAX_SHOWN]:
        assert trials[0].failure is not None
        lines += [f"  {_name_trials(trials)}: {reason}", *(f"    {line}" for line in find_place(trials[0].failure))]
    more = len(by_reason) - _MAX_SHOWN
    return [*lines, f"  and {more} other error{'s' * (more != 1)}"] if more > 0 else lines


def find_place(failure: Failure) -> list[str]:
    """The last frame of the traceback in this package or in the user's code, and its line; empty if there is none."""
    frames = [found for found in _FRAME.finditer(failure.traceback) if _is_own(found["file"])]
    if not frames:
        return []
    last = frames[-1]
    code = (last["code"] or "").strip()
    return [f"at {last['file']}:{last['line']} in {last['function']}", *([code] if code else [])]


def _is_own(file: str) -> bool:
    """True for a file that belongs neither to Python nor to a library."""
    if any(place in file for place in _PACKAGES):
        return any(f"{place.rstrip('/')}{_OURS}" in file for place in _PACKAGES)
    return not file.startswith(("<", sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")))


def _name_trials(trials: Sequence[Trial]) -> str:
    if len(trials) == 1:
        return f"trial {trials[0].trial_id}"
    return f"{len(trials)} trials, the last of them {trials[0].trial_id}"
