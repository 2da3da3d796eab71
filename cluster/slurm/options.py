"""Checks options of sbatch and srun that a user adds: the script sets some itself, and a text must stay one word."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._,-]*")
_VALUE = re.compile(r"[A-Za-z0-9._,:/@+&|*()\[\]%#=!~^-]+")
_OPTION = re.compile(rf"--([a-z][a-z-]*)(={_VALUE.pattern})?")

_OF_JOB: Mapping[str, str] = {
    "account": "cluster.account", "array": "", "chdir": "", "clusters": "", "cpus-per-task": "cluster.cpus",
    "error": "", "export": "cluster.setup", "export-file": "cluster.setup",
    "gpus": "cluster.gpus", "gpus-per-node": "cluster.gpus", "gres": "cluster.gpus", "help": "", "job-name": "study",
    "mem": "cluster.memory_gb", "no-kill": "", "no-requeue": "cluster.max_restarts", "nodes": "cluster.nodes",
    "ntasks": "", "ntasks-per-node": "", "open-mode": "", "output": "cluster.run_dir", "parsable": "",
    "partition": "cluster.partition", "requeue": "cluster.max_restarts", "signal": "cluster.grace_s", "test-only": "",
    "time": "cluster.time_min", "version": "", "wait": "", "wrap": "",
}  # fmt: skip
_OF_STEP: Mapping[str, str] = {
    "chdir": "", "cpus-per-task": "cluster.cpus", "error": "", "exclude": "", "export": "cluster.setup",
    "gpus": "cluster.gpus", "gpus-per-node": "cluster.gpus", "gres": "cluster.gpus", "help": "", "jobid": "",
    "kill-on-bad-exit": "", "no-kill": "", "nodelist": "", "nodes": "cluster.nodes", "ntasks": "",
    "ntasks-per-node": "", "output": "", "pty": "", "test-only": "", "version": "", "wait": "",
}  # fmt: skip
"""Options that the script sets itself, with the key to use instead, or ''."""


def name_option(option: str) -> str:
    """The option without its value, such as --qos."""
    return option.partition("=")[0]


def check_name(key: str, value: str) -> None:
    """Refuses a name that Slurm cannot have given; '' is none.

    Raises:
        ValueError: if it holds anything but letters, digits and ._,-.
    """
    if value and not _NAME.fullmatch(value):
        raise ValueError(f"{key} may hold letters, digits and ._,- only, got {value!r}")


def check_value(key: str, value: str) -> None:
    """Refuses a value that is not one plain word; '' is none.

    Raises:
        ValueError: if it holds blanks, quotes or characters that only a shell knows.
    """
    if value and not _VALUE.fullmatch(value):
        raise ValueError(f"{key} must be one word of letters, digits and ._,:/@+&|*()[]%#=!~^-, got {value!r}")


def check_job_option(option: str) -> None:
    """Checks an option of sbatch.

    Raises:
        ValueError: if it is not one word, or the script sets it itself.
    """
    _check_option("cluster.options", option, _OF_JOB)


def check_step_option(option: str) -> None:
    """Checks an option of the srun that starts Ray on the other nodes.

    Raises:
        ValueError: if it is not one word, or the script sets it itself.
    """
    _check_option("cluster.srun_options", option, _OF_STEP)


def check_text(name: str, text: str) -> None:
    """Refuses characters that Slurm itself interprets: quoting does not protect them.

    Raises:
        ValueError: if the text holds control characters.
    """
    if not text.isprintable():
        raise ValueError(f"{name} must not hold line breaks or other control characters, got {text!r}")


def _check_option(key: str, option: str, owned: Mapping[str, str]) -> None:
    match = _OPTION.fullmatch(option)
    if match is None:
        raise ValueError(f"an option in {key} must be --name or --name=value, without blanks, got {option!r}")
    # Slurm accepts abbreviated options.
    full = next((name for name in (match[1], *owned) if name in owned and name.startswith(match[1])), None)
    if full is not None:
        meant = f" (--{full})" if full != match[1] else ""
        way_out = f"; use {owned[full]}" if owned[full] else ""
        raise ValueError(f"{key} must not set --{match[1]}{meant}, the script needs its own{way_out}")
