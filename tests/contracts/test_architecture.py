"""Rules of the architecture that no linter checks."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("paretoseg", "spaces", "trainables", "search", "cluster", "docs/pages")
PUBLIC_FACE = ROOT / "paretoseg" / "__init__.py"
"""The only one with names of its own: the Python interface, which is loaded when it is first used."""

FACES = sorted({path for package in PACKAGES for path in (ROOT / package).rglob("__init__.py")} - {PUBLIC_FACE})
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
GRAB_BAGS = {"utils", "util", "common", "helpers", "core", "base", "misc"}


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FACES, ids=name_of)
def test_a_face_holds_a_docstring_and_nothing_else(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is_and_stays_readable(path):
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 400
    assert path.stem not in GRAB_BAGS


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_draws_from_a_global_generator(path):
    """A generator is passed in; the modules of numpy and Python that hold a hidden one are not called."""
    allowed = {"default_rng", "Generator", "SeedSequence"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np.random", "numpy.random", "random"):
            assert node.attr in allowed, f"line {node.lineno}: {ast.unparse(node)}"


def test_there_is_no_package_among_the_tests():
    """A package `tests/search` would shadow the real one."""
    packages = [face.relative_to(ROOT / "tests") for face in (ROOT / "tests").rglob("__init__.py")]
    assert [str(face) for face in packages] == ["earlier/bundle/scripts/__init__.py"]


def test_everything_is_caught_only_where_a_process_meets_code_that_is_not_ours():
    """Plug-ins, a trial in the worker, the trainer that brings up ranks, Ray's nodes, and W&B in its own process."""
    places = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            ):
                places.append(name_of(path))
    assert places == [
        "search/running/data_parallel.py",
        "search/running/room.py",  # a Ray that is dying
        *["search/running/worker.py"] * 2,  # a trial, and the import of what it needs
        "search/tracking/process.py",
        "spaces/plugins.py",
    ]
