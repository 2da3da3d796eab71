"""Following a RayJob to its end, and what its end means for the one who waits."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.cluster.kubernetes.api import UnreachableError
from paretoseg.cluster.kubernetes.manifest import Manifest

_POLL_SECONDS = 5.0
_PATIENCE_SECONDS = 300.0
"""How long the cluster may be out of reach before following is given up; the job itself goes on."""

_ENDED = ("Complete", "Failed", "ValidationFailed")
_CODES = set(ExitCode) - {ExitCode.DONE, ExitCode.INTERRUPTED}
"""What a search that did not end well exits with."""

_SENTENCES = {
    "": "waits for the KubeRay operator",
    "Initializing": "starts its pods",
    "Running": "runs",
    "Retrying": "failed and is tried again; finished trials are kept",
    "Suspending": "is being suspended",
    "Suspended": "waits in its queue",
    "Waiting": "waits",
    "Complete": "is complete",
    "Failed": "failed",
    "ValidationFailed": "was refused by the KubeRay operator",
}


class Jobs(Protocol):
    """Where the state of a job is read."""

    def find(self, name: str) -> Manifest | None:
        """The job with its status, or None."""


@dataclass(frozen=True)
class JobStatus:
    """What the operator says of a job."""

    phase: str
    """State of the deployment, such as Running or Complete; '' before the operator has seen it."""

    outcome: str
    """State of the command: PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED; '' before it began."""

    message: str
    reason: str

    @property
    def is_over(self) -> bool:
        """True if nothing will change any more."""
        return self.phase in _ENDED

    @property
    def exit_code(self) -> int:
        """The search's exit code; 75 where the job ended without one, since the study can then go on."""
        if self.phase == "ValidationFailed":
            return ExitCode.REFUSED
        if self.outcome == "SUCCEEDED":
            return ExitCode.DONE
        # Ray tells the code of a command in this sentence alone.
        match = re.search(r"failed with exit code (\d+)", self.message)
        if match is None:
            return ExitCode.WORK_LEFT
        code = int(match[1])
        return code if code in _CODES else ExitCode.BUG if code < 128 else ExitCode.WORK_LEFT

    def describe(self) -> str:
        """One sentence without a subject."""
        said = _SENTENCES.get(self.phase, f"is {self.phase}")
        cause = next((line.strip() for line in self.message.splitlines() if line.strip()), "") or self.reason
        return f"{said}: {cause}" if cause and self.phase in ("Retrying", "Failed", "ValidationFailed") else said


def read_status(job: Mapping[str, Any]) -> JobStatus:
    """The status of a RayJob as the server has it."""
    status = job.get("status") or {}
    names = ("jobDeploymentStatus", "jobStatus", "message", "reason")
    return JobStatus(*(str(status.get(name) or "") for name in names))


def follow_job(
    jobs: Jobs,
    name: str,
    show: Callable[[str], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Waits for the end of a job and says whenever something changes.

    Args:
        jobs: Where it lies.
        name: Name of the RayJob.
        show: Takes one line for the user.
        sleep: Waits for some seconds.

    Returns:
        The exit code of the search; 75 if somebody deletes the job meanwhile.

    Raises:
        ValueError: if the cluster is out of reach for long, or refuses to tell.
    """
    shown, silent_s = "", 0.0
    while True:
        try:
            job = jobs.find(name)
            silent_s = 0.0
        except UnreachableError:
            silent_s += _POLL_SECONDS
            if silent_s > _PATIENCE_SECONDS:
                raise
            sleep(_POLL_SECONDS)
            continue
        if job is None:
            show(f"RayJob {name} was deleted; run the same command again to go on with the study.")
            return ExitCode.WORK_LEFT
        status = read_status(job)
        if status.describe() != shown:
            shown = status.describe()
            show(f"RayJob {name} {shown}.")
        if status.is_over:
            return status.exit_code
        sleep(_POLL_SECONDS)
