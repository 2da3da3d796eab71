"""Looks whether a Slurm has what a job asks for; submits a tiny job only if it is asked to."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from paretoseg.cluster.site_check import SiteCheck
from paretoseg.cluster.slurm.commands import ask

_COMMANDS = ("sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")
_JOB_WAIT_SECONDS = 60
_SEEN_SECONDS = 10.0
"""How long a file from a node may take to be seen here: file servers keep lists of files for a while."""

# What a node does: reads the setup, looks for a file, writes another one, and imports the package.
_ON_NODE = """
[ -z "$3" ] || . "$3" || { echo "setup failed"; exit 1; }
[ -e "$1" ] && echo seen
echo node >"$2" && echo written
shift 3
"$@" -c 'import paretoseg, ray' && echo imported
exit 0
"""


@dataclass(frozen=True)
class SiteRequest:
    """What a job asks for."""

    partitions: tuple[str, ...]
    """Empty for the site's default."""

    nodes: int
    cpus: int
    gpus: int
    gpu_type: str
    options: tuple[str, ...]
    """Those of sbatch."""

    step_options: tuple[str, ...]
    """Those that say where a job may run: partition, account, quality of service, constraint."""

    folder: Path
    """Where script, logs and token go."""

    setup: str
    python: tuple[str, ...]
    """The command that is Python on the nodes."""


@dataclass(frozen=True)
class Partition:
    """A line of sinfo: nodes of one kind in one partition."""

    name: str
    is_default: bool
    is_up: bool
    num_nodes: int
    cpus: int
    gpus: tuple[tuple[str, int], ...]
    """By kind, '' where the site names none."""


def check_site(
    request: SiteRequest, *, with_job: bool, sleep: Callable[[float], None] = time.sleep
) -> Iterator[SiteCheck]:
    """Looks at commands, controller, partition, GPUs, limits and the shared folder."""
    missing = [name for name in _COMMANDS if shutil.which(name) is None]
    if missing:
        fix = "run this on a login node of the cluster, or load its module"
        yield SiteCheck("Slurm's commands", False, f"not found: {', '.join(missing)}", fix)
        return
    answer = ask("sinfo", "--noheader", "--format=%P|%a|%D|%c|%G")
    if answer.code:
        yield SiteCheck("Slurm's controller", False, f"no answer: {answer.reason}", "ask the administrator")
        return
    yield SiteCheck("Slurm's controller", True, "answers")
    yield from judge_partitions(parse_partitions(answer.output), request)
    yield _check_limits(request)
    yield from _check_nodes(request, sleep) if with_job else [_leave_out_nodes(request)]


def parse_partitions(text: str) -> list[Partition]:
    """The lines of sinfo with the columns partition, availability, nodes, cores and GPUs."""
    found = []
    for line in text.splitlines():
        cells = line.strip().split("|")
        if len(cells) == 5:
            name, state, nodes, cpus, gres = cells
            is_up, gpus = state.startswith("up"), tuple(_read_gpus(gres))
            found.append(
                Partition(name.rstrip("*"), name.endswith("*"), is_up, _read_number(nodes), _read_number(cpus), gpus)
            )
    return found


def _read_number(text: str) -> int:
    """A number, where there are different ones the smallest: 128+."""
    digits = text.rstrip("+")
    return int(digits) if digits.isdigit() else 0


def _read_gpus(gres: str) -> Iterator[tuple[str, int]]:
    """The GPUs in a list such as gpu:a100:4(S:0-1),shard:8 or gpu:2."""
    for item in gres.split(","):
        words = item.partition("(")[0].split(":")
        if words[0] == "gpu" and words[-1].isdigit():
            yield (words[1] if len(words) == 3 else "", int(words[-1]))


def judge_partitions(there: Sequence[Partition], request: SiteRequest) -> Iterator[SiteCheck]:
    """Whether the partitions that are asked for exist, are up, and have nodes that are large enough."""
    names = list(dict.fromkeys(one.name for one in there))
    wanted = request.partitions or tuple(dict.fromkeys(one.name for one in there if one.is_default))
    if not wanted:
        fix = f"choose one with cluster.partition: {', '.join(names) or 'none'}"
        yield SiteCheck("partition", False, "this site has no default partition", fix)
        return
    if unknown := [name for name in wanted if name not in names]:
        fix = f"set cluster.partition to one of {', '.join(names) or 'none'}"
        yield SiteCheck("partition", False, f"there is no {', '.join(unknown)}", fix)
        return
    kinds = [one for one in there if one.name in wanted]
    if not any(one.is_up for one in kinds):
        fix = "choose another one with cluster.partition, or ask the administrator"
        yield SiteCheck("partition", False, f"{', '.join(wanted)} takes no jobs now", fix)
        return
    num_nodes = max(
        sum(one.num_nodes for one in kinds if one.name == name and _is_large(one, request)) for name in wanted
    )
    asked = f"{request.nodes} x {request.cpus} cores{_describe_gpus(request.gpus, request.gpu_type)}"
    if num_nodes < request.nodes:
        fix = "lower cluster.nodes, cluster.cpus or cluster.gpus, or choose another cluster.partition"
        has = ", ".join(dict.fromkeys(f"{one.num_nodes} x {one.cpus} cores{_list_gpus(one)}" for one in kinds))
        yield SiteCheck("partition", False, f"{', '.join(wanted)} has {has}, not {asked}", fix)
        return
    yield SiteCheck(
        "partition", True, f"{', '.join(wanted)} is up; {num_nodes} of its nodes are large enough for {asked}"
    )


def _is_large(kind: Partition, request: SiteRequest) -> bool:
    gpus = sum(number for name, number in kind.gpus if request.gpu_type in ("", name))
    return kind.cpus >= request.cpus and gpus >= request.gpus


def _list_gpus(kind: Partition) -> str:
    return "".join(_describe_gpus(number, name) for name, number in kind.gpus)


def _describe_gpus(number: int, kind: str) -> str:
    return f" and {number} {kind + ' ' if kind else ''}GPU{'s' * (number != 1)}" if number else ""


def _check_limits(request: SiteRequest) -> SiteCheck:
    """What Slurm itself says to the job: account, quality of service, limits of time and memory."""
    answer = ask("sbatch", "--test-only", *request.options, "--wrap=true")
    if answer.code:
        fix = "change the key of cluster that the reason is about: account, qos, time_min, memory_gb, options ..."
        return SiteCheck("job", False, f"sbatch would refuse it: {answer.reason}", fix)
    said = answer.reason.removeprefix("sbatch: ")
    return SiteCheck(
        "job", True, f"sbatch would take it ({said})" if said.startswith("Job ") else "sbatch would take it"
    )


def _leave_out_nodes(request: SiteRequest) -> SiteCheck:
    text = f"not tried: whether a node sees {request.folder} and has Python with paretoseg"
    return SiteCheck("node", None, text, "add --job, which runs a job of some seconds on one node")


def _check_nodes(request: SiteRequest, sleep: Callable[[float], None]) -> Iterator[SiteCheck]:
    """Runs a job that reads and writes in the folder, and imports the package."""
    name = f".doctor-{uuid.uuid4().hex[:8]}"
    here, there = request.folder / name, request.folder / f"{name}-node"
    made = [place for place in (request.folder, *request.folder.parents) if not place.exists()]
    try:
        request.folder.mkdir(parents=True, exist_ok=True)
        here.write_text("login\n")
    except OSError as error:
        fix = "choose another place with storage=PATH or cluster.run_dir=PATH"
        yield SiteCheck("shared storage", False, f"{request.folder} cannot be written here: {error.strerror}", fix)
        return
    try:
        words = ("bash", "-c", _ON_NODE, "doctor", str(here), str(there), request.setup, *request.python)
        limits = (
            "--nodes=1",
            "--ntasks=1",
            "--time=5",
            f"--immediate={_JOB_WAIT_SECONDS}",
            "--job-name=paretoseg-doctor",
        )
        answer = ask("srun", *limits, *request.step_options, *words, timeout_s=_JOB_WAIT_SECONDS + 120.0)
        yield from _judge_node(request, answer.output.split(), answer.reason, there, sleep)
    finally:
        here.unlink(missing_ok=True)
        there.unlink(missing_ok=True)
        for place in made:  # from the inside out
            place.rmdir()


def _judge_node(
    request: SiteRequest, said: Sequence[str], reason: str, there: Path, sleep: Callable[[float], None]
) -> Iterator[SiteCheck]:
    if not said:
        fix = "try again when a node is free, or see the reason with srun hostname"
        yield SiteCheck("node", False, f"no job ran within {_JOB_WAIT_SECONDS} s: {reason}", fix)
        return
    if "setup" in said:
        yield SiteCheck("node", False, f"cluster.setup={request.setup} fails on a node: {reason}", "correct the file")
        return
    fix = "choose a disk that all nodes share, with storage=PATH or cluster.run_dir=PATH"
    if "seen" not in said or "written" not in said:
        what = "does not see" if "seen" not in said else "cannot write to"
        yield SiteCheck("shared storage", False, f"a node {what} {request.folder}", fix)
    elif not _is_seen(there, sleep):
        yield SiteCheck("shared storage", False, f"what a node writes to {request.folder} is not seen here", fix)
    else:
        yield SiteCheck("shared storage", True, f"a node reads and writes {request.folder}")
    command = " ".join(request.python)
    if "imported" in said:
        yield SiteCheck("Python on a node", True, f"{command} imports paretoseg and ray")
    else:
        fix = "install paretoseg there, or set cluster.python, cluster.setup or cluster.container"
        yield SiteCheck("Python on a node", False, f"{command} fails: {reason}", fix)


def _is_seen(path: Path, sleep: Callable[[float], None]) -> bool:
    for _ in range(int(_SEEN_SECONDS)):
        if path.exists():
            return True
        sleep(1.0)
    return path.exists()
