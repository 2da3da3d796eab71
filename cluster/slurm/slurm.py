"""A Slurm cluster: the search is submitted as one job, which starts Ray on its nodes and requeues itself."""

from __future__ import annotations

import re
import shutil
import socket
import sys
import time
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from paretoseg.cluster.cluster import OBJECT_STORE_BYTES, RAY_ENVIRONMENT, BatchConfig, Submission, Ticket
from paretoseg.cluster.resources import Resources
from paretoseg.cluster.slurm.commands import job_number, require_slurm, submit_script
from paretoseg.cluster.slurm.script import write_script
from paretoseg.cluster.uri_keys import holds_key
from paretoseg.spaces.atomic_file import write_atomically

_WAIT_SECONDS = 300
"""How long the search waits for the Ray nodes of its job, in seconds."""

_PRIVATE = 0o600
"""Permissions of the script: only its owner may read the overrides."""

_LEAST = {
    "nodes": 1,
    "cpus": 1,
    "gpus": 0,
    "memory_gb": 0,
    "time_min": 0,
    "max_restarts": 0,
    "lock_wait_s": 0,
    "grace_s": 30,
}
_LEAST_SECONDS = 300
"""Shortest time in seconds beside the grace time: Ray needs half a minute, and Slurm may signal a minute early."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._,-]*")
_OPTION = re.compile(r"--([a-z][a-z-]*)(=[A-Za-z0-9._,:/@+&|*()\[\]%-]+)?")
_OWNED = {
    "account": "cluster.account", "array": "", "chdir": "", "clusters": "", "cpus-per-task": "cluster.cpus",
    "error": "", "export": "cluster.setup", "export-file": "cluster.setup",
    "gpus": "cluster.gpus", "gpus-per-node": "cluster.gpus", "gres": "cluster.gpus", "help": "", "job-name": "study",
    "mem": "cluster.memory_gb", "no-kill": "", "no-requeue": "cluster.max_restarts", "nodes": "cluster.nodes",
    "ntasks": "", "ntasks-per-node": "", "open-mode": "", "output": "cluster.run_dir", "parsable": "",
    "partition": "cluster.partition", "requeue": "cluster.max_restarts", "signal": "cluster.grace_s", "test-only": "",
    "time": "cluster.time_min", "version": "", "wait": "", "wrap": "",
}  # fmt: skip


@dataclass(unsafe_hash=True)
class SlurmConfig(BatchConfig):
    """A job with equal resources on each node; run the command on a login node."""

    nodes: int = 1
    """How many nodes the job gets."""

    cpus: int = 4
    """CPU cores on each node."""

    gpus: int = 0
    """GPUs on each node."""

    memory_gb: float = 0.0
    """Memory on each node, in GiB; 0 for the site's default."""

    time_min: int = 0
    """Time limit of one start of the job, in minutes; 0 for the partition's. The job requeues itself until done."""

    partition: str = ""
    """Partition, or several separated by commas; empty for the site's default."""

    account: str = ""
    """Account to charge; empty for your default."""

    options: list[str] = field(default_factory=list)
    """Additional options of sbatch, such as --qos=long."""

    setup: str = ""
    """A shell file that the job sources first, for modules and proxies; empty for none."""

    python: str = ""
    """Python on the nodes with paretoseg installed; empty for the one that runs this command."""

    max_restarts: int = 20
    """How often the job may requeue itself."""

    lock_wait_s: float = 120.0
    """How long a start of the job waits for the study's lock, in seconds, before the job requeues itself."""

    grace_s: int = 120
    """How long before the time limit the search is asked to stop, in seconds."""

    run_dir: str = ""
    """Folder for script, logs and token, on a disk that all nodes share; empty for slurm/ in the study's folder."""

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if not least <= getattr(self, name) < inf:
                raise ValueError(f"cluster.{name} must be at least {least}, got {getattr(self, name):g}")
        if self.time_min and self.time_min * 60 < self.grace_s + _LEAST_SECONDS:
            raise ValueError(
                f"cluster.time_min must leave {_LEAST_SECONDS // 60} min beside cluster.grace_s={self.grace_s} s, "
                f"got {self.time_min} min"
            )
        self._check_texts()

    def _check_texts(self) -> None:
        for name in ("partition", "account"):
            value = getattr(self, name)
            if value and not _NAME.fullmatch(value):
                raise ValueError(f"cluster.{name} may hold letters, digits and ._,- only, got {value!r}")
        for option in self.options:
            _check_option(option)
        for name in ("setup", "python", "run_dir"):
            _check_text(f"cluster.{name}", getattr(self, name))
        if "://" in self.run_dir:
            raise ValueError(f"cluster.run_dir must be a path on a disk that all nodes share, got {self.run_dir!r}")

    def check(self, resources: Resources) -> None:
        """Checks that a trial fits on a node, and that the files named in the settings exist.

        Raises:
            ValueError: if a trial does not fit on a node, or a file is missing.
        """
        if resources.cpus > self.cpus or resources.gpus > self.gpus:
            raise ValueError(
                f"a trial needs {resources.cpus:g} CPUs and {resources.gpus:g} GPUs, but a node of the job has "
                f"cluster.cpus={self.cpus} and cluster.gpus={self.gpus}; raise these or lower resources"
            )
        if self.setup and not Path(self.setup).is_file():
            raise ValueError(f"cluster.setup must be an existing file, got '{self.setup}'")
        if self.python and shutil.which(self.python) is None:
            raise ValueError(f"cluster.python must be an executable Python, got '{self.python}'")

    def count_gpus(self) -> int:
        """Those of all nodes of the job."""
        return self.gpus * self.nodes

    def render(self, submission: Submission) -> str:
        """The batch script.

        Raises:
            ValueError: if the nodes would see no folder for it, or a text cannot be written into a script.
        """
        if holds_key(submission.location):
            raise ValueError(
                "storage contains a key, which every user of the nodes could read in the list of processes; give it as "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in the environment that you submit from or in "
                "cluster.setup"
            )
        run_dir = self._find_run_dir(submission)
        _check_text("the working directory", str(Path.cwd()))
        for override in submission.overrides:
            _check_text("an override", override)
        if re.search(r"[%\\]", str(run_dir)) or not str(run_dir).isprintable():
            raise ValueError(
                f"Slurm interprets %, \\ and control characters in the path of a log, got {str(run_dir)!r}; "
                "set cluster.run_dir"
            )
        variables: dict[str, str | int] = {
            "run_dir": str(run_dir),
            "python": self._find_python(),
            "setup": str(Path(self.setup).absolute()) if self.setup else "",
            "cpus": self.cpus,
            "gpus": self.gpus,
            "object_store_bytes": OBJECT_STORE_BYTES,
            "max_restarts": self.max_restarts,
            "patience_s": self.grace_s - 20,
            **RAY_ENVIRONMENT,
        }
        keys = {"num_nodes": self.nodes, "wait_s": _WAIT_SECONDS, "lock_wait_s": f"{self.lock_wait_s:g}"}
        attached = ("cluster=attached", *(f"cluster.{name}={value}" for name, value in keys.items()))
        command = (self._find_python(), "-m", "paretoseg", "search", *submission.overrides, *attached)
        comment = f"Study {submission.study}: this job starts Ray, searches, and requeues itself while work is left."
        return write_script(comment, self._options(submission, run_dir), variables, command)

    def check_reachable(self) -> None:
        """Checks that sbatch is installed.

        Raises:
            ValueError: if it is not.
        """
        require_slurm()

    def submit(self, submission: Submission) -> Ticket:
        """Writes the script into the run folder and submits it with sbatch.

        Raises:
            ValueError: if the folder cannot be written, there is no sbatch, or it refuses.
        """
        text, run_dir = self.render(submission), self._find_run_dir(submission)
        script = run_dir / "search.sbatch"
        try:
            run_dir.mkdir(parents=True, exist_ok=True)
            write_atomically(script, text.encode(), _PRIVATE)
        except OSError as error:
            raise ValueError(f"cannot write '{script}': {error.strerror}; see cluster.run_dir") from None
        job = submit_script(script)
        log = run_dir / f"job-{job_number(job)}.log"
        return Ticket("slurm", job, socket.gethostname(), time.time(), str(log))

    def _options(self, submission: Submission, run_dir: Path) -> list[str]:
        options = [
            f"--job-name={submission.study}",
            f"--chdir={Path.cwd()}",
            f"--output={run_dir}/job-%j.log",
            "--open-mode=append",
            "--requeue",
            f"--signal=B:USR1@{self.grace_s}",
            f"--nodes={self.nodes}",
            "--ntasks-per-node=1",
            f"--cpus-per-task={self.cpus}",
        ]
        # The search goes on without a node that dies; the job's script looks after the death of the first one.
        options += ["--no-kill"] if self.nodes > 1 else []
        options += [f"--gres=gpu:{self.gpus}"] if self.gpus else []
        # --mem=0 would mean all of the node's memory.
        options += [f"--mem={max(1, round(self.memory_gb * 1024))}M"] if self.memory_gb else []
        options += [f"--time={self.time_min}"] if self.time_min else []
        options += [f"--partition={self.partition}"] if self.partition else []
        options += [f"--account={self.account}"] if self.account else []
        return options + self.options

    def _find_run_dir(self, submission: Submission) -> Path:
        if self.run_dir:
            return Path(self.run_dir).absolute() / submission.study
        if "://" in submission.location:
            raise ValueError(
                "cluster=slurm needs a folder for its script and logs, and the study is at a URI; "
                "add cluster.run_dir=<path on a disk that all nodes share>"
            )
        return Path(submission.location) / "slurm"

    def _find_python(self) -> str:
        # Not resolved: Python finds its virtual environment by the path of the link.
        return str(Path(shutil.which(self.python) or self.python).absolute()) if self.python else sys.executable


def _check_option(option: str) -> None:
    match = _OPTION.fullmatch(option)
    if match is None:
        raise ValueError(f"an option in cluster.options must be --name or --name=value, without blanks, got {option!r}")
    # sbatch accepts abbreviated options.
    owned = next((name for name in (match[1], *_OWNED) if name in _OWNED and name.startswith(match[1])), None)
    if owned is not None:
        meant = f" (--{owned})" if owned != match[1] else ""
        way_out = f"; use {_OWNED[owned]}" if _OWNED[owned] else ""
        raise ValueError(f"cluster.options must not set --{match[1]}{meant}, the script needs its own{way_out}")


def _check_text(name: str, text: str) -> None:
    """Refuses characters that Slurm itself interprets: quoting does not protect them."""
    if not text.isprintable():
        raise ValueError(f"{name} must not hold line breaks or other control characters, got {text!r}")
