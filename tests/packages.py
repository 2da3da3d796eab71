"""Installed packages with plug-ins, for tests: real ones of `examples/`, and ones that are written on the spot."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def install(example: str, target: Path) -> None:
    """Installs a package of `examples/` into a folder, without a network."""
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index")
    copy = target / "source"
    copy.mkdir(parents=True)
    for path in (EXAMPLES / example).iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())  # a build leaves files beside the sources
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(target / "packages"), str(copy)],
        check=True,
        timeout=120,
    )


def write_package(folder: Path, name: str, points: Mapping[str, str], code: str = "", version: str = "1.0") -> Path:
    """Writes a package as pip leaves it behind; returns the folder, which is to be put on `sys.path`.

    Args:
        folder: The package gets a folder in it.
        name: Of the package; its module is called so, too, with underscores.
        points: Entry points as `kind:name` with what they point to in the module.
        code: Of the module.
        version: Of the package.
    """
    module = name.replace("-", "_")
    place = folder / f"{name}-{version}"
    info = place / f"{module}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = []
    for point, attribute in points.items():
        kind, _, chosen = point.partition(":")
        lines.append(f"[paretoseg.{kind}]\n{chosen} = {module}:{attribute}\n")
    (info / "entry_points.txt").write_text("\n".join(lines))
    (place / f"{module}.py").write_text(code)
    return place
