"""The public names and their signatures, as `docs/python.md` promises them, so that no change goes unseen.

A name or an option may be added here. One that is taken away or renamed first warns for a minor version, see the page.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from types import FunctionType

import pytest

import paretoseg

SIGNATURES = {
    "Config.to_yaml": "(self) -> 'str'",
    "Rehearsal": "(table: 'DataFrame', curves: 'DataFrame', text: 'str', picture: 'bytes') -> None",
    "Prediction": (
        "(image: 'str', mask: 'np.ndarray', probabilities: 'np.ndarray | None', "
        "classes: 'Mapping[str, tuple[int, ...]]') -> None"
    ),
    "StudyView.attribution": "(self) -> 'StudyAttribution'",
    "StudyView.cases": (
        "(self, split: 'str' = 'validation', *, trials: 'Collection[int] | None' = None, "
        "metric: 'str | None' = None) -> 'DataFrame'"
    ),
    "StudyView.describe": "(self, *, intervals: 'bool' = False, stability: 'bool' = False) -> 'str'",
    "StudyView.network": (
        "(self, pick: 'str | int | None' = None, *, seeds: 'str | None' = None, trial: 'int | None' = None) "
        "-> 'nn.Module'"
    ),
    "StudyView.predict": (
        "(self, images: 'Image | Iterable[Image]', *, pick: 'str | int | None' = None, seeds: 'str | None' = None, "
        "spacing_mm: 'Sequence[float] | None' = None, intensity_range: 'tuple[float, float] | None' = None, "
        "probabilities: 'bool' = False, batch: 'int | None' = None, device: 'str' = 'auto') -> 'list[Prediction]'"
    ),
    "StudyView.report": ("(self, path: 'str | os.PathLike[str] | None' = None, *, pictures: 'bool' = True) -> 'str'"),
    "compose": "(*words: 'str') -> 'Config'",
    "open_study": "(place: 'str | os.PathLike[str]') -> 'StudyView'",
    "rehearse": (
        "(*studies: 'str | os.PathLike[str]', strategies: 'Sequence[str] | None' = None, "
        "pruners: 'Sequence[str] | None' = None, workers: 'Sequence[int]' = (1,), trials: 'int | None' = None, "
        "repetitions: 'int' = 20, failures: 'float' = 0.0, seed: 'int' = 0, "
        "output: 'str | os.PathLike[str] | None' = None) -> 'Rehearsal'"
    ),
    "run_search": "(*words: 'str', quiet: 'bool' = False) -> 'StudyView'",
}
PROPERTIES = {"StudyView": ["candidates", "front", "measures", "name", "notes", "trials"]}
CLASSES = {"Config", "Prediction", "Rehearsal", "SearchError", "StorageError", "StudyView"}


def find(path: str) -> object:
    found: object = paretoseg
    for name in path.split("."):
        found = getattr(found, name)
    return found


def test_the_public_names_are_those_that_the_page_promises() -> None:
    functions = {name for name in SIGNATURES if "." not in name} - CLASSES
    assert set(paretoseg.__all__) == functions | CLASSES
    assert set(paretoseg.__all__) <= set(dir(paretoseg))
    for name in CLASSES:
        assert inspect.isclass(find(name))


@pytest.mark.parametrize("path", SIGNATURES)
def test_a_signature_is_the_promised_one(path: str) -> None:
    assert str(inspect.signature(find(path))) == SIGNATURES[path]  # type: ignore[arg-type]


def test_a_study_has_the_promised_methods_and_tables_and_no_other() -> None:
    members = {name: member for name, member in vars(paretoseg.StudyView).items() if not name.startswith("_")}
    methods = sorted(f"StudyView.{name}" for name, member in members.items() if isinstance(member, FunctionType))
    assert methods == sorted(path for path in SIGNATURES if path.startswith("StudyView."))
    properties = sorted(name for name, member in members.items() if isinstance(member, property))
    assert properties == PROPERTIES["StudyView"]


@pytest.mark.parametrize("path", SIGNATURES)
def test_a_public_name_says_what_it_takes_and_returns(path: str) -> None:
    text = inspect.getdoc(find(path)) or ""
    names = [name for name in inspect.signature(find(path)).parameters if name != "self"]  # type: ignore[arg-type]
    if path not in CLASSES:
        assert all(f"    {name}: " in text for name in names), path
    assert text


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="module 'paretoseg' has no attribute 'open_studdy'"):
        paretoseg.open_studdy  # type: ignore[attr-defined]  # noqa: B018


def test_importing_the_package_loads_nothing_and_opening_a_study_no_torch() -> None:
    lines = [
        "import sys, paretoseg",
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & {'numpy', 'rich', 'pandas', 'torch'}))",
        "print(*sorted(name for name in sys.modules if name.startswith('paretoseg.')))",
        "paretoseg.open_study",
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & {'hydra', 'pandas', 'ray', 'torch'}))",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout == "\n\n\n"
