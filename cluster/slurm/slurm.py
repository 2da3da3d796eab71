"""A Slurm cluster: the search is submitted as one job, which brings up a Ray over its nodes and resumes by itself."""

from __future__ import annotations

import re
import shutil
import socket
import sys
import time
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from paretoseg.cluster.cluster import OBJECT_STORE_BYTES, RAY_ENVIRONMENT, BatchConfig, Order, Ticket
from paretoseg.cluster.resources import Resources
from paretoseg.cluster.slurm.commands import number_of, require_slurm, submit_script
from paretoseg.cluster.slurm.script import write_script
from paretoseg.cluster.uri_keys import holds_key
from paretoseg.spaces.atomic_file import write_atomically

_WAIT_SECONDS = 300
"""How long the search waits for the Ray nodes of its job."""

_PRIVATE = 0o600
"""Permissions of the script: overrides are nobody else's business."""

_LEAST = {"nodes": 1, "cpus": 1, "gpus": 0, "memory_gb": 0, "time_min": 0, "max_restarts": 0, "grace_s": 30}
_LEAST_SECONDS = 300
"""What a start of the job must have beside its grace: Ray needs half a minute, and Slurm may signal a minute early."""

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
    """A job of whole nodes' shares; type the command on a login node."""

    nodes: int = 1
    """How many nodes the job gets."""

    cpus: int = 4
    """CPU cores on each node."""

    gpus: int = 0
    """GPUs on each node."""

    memory_gb: float = 0.0
    """Memory on each node, in GiB; 0 for what the site gives."""

    time_min: int = 0
    """Time limit of one start of the job, in minutes; 0 for the partition's. The job requeues itself until done."""

    partition: str = ""
    """Partition, or several with commas; empty for the site's default."""

    account: str = ""
    """Account that pays; empty for yours."""

    options: list[str] = field(default_factory=list)
    """More options of sbatch, such as --qos=long."""

    setup: str = ""
    """A shell file that the job reads before anything else, for modules and proxies; empty for none."""

    python: str = ""
    """Python on the nodes that has paretoseg; empty for the one that submits."""

    max_restarts: int = 20
    """How often the job may requeue itself."""

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
        """Compares a trial with a node, and looks for the files that are named.

        Raises:
            ValueError: if a trial does not fit on a node, or a file is missing.
        """
        if resources.cpus > self.cpus or resources.gpus > self.gpus:
            raise ValueError(
                f"a trial needs {resources.cpus:g} CPUs and {resources.gpus:g} GPUs, but a node of the job has "
                f"cluster.cpus={self.cpus} and cluster.gpus={self.gpus}; raise these or lower resources"
            )
        if self.setup and not Path(self.setup).is_file():
            raise ValueError(f"cluster.setup must be a file, and there is none at '{self.setup}'")
        if self.python and shutil.which(self.python) is None:
            raise ValueError(f"cluster.python must be a Python that can be run, and '{self.python}' cannot")

    def render(self, order: Order) -> str:
        """The batch script.

        Raises:
            ValueError: if there is no folder for it that the nodes can see, or a text cannot stand in a script.
        """
        if holds_key(order.location):
            raise ValueError(
                "storage holds a key, which everybody on the nodes could read in the list of processes; give it as "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in the environment that you submit from or in "
                "cluster.setup"
            )
        run_dir = self._find_run_dir(order)
        _check_text("the working directory", str(Path.cwd()))
        for override in order.overrides:
            _check_text("an override", override)
        if re.search(r"[%\\]", str(run_dir)) or not str(run_dir).isprintable():
            raise ValueError(
                f"Slurm reads %, \\ and control characters in the path of a log in its own way, got {str(run_dir)!r}; "
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
        attached = ("cluster=attached", f"cluster.num_nodes={self.nodes}", f"cluster.wait_s={_WAIT_SECONDS}")
        command = (self._find_python(), "-m", "paretoseg", "search", *order.overrides, *attached)
        comment = f"Study {order.study}: this job brings up Ray, searches, and requeues itself while work is left."
        return write_script(comment, self._options(order, run_dir), variables, command)

    def reach(self) -> None:
        """Looks for sbatch.

        Raises:
            ValueError: if it is not here.
        """
        require_slurm()

    def submit(self, order: Order) -> Ticket:
        """Writes the script into the run folder and hands it to sbatch.

        Raises:
            ValueError: if the folder cannot be written, there is no sbatch, or it refuses.
        """
        text, run_dir = self.render(order), self._find_run_dir(order)
        script = run_dir / "search.sbatch"
        try:
            run_dir.mkdir(parents=True, exist_ok=True)
            write_atomically(script, text.encode(), _PRIVATE)
        except OSError as error:
            raise ValueError(f"cannot write '{script}': {error.strerror}; see cluster.run_dir") from None
        job = submit_script(script)
        log = run_dir / f"job-{number_of(job)}.log"
        return Ticket("slurm", job, socket.gethostname(), time.time(), str(log))

    def _options(self, order: Order, run_dir: Path) -> list[str]:
        options = [
            f"--job-name={order.study}",
            f"--chdir={Path.cwd()}",
            f"--output={run_dir}/job-%j.log",
            "--open-mode=append",
            "--requeue",
            f"--signal=B:USR1@{self.grace_s}",
            f"--nodes={self.nodes}",
            "--ntasks-per-node=1",
            f"--cpus-per-task={self.cpus}",
        ]
        options += [f"--gres=gpu:{self.gpus}"] if self.gpus else []
        # 0 would mean all of the node's.
        options += [f"--mem={max(1, round(self.memory_gb * 1024))}M"] if self.memory_gb else []
        options += [f"--time={self.time_min}"] if self.time_min else []
        options += [f"--partition={self.partition}"] if self.partition else []
        options += [f"--account={self.account}"] if self.account else []
        return options + self.options

    def _find_run_dir(self, order: Order) -> Path:
        if self.run_dir:
            return Path(self.run_dir).absolute() / order.study
        if "://" in order.location:
            raise ValueError(
                "cluster=slurm needs a folder for its script and logs, and the study lies at a URI; "
                "add cluster.run_dir=<path on a disk that all nodes share>"
            )
        return Path(order.location) / "slurm"

    def _find_python(self) -> str:
        # Not resolved: a virtual environment is known by the link to its Python.
        return str(Path(shutil.which(self.python) or self.python).absolute()) if self.python else sys.executable


def _check_option(option: str) -> None:
    match = _OPTION.fullmatch(option)
    if match is None:
        raise ValueError(f"an option in cluster.options reads --name or --name=value, without blanks, got {option!r}")
    # sbatch takes the beginning of an option for the option.
    owned = next((name for name in (match[1], *_OWNED) if name in _OWNED and name.startswith(match[1])), None)
    if owned is not None:
        meant = f" (--{owned})" if owned != match[1] else ""
        way_out = f"; use {_OWNED[owned]}" if _OWNED[owned] else ""
        raise ValueError(f"cluster.options must not set --{match[1]}{meant}, the script needs its own{way_out}")


def _check_text(name: str, text: str) -> None:
    """Refuses what Slurm itself would read in its own way: quoting does not help against that."""
    if not text.isprintable():
        raise ValueError(f"{name} must not hold line breaks or other control characters, got {text!r}")
