"""What Kubernetes takes as names, labels and paths."""

from __future__ import annotations

import re

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_NAME_PART = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_MOUNT = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._-]*)+")
_OWNED_FOLDERS = ("/dev", "/proc", "/sys", "/tmp/ray")
_OWNED_MOUNTS = ("/bin", "/etc", "/home", "/lib", "/opt", "/root", "/tmp", "/usr", "/var")


def is_label(text: str) -> bool:
    """True for a DNS label, such as the name of a namespace, a container or a volume."""
    return bool(_LABEL.fullmatch(text))


def is_subdomain(text: str) -> bool:
    """True for a DNS subdomain, such as the name of a Secret or a PersistentVolumeClaim."""
    return bool(_SUBDOMAIN.fullmatch(text))


def is_qualified(text: str) -> bool:
    """True for a name with or without a domain, such as disk or nvidia.com/gpu: the key of a label or a taint."""
    domain, slash, name = text.rpartition("/")
    return bool(_NAME_PART.fullmatch(name)) and (not slash or is_subdomain(domain))


def is_label_value(text: str) -> bool:
    """True for the value of a label, which may be empty."""
    return bool(_VALUE.fullmatch(text))


def is_mount(path: str) -> bool:
    """True for an absolute path where a volume hides nothing that an image needs."""
    is_owned = any(f"{path}/".startswith(f"{place}/") for place in _OWNED_FOLDERS)
    return bool(_MOUNT.fullmatch(path)) and not is_owned and path not in _OWNED_MOUNTS
