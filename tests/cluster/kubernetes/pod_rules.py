"""Rules for a pod beyond its schema: the server checks them only when it creates the pod."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from paretoseg.cluster.kubernetes.names import is_label, is_subdomain
from paretoseg.cluster.kubernetes.quantity import parse_quantity

_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_SECRET_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")
_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_LOOKS_SECRET = re.compile(r"(key|token|secret|password|credential)s?$", re.IGNORECASE)


def find_pod_faults(pod: Mapping[str, Any]) -> list[str]:
    """All faults of a pod's spec, one sentence each; empty if there are none."""
    faults = []
    policy = pod.get("restartPolicy", "Always")
    if policy not in _RESTART_POLICIES:
        faults.append(f"restartPolicy must be one of {', '.join(_RESTART_POLICIES)}, got '{policy}'")
    volumes = pod.get("volumes") or []
    for volume in volumes:
        faults += _find_volume_faults(volume)
    names = {volume.get("name") for volume in volumes}
    for container in pod.get("containers") or []:
        found = _find_container_faults(container) + _find_mount_faults(container, names)
        faults += [f"container '{container.get('name', '')}': {fault}" for fault in found]
    return faults


def _find_volume_faults(volume: Mapping[str, Any]) -> list[str]:
    name = str(volume.get("name", ""))
    faults = [] if is_label(name) else [f"the name of a volume must be a DNS label, got '{name}'"]
    claim = volume.get("persistentVolumeClaim")
    if claim is not None and not is_subdomain(str(claim.get("claimName", ""))):
        faults.append(f"'{claim.get('claimName', '')}' cannot be the name of a PersistentVolumeClaim")
    size = (volume.get("emptyDir") or {}).get("sizeLimit")
    if size is not None:
        _, fault = _read_amount(f"sizeLimit of volume '{name}'", size)
        faults += fault
    return faults


def _find_container_faults(container: Mapping[str, Any]) -> list[str]:
    name, image = str(container.get("name", "")), str(container.get("image", ""))
    faults = [] if is_label(name) else [f"its name must be a DNS label of at most 63 characters, got '{name}'"]
    if not image or image != image.strip() or re.search(r"\s", image):
        faults.append(f"the image must be given without spaces, got {image!r}")
    for variable in container.get("env") or []:
        faults += _find_variable_faults(variable)
    for port in container.get("ports") or []:
        number = port.get("containerPort", 0)
        if not 1 <= number <= 65535:
            faults.append(f"a port must be between 1 and 65535, got {number}")
        if "name" in port and not _PORT_NAME.fullmatch(port["name"]):
            faults.append(f"a port's name must be at most 15 lower-case letters, digits or '-', got '{port['name']}'")
    return [*faults, *_find_amount_faults(container.get("resources") or {})]


def _find_mount_faults(container: Mapping[str, Any], volumes: set[Any]) -> list[str]:
    faults = []
    for mount in container.get("volumeMounts") or []:
        name, path = mount.get("name"), str(mount.get("mountPath", ""))
        if name not in volumes:
            faults.append(f"it mounts volume '{name}', which does not exist")
        if not path or ":" in path:
            faults.append(f"a mountPath must not be empty or hold ':', got '{path}'")
    return faults


def _find_variable_faults(variable: Mapping[str, Any]) -> list[str]:
    name = str(variable.get("name", ""))
    faults = []
    if not _VARIABLE.fullmatch(name):
        faults.append(f"{name!r} cannot be the name of a variable")
    if variable.get("value") and variable.get("valueFrom"):
        faults.append(f"variable {name} has both value and valueFrom")
    if variable.get("value") and _LOOKS_SECRET.search(name):
        faults.append(f"variable {name} looks like a secret; it must come from a Secret by secretKeyRef")
    reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
    if reference is not None:
        if not is_subdomain(str(reference.get("name", ""))):
            faults.append(f"'{reference.get('name', '')}' cannot be the name of a Secret")
        if not _SECRET_KEY.fullmatch(str(reference.get("key", ""))):
            faults.append(f"'{reference.get('key', '')}' cannot be a key of a Secret")
    return faults


def _find_amount_faults(resources: Mapping[str, Any]) -> list[str]:
    """Requests above limits, invalid amounts, and devices that are fractional or requested without a limit."""
    faults: list[str] = []
    limits = {}
    for name, amount in (resources.get("limits") or {}).items():
        limits[name], fault = _read_amount(f"the limit of {name}", amount)
        faults += fault
    for name, amount in (resources.get("requests") or {}).items():
        request, fault = _read_amount(f"the request of {name}", amount)
        faults += fault
        limit = limits.get(name)
        if request is None or (limit is None and name in limits):
            continue
        is_device = "/" in name
        if limit is not None and request > limit:
            faults.append(f"the request of {name} must be less than or equal to its limit of {limit}, got {request}")
        elif is_device and limit != request:
            faults.append(f"the request of {name} must equal its limit")
    for name, limit in limits.items():
        if "/" in name and limit is not None and limit % 1:
            faults.append(f"the limit of {name} must be a whole number, got {limit}")
    return faults


def _read_amount(what: str, amount: Any) -> tuple[Any, list[str]]:
    try:
        value = parse_quantity(str(amount))
    except ValueError as error:
        return None, [f"{what} {error}"]
    return (value, []) if value >= 0 else (None, [f"{what} must not be negative, got {amount}"])
