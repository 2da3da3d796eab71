"""What a config class of a plug-in must be like."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from paretoseg.search.config.overrides import one_line


def reads_config(base: type) -> Callable[[Any], type]:
    """Reads what an entry point points to as a config class that derives from `base`.

    The class must be a dataclass of its own with `unsafe_hash=True`, defaults and plain fields, and have a method for
    every abstract one of the base; otherwise the reader raises ValueError.
    """

    def read(found: Any) -> type:
        if not (isinstance(found, type) and issubclass(found, base) and "__dataclass_fields__" in vars(found)):
            raise ValueError(f"it must be a dataclass that derives from {base.__name__}, got {found!r}")
        if inspect.isabstract(found):
            lacking = ", ".join(sorted(found.__abstractmethods__))  # type: ignore[attr-defined]
            raise ValueError(f"{found.__name__} must have the methods {lacking}")
        if found.__hash__ is None or found.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            raise ValueError(f"{found.__name__} must be declared with @dataclass(unsafe_hash=True)")
        for item in dataclasses.fields(found):  # type: ignore[arg-type]
            if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
                raise ValueError(f"{found.__name__}.{item.name} must have a default")
        try:
            OmegaConf.structured(found)
        except OmegaConfBaseException as error:
            raise ValueError(f"{found.__name__} has a field that no config can hold: {one_line(error)}") from None
        return found

    return read
