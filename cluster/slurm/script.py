"""The batch script of a search: Slurm's options and a few variables, then `slurm_job.sh` unchanged.

Everything that varies is at the top, quoted with `shlex.quote`; the rest is the same for every search.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from importlib import resources


def write_script(
    comment: str, options: Sequence[str], variables: Mapping[str, str | int], lists: Mapping[str, Sequence[str]]
) -> str:
    """The text of the script.

    Args:
        comment: What the script does, in one line.
        options: Slurm's options, such as '--nodes=2'; their values may contain anything but line breaks.
        variables: The shell variables that `slurm_job.sh` reads.
        lists: Its arrays, such as the words of the search command.
    """
    lines = ["#!/bin/bash", f"# {comment}"]
    lines += [f"#SBATCH {_quote_value(option)}" for option in options]
    lines += ["", *(f"{name}={shlex.quote(str(value))}" for name, value in variables.items())]
    for name, words in lists.items():
        lines += [f"{name}=(", *(f"  {shlex.quote(word)}" for word in words), ")"] if words else [f"{name}=()"]
    body = (resources.files("paretoseg.cluster.slurm") / "slurm_job.sh").read_text()
    return "\n".join(lines) + "\n\n" + body


def _quote_value(option: str) -> str:
    name, equals, value = option.partition("=")
    return f"{name}{equals}{shlex.quote(value)}" if equals else name
