"""What `paretoseg doctor` checks of plug-ins: which are installed, and which of them cannot be used."""

from __future__ import annotations

from paretoseg.search.config.used_plugins import TABLES
from paretoseg.search.health.check import Finding, Verdict
from paretoseg.spaces.plugins import find_plugins, list_kinds


def check_plugins() -> list[Finding]:
    """Lists what installed packages add; warns of what is broken, clashes, or is of an unknown kind."""
    findings = [_look_at(kind) for kind in list_kinds() if kind not in TABLES]
    for kind, table in TABLES.items():
        broken = table.find_broken()
        whole = [str(one) for name, found in find_plugins(kind).items() if name not in broken for one in found]
        if whole:
            findings.append(Finding("plug-ins", Verdict.PASS, ", ".join(whole)))
        findings += [Finding("plug-ins", Verdict.WARN, reason) for reason in broken.values()]
    return findings or [Finding("plug-ins", Verdict.PASS, "none is installed")]


def _look_at(kind: str) -> Finding:
    packages = sorted({one.package for found in find_plugins(kind).values() for one in found})
    text = f"{', '.join(packages)} adds to the group paretoseg.{kind}, which is none"
    return Finding("plug-ins", Verdict.WARN, text, f"in its pyproject.toml, use one of {', '.join(TABLES)}")
