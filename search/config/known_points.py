"""The candidates that the user knows, from the key `strategy.known`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paretoseg.spaces.search_space import Candidate, SearchSpace

_ITEMS: Mapping[str, tuple[type | tuple[type, ...], str, str]] = {
    "strategy.known": (dict, "a mapping of dimensions to values", "{width: 8, depth: 3}"),
    "baselines": (str, "the name of a baseline", "nnunet"),
    "strategy.warm_start": ((str, int, float), "the folder or URI of a study", "studies/earlier"),
}
"""By key, what its list holds: its types, these in words, and an example."""


def read_known(points: Sequence[Mapping[str, object]], space: SearchSpace) -> list[Candidate]:
    """The candidates with these values; what a point leaves open takes the defaults of the space.

    Raises:
        ValueError: if a point does not fit the space, or two are the same candidate; one line that names the key.
    """
    found: list[Candidate] = []
    for place, values in enumerate(points):
        key = f"strategy.known[{place}]"
        candidate = _read(values, space, key)
        if candidate in found:
            raise ValueError(f"{key} is the same candidate as strategy.known[{found.index(candidate)}]; leave one out")
        found.append(candidate)
    return found


def check_lists(key: str, value: object) -> None:
    """Checks the type of what a user typed for one of `_ITEMS`; other keys pass.

    Raises:
        ValueError: in one line that names the key, and the place in the list.
    """
    if key not in _ITEMS or value is None:
        return
    kind, name, example = _ITEMS[key]
    if not isinstance(value, list):
        raise ValueError(f"{key} must be a list, such as {key}=[{example}], got {value!r}")
    for place, item in enumerate(value):
        if not isinstance(item, kind):
            raise ValueError(f"{key}[{place}] must be {name}, such as {example}, got {item!r}")


def _read(values: Mapping[str, object], space: SearchSpace, key: str) -> Candidate:
    try:
        wanted = {name: space.read_value(name, value) for name, value in values.items()}
    except ValueError as error:
        raise ValueError(f"{key}: {error}; change the value, or open the space") from None
    candidate = space.complete(wanted)
    for name, value in candidate.as_dict().items():
        if name in wanted and value != wanted[name]:
            raise ValueError(
                f"{key}: {name}={wanted[name]} does not go with the other values, or has no effect beside them; "
                f"{name}={value} does"
            )
    if not space.allows(candidate):
        raise ValueError(f"{key} breaks a constraint that is known before a training; leave out the point")
    return candidate
