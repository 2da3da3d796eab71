"""The command `paretoseg doctor`: whether this machine is ready for a search, each line with its fix."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.commands.doctor_devices import check_gpus, check_ray
from paretoseg.search.commands.doctor_places import check_cores, check_disks, check_shared_memory, check_storage
from paretoseg.search.commands.doctor_software import check_extras, check_python, check_tracking
from paretoseg.search.health.check import Finding, Verdict
from paretoseg.search.reports.health_text import health_lines, health_rows

DOCTOR_HELP = """\
Look whether this machine is ready for a search: Python, torch and its CUDA, GPUs that are seen and used, Ray, memory,
disks, the W&B key, plug-ins, and whether studies can be written. Each line passes, warns or fails, with what to do.
Nothing is installed or changed. Ray is started and stopped once; --quick leaves that out.

With the keys of a cluster, look at that cluster instead: whether it answers, has what the keys ask for, and would take
the job. No job is submitted unless you ask with --job for what only a worker can tell.

examples:
  paretoseg doctor
  paretoseg doctor cluster=slurm cluster.partition=gpu cluster.gpus=4 storage=/work/studies --job
  paretoseg doctor cluster=kubernetes cluster.image=registry.example/paretoseg:0.1.0 cluster.claim=studies
  paretoseg doctor --storage s3://bucket/studies
  paretoseg doctor --json | python -m json.tool

exit codes: 0 if nothing fails, 1 if something does
"""


def add_doctor_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "--storage", default="studies", metavar="PATH|URI", help="where studies lie; studies if left out"
    )
    parser.add_argument("--job", action="store_true", help="run a tiny job on the cluster for what only a worker knows")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="a cluster to look at, as for search")
    parser.add_argument("--quick", action="store_true", help="without starting Ray")
    parser.add_argument("--json", action="store_true", help="a list of flat objects instead of lines")


def run_doctor(parsed: argparse.Namespace, console: Console) -> int:
    """Runs the command; returns its exit code: 0, or 1 if a check fails."""
    if parsed.job and not parsed.overrides:
        raise ValueError("--job is for a cluster; name it, as in cluster=slurm")
    findings: list[Finding] = []
    for found in _look_here(parsed) if not parsed.overrides else _look_there(parsed):
        findings += found
        if not parsed.json:
            for line in health_lines(found):
                console.print(line, soft_wrap=True)
    if parsed.json:
        print(json.dumps(health_rows(findings), indent=2))
    else:
        console.print(_summarise(findings), soft_wrap=True)
    return ExitCode.BUG if any(one.verdict is Verdict.FAIL for one in findings) else ExitCode.DONE


def _look_there(parsed: argparse.Namespace) -> Iterator[Sequence[Finding]]:
    """Looks at the cluster that the keys name."""
    from paretoseg.search.commands.doctor_clusters import look_at_cluster  # Ray: too slow for the other commands' help

    return look_at_cluster(parsed)


def _look_here(parsed: argparse.Namespace) -> Iterator[Sequence[Finding]]:
    """Looks at this machine."""
    from paretoseg.search.commands.doctor_plugins import check_plugins  # Hydra: too slow for the other commands' help

    checks: list[Callable[[], Sequence[Finding]]] = [
        check_python,
        check_gpus,
        lambda: check_ray(is_started=not parsed.quick),
        check_cores,
        check_shared_memory,
        lambda: check_disks(parsed.storage),
        lambda: check_storage(parsed.storage),
        check_tracking,
        check_extras,
        check_plugins,
    ]
    return (check() for check in checks)


def _summarise(findings: Sequence[Finding]) -> str:
    failed, warned = (sum(one.verdict is verdict for one in findings) for verdict in (Verdict.FAIL, Verdict.WARN))
    if failed:
        return f"{failed} of {len(findings)} checks fail: fix these first."
    return "Ready" + (f", with {warned} warning{'s' * (warned != 1)}." if warned else ".")
