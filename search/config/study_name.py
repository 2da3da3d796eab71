"""The name of a study, which is that of its folder, too."""

from __future__ import annotations

import re

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from paretoseg.search.config.overrides import one_line


def check_study_name(config: DictConfig) -> None:
    """Raises ValueError if a config has no name for its study, or one that is no good name of a folder."""
    if OmegaConf.is_missing(config, "study"):
        raise ValueError("the study needs a name; add study=<name>")
    try:
        name = config.study
    except OmegaConfBaseException as error:
        raise ValueError(one_line(error)) from None
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ValueError(
            f"study must be at most 100 letters, digits, '.', '_' or '-' and start with a letter or digit, got {name!r}"
            + ("; where studies lie is storage=<path>" if "/" in name else "")
        )
