"""A Slurm cluster: the search is submitted as one job, which starts Ray on its nodes and requeues itself."""

from __future__ import annotations

import re
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from pathlib import Path

from paretoseg.cluster.cluster import OBJECT_STORE_BYTES, RAY_ENVIRONMENT, BatchConfig, Submission, Ticket
from paretoseg.cluster.resources import Resources
from paretoseg.cluster.site_check import SiteCheck
from paretoseg.cluster.slurm.commands import job_number, require_slurm, submit_script
from paretoseg.cluster.slurm.options import (
    check_job_option,
    check_name,
    check_step_option,
    check_text,
    check_value,
    name_option,
)
from paretoseg.cluster.slurm.script import write_script
from paretoseg.cluster.slurm.site import SiteRequest, check_site
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
    "memory_per_cpu_gb": 0,
    "time_min": 0,
    "max_restarts": 0,
    "lock_wait_s": 0,
    "grace_s": 30,
}
_LEAST_SECONDS = 300
"""Shortest time in seconds beside the grace time: Ray needs half a minute, and Slurm may signal a minute early."""

_PLACE_KEYS = ("partition", "account", "qos", "constraint")
_IMAGES = (".sif", ".sqsh", ".img")


class GpuOption(StrEnum):
    """The option of sbatch and srun that asks for GPUs."""

    gres = "gres"
    gpus_per_node = "gpus_per_node"


@dataclass(unsafe_hash=True)
class SlurmConfig(BatchConfig):
    """A job with equal resources on each node; run the command on a login node."""

    nodes: int = 1
    """How many nodes the job gets."""

    cpus: int = 4
    """CPU cores on each node."""

    gpus: int = 0
    """GPUs on each node."""

    gpu_type: str = ""
    """Which kind of GPU, as the site names it, such as a100; empty for any."""

    gpu_option: GpuOption = GpuOption.gres
    """How Slurm is asked for GPUs: --gres=gpu:a100:4 or --gpus-per-node=a100:4."""

    memory_gb: float = 0.0
    """Memory on each node, in GiB; 0 for the site's default, -1 for all of a node."""

    memory_per_cpu_gb: float = 0.0
    """Memory for each CPU core, in GiB, in place of memory_gb; 0 for none."""

    time_min: int = 0
    """Time limit of one start of the job, in minutes; 0 for the partition's. The job requeues itself until done."""

    partition: str = ""
    """Partition, or several separated by commas; empty for the site's default."""

    account: str = ""
    """Account to charge; empty for your default."""

    qos: str = ""
    """Quality of service; empty for your default."""

    constraint: str = ""
    """Features that the nodes must have, such as a100|h100; empty for none."""

    options: list[str] = field(default_factory=list)
    """Additional options of sbatch, such as --exclusive."""

    srun_options: list[str] = field(default_factory=list)
    """Additional options of the srun that starts Ray on the other nodes, such as --mpi=none."""

    setup: str = ""
    """A shell file that every node of the job sources first, for modules, conda and proxies; empty for none."""

    container: list[str] = field(default_factory=list)
    """The command that runs another one in a container, such as [apptainer, exec, image.sif]; empty for none."""

    python: str = ""
    """Python on the nodes with paretoseg installed; empty for the one that runs this command, or python in a container.
    """

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
        if self.memory_gb != -1 and not 0 <= self.memory_gb < inf:
            raise ValueError(f"cluster.memory_gb must be at least 0, or -1 for all of a node, got {self.memory_gb:g}")
        if self.memory_gb and self.memory_per_cpu_gb:
            raise ValueError(
                f"cluster.memory_gb={self.memory_gb:g} and cluster.memory_per_cpu_gb={self.memory_per_cpu_gb:g} "
                "exclude each other; leave one out"
            )
        if self.gpu_type and not self.gpus:
            raise ValueError(f"cluster.gpu_type={self.gpu_type} needs cluster.gpus; set how many of them a node has")
        self._check_texts()
        self._check_options()

    def _check_texts(self) -> None:
        for name in ("partition", "account", "qos", "gpu_type"):
            check_name(f"cluster.{name}", getattr(self, name))
        for name in ("setup", "python", "run_dir"):
            check_text(f"cluster.{name}", getattr(self, name))
        for word in self.container:
            check_text("cluster.container", word)
        if "://" in self.run_dir:
            raise ValueError(f"cluster.run_dir must be a path on a disk that all nodes share, got {self.run_dir!r}")

    def _check_options(self) -> None:
        check_value("cluster.constraint", self.constraint)
        set_by_keys = {name_option(option): key for key, option in self._site_options()}
        for option in self.options:
            check_job_option(option)
            if key := set_by_keys.get(name_option(option)):
                raise ValueError(
                    f"cluster.options sets {name_option(option)}, and so does cluster.{key}; leave one out"
                )
        for option in self.srun_options:
            check_step_option(option)

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
        for word in self.container:
            if Path(word).is_absolute() and word.endswith(_IMAGES) and not Path(word).is_file():
                raise ValueError(f"cluster.container names an image that is not here, '{word}'; the nodes must see it")
        if self.python and not self.container and shutil.which(self.python) is None:
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
        check_text("the working directory", str(Path.cwd()))
        for override in submission.overrides:
            check_text("an override", override)
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
            "gpu_option": self._request_gpus(),
            "object_store_bytes": OBJECT_STORE_BYTES,
            "max_restarts": self.max_restarts,
            "patience_s": self.grace_s - 20,
            **RAY_ENVIRONMENT,
        }
        keys = {"num_nodes": self.nodes, "wait_s": _WAIT_SECONDS, "lock_wait_s": f"{self.lock_wait_s:g}"}
        attached = ("cluster=attached", *(f"cluster.{name}={value}" for name, value in keys.items()))
        python = (*self.container, self._find_python())
        lists = {
            "container": self.container,
            "srun_options": self.srun_options,
            "search": (*python, "-m", "paretoseg", "search", *submission.overrides, *attached),
        }
        comment = f"Study {submission.study}: this job starts Ray, searches, and requeues itself while work is left."
        return write_script(comment, self._options(submission, run_dir), variables, lists)

    def check_reachable(self) -> None:
        """Checks that sbatch is installed.

        Raises:
            ValueError: if it is not.
        """
        require_slurm()

    def check_site(self, submission: Submission, *, with_job: bool) -> Iterator[SiteCheck]:
        """Looks at commands, partition, GPUs and limits; with a job also at the storage and Python of a node."""
        try:
            self.check(Resources())
            options, folder = self._options(submission, self._find_run_dir(submission)), self._find_run_dir(submission)
        except ValueError as error:
            yield SiteCheck("settings", False, str(error), "change the keys that it names")
            return
        where = [option for key, option in self._site_options() if key in _PLACE_KEYS]
        request = SiteRequest(
            partitions=tuple(name for name in self.partition.split(",") if name),
            nodes=self.nodes,
            cpus=self.cpus,
            gpus=self.gpus,
            gpu_type=self.gpu_type,
            options=tuple(options),
            step_options=tuple(where),
            folder=folder.parent if self.run_dir else folder.parents[1],
            setup=str(Path(self.setup).absolute()) if self.setup else "",
            python=(*self.container, self._find_python()),
        )
        yield from check_site(request, with_job=with_job)

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
        options += [self._request_gpus()] if self.gpus else []
        options += [option for _, option in self._site_options()]
        return options + self.options

    def _request_gpus(self) -> str:
        """The option that asks for GPUs, for sbatch and srun; '' for none."""
        if not self.gpus:
            return ""
        kind = [self.gpu_type] if self.gpu_type else []
        if self.gpu_option is GpuOption.gpus_per_node:
            return "--gpus-per-node=" + ":".join([*kind, str(self.gpus)])
        return "--gres=" + ":".join(["gpu", *kind, str(self.gpus)])

    def _site_options(self) -> list[tuple[str, str]]:
        """What the keys that are set ask for, by key."""
        options = {
            "memory_gb": f"--mem={_to_mib(self.memory_gb)}" if self.memory_gb else "",
            "memory_per_cpu_gb": f"--mem-per-cpu={_to_mib(self.memory_per_cpu_gb)}" if self.memory_per_cpu_gb else "",
            "time_min": f"--time={self.time_min}" if self.time_min else "",
            **{name: f"--{name}={getattr(self, name)}" if getattr(self, name) else "" for name in _PLACE_KEYS},
        }
        return [(key, option) for key, option in options.items() if option]

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
        if self.container:
            return self.python or "python"
        # Not resolved: Python finds its virtual environment by the path of the link.
        return str(Path(shutil.which(self.python) or self.python).absolute()) if self.python else sys.executable


def _to_mib(gib: float) -> str:
    """Memory as Slurm reads it; 0 is all of a node, so a little is at least one MiB."""
    return "0" if gib == -1 else f"{max(1, round(gib * 1024))}M"
