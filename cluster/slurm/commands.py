"""Calls Slurm's commands: submits a script and finds a job."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from paretoseg.cluster.cluster import JobState

_SUBMIT_SECONDS, _ASK_SECONDS = 60.0, 10.0
"""How long to wait for an answer, in seconds: without its controller, Slurm retries for a minute."""

_OVER = {
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",
    "TIMEOUT",
}  # fmt: skip
_COLUMNS = ("State", "RestartCnt", "NodeList", "Reason")
_WIDTH = 256


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    """0 if it succeeded."""

    output: str
    error: str

    @property
    def reason(self) -> str:
        """The last line of its error output: earlier lines say where, the last one says what."""
        lines = [line.strip() for line in self.error.splitlines() if line.strip()]
        return lines[-1] if lines else f"it ended with exit code {self.code}"


def require_slurm() -> None:
    """Checks that Slurm's commands are installed.

    Raises:
        ValueError: if they are not.
    """
    if shutil.which("sbatch") is None:
        raise ValueError(
            "cluster=slurm needs the command sbatch, which is not installed here; run this on a login node of the "
            "cluster, or use cluster=local (--dry-run shows the script anywhere)"
        )


def submit_script(script: Path) -> str:
    """Submits a batch script and returns its job number, or <number>;<cluster> where there are several clusters.

    Raises:
        ValueError: if there is no Slurm here, or it refuses; the message gives its reason.
    """
    require_slurm()
    answer = ask("sbatch", "--parsable", str(script), timeout_s=_SUBMIT_SECONDS)
    if answer.code:
        raise ValueError(f"sbatch refused the job: {answer.reason}; the script is {script}")
    return answer.output.strip().splitlines()[-1]


def job_number(job: str) -> str:
    """The number without the cluster of what `submit_script` returned."""
    return job.partition(";")[0]


def find_job(job: str) -> JobState:
    """The state of a job, as far as this machine can find it out."""
    if shutil.which("squeue") is None:
        return JobState("state unknown: there is no squeue here; ask on a login node of the cluster", is_live=None)
    columns = ",".join(f"{name}:{_WIDTH}|" for name in _COLUMNS)
    words = ["squeue", "--noheader", "--states=all", f"--jobs={job_number(job)}", f"--Format={columns}"]
    cluster = job.partition(";")[2]
    answer = ask(*words, *([f"--clusters={cluster}"] if cluster else []))
    if answer.code and "Invalid job id" not in answer.error:
        return JobState(f"state unknown: {answer.reason}", is_live=None)
    # With --clusters, squeue prints the cluster's name on a separate line.
    lines = [line for line in answer.output.splitlines() if "|" in line]
    if answer.code or not lines:
        return JobState("ended, and no longer in Slurm's queue", is_live=False)
    cells = [cell.strip() for cell in lines[0].split("|")]
    state, restarts, nodes, reason = (cells + [""] * len(_COLUMNS))[: len(_COLUMNS)]
    return JobState(_describe(state, restarts, nodes, reason), is_live=state not in _OVER)


def cancel_job(job: str) -> None:
    """Ends a job; its search stops in order, and the job is not requeued.

    Raises:
        ValueError: if there is no scancel here, or it refuses; the message gives its reason.
    """
    if shutil.which("scancel") is None:
        raise ValueError("there is no scancel here; run this on a login node of the cluster")
    cluster = job.partition(";")[2]
    answer = ask("scancel", *([f"--clusters={cluster}"] if cluster else []), job_number(job))
    if answer.code:
        raise ValueError(f"scancel refused: {answer.reason}")


def _describe(state: str, restarts: str, nodes: str, reason: str) -> str:
    words = state
    if nodes:
        words += f" on {nodes}"
    if state == "PENDING" and reason not in ("", "None"):
        words += f" ({reason})"
    return f"{words}, {restarts} restart(s)" if restarts.isdigit() else words


def ask(*words: str, timeout_s: float = _ASK_SECONDS) -> Answer:
    """Calls a command of Slurm and returns what it said; one that cannot be run is an answer, too."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return Answer(1, "", f"{words[0]} did not answer within {timeout_s:g} s; is the controller up?")
    except OSError as error:
        return Answer(1, "", f"{words[0]} cannot be run: {error.strerror}")
    return Answer(done.returncode, done.stdout, done.stderr)
