"""Keys that hold mappings, filled in when a study starts. Older studies hold lines of text: both are read.

Such a study has lines in `experiment.yaml`, and its commands may have them: `task.strengths=["motion: 1 2 3 4 5"]`.
They become mappings before any other code reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from paretoseg.search.config.overrides import one_line
from paretoseg.trainables.scoring.reference_errors import ReferenceErrors, parse_errors
from paretoseg.trainables.severities.strengths import parse_strengths


def read_mapping(key: str, value: object) -> dict[str, Any]:
    """What a key of `SETTLED` holds, as a mapping of plain values.

    Args:
        key: The dotted key.
        value: A mapping, or the lines of text of earlier versions.

    Raises:
        ValueError: if it is neither, or a line does not read; the message names the key.
    """
    read, example = SETTLED[key]
    if isinstance(value, Mapping):
        return {str(name): _to_floats(inner) for name, inner in value.items()}
    if not isinstance(value, list):
        raise ValueError(f"{key} must be a mapping, such as {example}, got {value!r}")
    try:
        return read([str(line) for line in value])
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def put(config: DictConfig, key: str, value: Mapping[str, Any]) -> None:
    """Replaces the value of a key by a mapping; a plain update would merge the two.

    Raises:
        ValueError: if the config has other types there; the message names the key.
    """
    is_typed = OmegaConf.get_type(OmegaConf.select(config, key)) is ReferenceErrors
    try:
        node = OmegaConf.merge(OmegaConf.structured(ReferenceErrors), dict(value)) if is_typed else dict(value)
        OmegaConf.update(config, key, node, merge=False)
    except OmegaConfBaseException as error:
        raise ValueError(f"{key}: {one_line(error).removeprefix(f'{key}: ')}") from None


def _to_floats(value: Any) -> Any:
    """The value with whole numbers as floats, also inside of mappings and lists, so that it fits its type."""
    if isinstance(value, Mapping):
        return {name: _to_floats(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_to_floats(inner) for inner in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _read_strengths(lines: list[str]) -> dict[str, Any]:
    return {name: list(values) for name, values in parse_strengths(lines).items()}


def _read_errors(lines: list[str]) -> dict[str, Any]:
    return asdict(ReferenceErrors.of(parse_errors(lines)))


def _read_bounds(lines: list[str]) -> dict[str, Any]:
    if lines:
        raise ValueError("must be a mapping, such as {noise_blur: {motion: 0.5}}")
    return {}


def _read_reference(lines: list[str]) -> dict[str, Any]:
    if lines:
        raise ValueError("must be a mapping, such as {accuracy: 0.5, robustness: 0.3}")
    return {}


SETTLED: Mapping[str, tuple[Callable[[list[str]], dict[str, Any]], str]] = {
    "task.strengths": (_read_strengths, "{gaussian_blur: [0.5, 1, 2, 3, 4]}"),
    "task.transfer_bounds": (_read_bounds, "{noise_blur: {motion: 0.5}}"),
    "reference": (_read_reference, "{accuracy: 0.5, robustness: 0.3}"),
    "task.reference_errors": (_read_errors, "{corruptions: {gaussian_blur: {2: 0.125}}, shifts: {fluo_520: 0.31}}"),
}
"""The keys that are filled in when a study starts, each with a reader of older lines and an example of the mapping.

A resumed study keeps its values, unless the command asks for others.
"""
