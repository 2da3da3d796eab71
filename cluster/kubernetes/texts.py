"""Reads settings that are one text each: a label, an environment variable, a volume.

What does not read gives an empty name or path, which the checks refuse.
"""

from __future__ import annotations

from paretoseg.cluster.kubernetes.job import Volume, VolumeKind


def read_label(text: str) -> tuple[str, str]:
    """Name and value of a label, such as disk:ssd."""
    name, colon, value = text.partition(":")
    return (name, value) if colon else ("", text)


def read_variable(text: str) -> tuple[str, str]:
    """Name and value of an environment variable, such as HTTPS_PROXY=http://proxy:3128."""
    name, equals, value = text.partition("=")
    return (name, value) if equals else ("", text)


def read_volume(text: str) -> Volume:
    """A volume, such as claim/images:/data:ro or scratch/100Gi:/scratch."""
    source, _, rest = text.partition(":")
    kind, _, name = source.partition("/")
    mount, colon, mode = rest.partition(":")
    if kind not in list(VolumeKind) or (colon and mode != "ro"):
        return Volume(VolumeKind.claim, "", "")
    return Volume(VolumeKind(kind), name, mount, is_read_only=mode == "ro")
