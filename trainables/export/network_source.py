"""The code of the networks as a self-contained package for bundles, which runs wherever MONAI is installed.

A TorchScript or `torch.export` file would need no code. But torch deprecates the first, the second fixes more shapes
than the network does, and neither can be trained further with other settings. The sources are the files that the search
ran, with their imports made relative.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

_OURS = "paretoseg"
_FOREIGN = ("torch", "monai", "numpy")
"""Packages that the code of a network may import besides Python's standard library."""

READERS = ("nibabel", "scipy", "PIL", "SimpleITK", "tifffile")
"""Packages that the code for reading and preparing files may also import."""

_LEFT_OUT = "jaxtyping"
"""Used only in annotations, which are never evaluated."""


def collect_sources(module: str, besides: tuple[str, ...] = ()) -> dict[str, str]:
    """The sources of one of our modules and of all ours that it imports, by file name; together a package.

    Args:
        module: Full name, such as 'paretoseg.trainables.networks.encoder_decoder'.
        besides: Packages that it may import beyond torch, MONAI and numpy.
    """
    sources: dict[str, str] = {}
    waiting, seen = [module], {module}
    while waiting:
        name = waiting.pop()
        text, imported = _make_relative(name, besides)
        file = f"{name.rpartition('.')[2]}.py"
        assert file not in sources, f"two modules are called {file}; one of them must be renamed"
        sources[file] = text
        waiting += sorted(imported - seen)
        seen |= imported
    return sources


def read_source(module: str) -> str:
    """The source of one of our modules, after a header line with its origin."""
    spec = importlib.util.find_spec(module)
    assert spec is not None, f"there is no module {module}"
    assert spec.origin is not None, f"{module} is no file"
    place = module.removeprefix(f"{_OURS}.").replace(".", "/")
    header = f"# SPDX-License-Identifier: Apache-2.0. Copied by paretoseg from {place}.py.\n"
    return header + Path(spec.origin).read_text()


def _make_relative(module: str, besides: tuple[str, ...]) -> tuple[str, set[str]]:
    """The source of a module with relative imports, and which of our modules it imports."""
    text = read_source(module)
    lines, imported = text.splitlines(), set[str]()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                _check_foreign(alias.name, module, besides)
        if not isinstance(node, ast.ImportFrom):
            continue
        source = node.module or ""
        assert node.level == 0, f"{module} imports relatively"
        assert node.end_lineno is not None
        span = slice(node.lineno - 1, node.end_lineno)
        if source.partition(".")[0] == _OURS:
            imported.add(source)
            names = ", ".join(alias.name + (f" as {alias.asname}" if alias.asname else "") for alias in node.names)
            relative = f"{' ' * node.col_offset}from .{source.rpartition('.')[2]} import {names}"
            lines[span] = [relative, *[""] * (node.end_lineno - node.lineno)]
        elif source == _LEFT_OUT:
            lines[span] = [""] * (node.end_lineno - node.lineno + 1)
        else:
            _check_foreign(source, module, besides)
    return "\n".join(lines) + "\n", imported


def _check_foreign(name: str, module: str, besides: tuple[str, ...]) -> None:
    root = name.partition(".")[0]
    is_known = root in sys.stdlib_module_names or root in (*_FOREIGN, *besides)
    assert is_known, f"{module} imports {name}, which a bundle lacks"
