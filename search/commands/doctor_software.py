"""What `paretoseg doctor` checks of Python, the key of W&B and the optional packages."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from paretoseg.search.health.check import Finding, Verdict
from paretoseg.search.tracking.plan import Mode, TrackingConfig, find_account, settle_mode

LEAST_PYTHON = (3, 11)

EXTRAS = {
    "brain": (("nilearn",), "data=brain"),
    "onnx": (("onnx", "onnxruntime", "onnxscript"), "export --format onnx"),
    "optuna": (("optuna",), "strategy=tpe and gp"),
    "kubernetes": (("kubernetes",), "cluster=kubernetes"),
    "completion": (("shtab",), "completion in the shell"),
    "docs": (("mkdocs-material", "mkdocstrings-python", "mkdocs-jupyter"), "make docs"),
}
"""By extra, its packages and what it is for."""


def check_python() -> list[Finding]:
    """Fails for an old Python or another system than Linux; warns outside of an environment of its own."""
    found = f"{platform.python_version()} on {platform.system()}, in {sys.prefix}; paretoseg {find_version()}"
    if sys.version_info < LEAST_PYTHON:
        fix = f"make an environment with Python {'.'.join(map(str, LEAST_PYTHON))} or newer"
        return [Finding("Python", Verdict.FAIL, found, fix)]
    if platform.system() != "Linux":
        return [Finding("Python", Verdict.FAIL, found, "use Linux, or Docker or WSL on this machine")]
    if sys.prefix == sys.base_prefix and not (Path(sys.prefix) / "conda-meta").is_dir() and not _is_in_container():
        return [Finding("Python", Verdict.WARN, found, "make an environment: python3 -m venv .venv")]
    return [Finding("Python", Verdict.PASS, found)]


def find_version() -> str:
    """The version of paretoseg; 'not installed' for a bare checkout."""
    try:
        return version("paretoseg")
    except PackageNotFoundError:
        return "not installed"


def _is_in_container() -> bool:
    return any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv"))


def check_tracking() -> list[Finding]:
    """Fails if the settings of W&B contradict each other; without a key, runs are recorded offline."""
    try:
        mode, why = settle_mode(TrackingConfig())
    except ValueError as error:
        return [Finding("W&B", Verdict.FAIL, str(error), "or set tracking.mode=offline")]
    if mode is Mode.online:
        return [Finding("W&B", Verdict.PASS, f"{why}; runs go to {find_account(None)[0]}")]
    said = "nothing is recorded" if mode is Mode.disabled else "runs are recorded offline, and `wandb sync` sends them"
    return [Finding("W&B", Verdict.PASS, f"{why}; {said}")]


def check_extras() -> list[Finding]:
    """Says which optional packages are missing and what they are for."""
    missing = {name: use for name, (packages, use) in EXTRAS.items() if not all(map(_is_there, packages))}
    if not missing:
        return [Finding("extras", Verdict.PASS, "all are installed")]
    uses = "; ".join(f"{name} ({use})" for name, use in missing.items())
    fix = f"if you need them: pip install 'paretoseg[{','.join(missing)}]'"
    return [Finding("extras", Verdict.PASS, f"not installed: {uses}", fix)]


def _is_there(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
