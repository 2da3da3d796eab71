"""The messages about names that are not known."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from paretoseg.spaces.suggestion import suggest


def check_key(key: str, known: Collection[str], groups: Collection[str], others: Mapping[str, str]) -> None:
    """Checks that a dotted key is known.

    Args:
        key: What was typed.
        known: All dotted keys of the options that are chosen.
        groups: The groups that have options.
        others: Dotted keys that belong to other options, each with its option as `group=option`.

    Raises:
        ValueError: if it is not known; one line that names the nearest and the known ones.
    """
    if key in known:
        return
    inside = [name.removeprefix(f"{key}.") for name in known if key and name.startswith(f"{key}.")]
    if inside:
        raise ValueError(
            f"'{key}' holds several keys; set one, such as {key}.{inside[0]}=...; known: {', '.join(inside)}"
        )
    parent = key.rpartition(".")[0]
    siblings = [name.removeprefix(f"{parent}.") for name in known if parent and name.rpartition(".")[0] == parent]
    if key in others:
        raise ValueError(f"unknown key '{key}'; it belongs to {others[key]}; add that, or leave the key out")
    shown = siblings or sorted({*groups, *(name.split(".")[0] for name in known)})
    if not siblings:
        raise ValueError(f"unknown key '{key}'; {suggest(key, [*shown, *known])}known: {', '.join(shown)}")
    name = key.removeprefix(f"{parent}.")
    hint = suggest(name, siblings, before=f"{parent}.")
    what = f"dimension '{name}'" if parent == "space" else f"key '{key}'"
    raise ValueError(f"unknown {what}; {hint}known in {parent}: {', '.join(siblings)}")
