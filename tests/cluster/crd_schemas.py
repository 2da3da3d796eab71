"""The schemas of custom resources as strict JSON Schema, and what an API server checks of core kinds beyond schemas."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from tests.cluster.kubernetes.manifest_rules import find_server_faults
from tests.cluster.kubernetes.pod_rules import find_pod_faults

CORE_VERSION = "1.36"
_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_METADATA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 253, "pattern": _SUBDOMAIN},
        "namespace": {"type": "string"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "additionalProperties": False,
}
_ACCESS_MODES = {"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"}


class Schemas:
    """The validators of a folder of CustomResourceDefinitions, by apiVersion and kind."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self.raw: dict[tuple[str, str], Mapping[str, Any]] = {}
        for name in names:
            definition = yaml.load((folder / name).read_text(), Loader=yaml.CSafeLoader)
            spec = definition["spec"]
            for version in spec["versions"]:
                key = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
                self.raw[key] = version["schema"]["openAPIV3Schema"]
        self._validators = {key: jsonschema.Draft202012Validator(_tighten(raw, True)) for key, raw in self.raw.items()}

    def find_faults(self, manifest: Mapping[str, Any]) -> list[str]:
        """What the types and names of fields alone tell; core kinds by kubernetes-validate."""
        key = manifest["apiVersion"], manifest["kind"]
        manifest = _drop_nulls(manifest)
        if key in self._validators:
            errors = self._validators[key].iter_errors(manifest)
            return [f"{error.json_path}: {error.message}" for error in errors]
        if key[0] not in ("v1", "batch/v1", "rbac.authorization.k8s.io/v1"):
            return [f"no {key[1]} in {key[0]}"]
        try:
            kubernetes_validate.validate(manifest, CORE_VERSION, strict=True)
        except kubernetes_validate.ValidationError as error:
            return [str(error)]
        return []


def find_rule_faults(manifest: Mapping[str, Any]) -> list[str]:
    """What a server checks beyond schemas, for custom and core kinds."""
    match manifest["kind"]:
        case "RayJob":
            return find_server_faults(dict(manifest))
        case "Secret":
            return list(_find_secret_faults(manifest))
        case "PersistentVolumeClaim":
            return list(_find_claim_faults(manifest["spec"]))
        case "Job":
            pod = manifest["spec"]["template"]["spec"]
            is_right = pod.get("restartPolicy") in ("Never", "OnFailure")
            return [*find_pod_faults(pod), *([] if is_right else ["a Job needs restartPolicy Never or OnFailure"])]
    return []


def _find_secret_faults(manifest: Mapping[str, Any]) -> Iterator[str]:
    for text in manifest.get("data", {}).values():
        try:
            base64.b64decode(text, validate=True)
        except binascii.Error as error:
            yield str(error)
    for key in [*manifest.get("data", {}), *manifest.get("stringData", {})]:
        if not re.fullmatch(r"[-._a-zA-Z0-9]+", key):
            yield f"{key!r} cannot be a key"


def _find_claim_faults(spec: Mapping[str, Any]) -> Iterator[str]:
    if not spec.get("accessModes") or not set(spec["accessModes"]) <= _ACCESS_MODES:
        yield f"accessModes must be of {_ACCESS_MODES}"
    if "storage" not in spec.get("resources", {}).get("requests", {}):
        yield "a claim must request storage"


def _tighten(node: Mapping[str, Any], is_root: bool = False) -> dict[str, Any]:
    """A schema of OpenAPI as the server reads it under strict validation: what is not named is refused."""
    kept = ("pattern", "enum", "required", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
    schema = {name: node[name] for name in kept if name in node}
    if node.get("x-kubernetes-int-or-string"):
        return schema | {"type": ["integer", "string"]}
    if "type" in node:
        schema["type"] = node["type"]
    if "items" in node:
        schema["items"] = _tighten(node["items"])
    if "properties" in node:
        schema["properties"] = {name: _tighten(child) for name, child in node["properties"].items()}
        schema["additionalProperties"] = bool(node.get("x-kubernetes-preserve-unknown-fields"))
        if is_root:
            schema["properties"]["metadata"] = _METADATA
    elif isinstance(node.get("additionalProperties"), Mapping):
        schema["additionalProperties"] = _tighten(node["additionalProperties"])
    return schema


def _drop_nulls(node: Any) -> Any:
    """The manifest without nulls, as the server reads it."""
    if isinstance(node, Mapping):
        return {name: _drop_nulls(child) for name, child in node.items() if child is not None}
    if isinstance(node, list):
        return [_drop_nulls(child) for child in node]
    return node


def walk_list_keys(node: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every list of a schema whose entries are told apart by some of their fields, with those fields."""
    if node.get("x-kubernetes-list-type") == "map":
        yield name, tuple(node["x-kubernetes-list-map-keys"])
    for child_name, child in node.get("properties", {}).items():
        yield from walk_list_keys(child, child_name)
    for part in ("items", "additionalProperties"):
        if isinstance(node.get(part), Mapping):
            yield from walk_list_keys(node[part], name)


def walk_rules(node: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Every rule that a schema states in CEL, with its place."""
    for rule in node.get("x-kubernetes-validations", []):
        yield path, rule["rule"]
    for name, child in node.get("properties", {}).items():
        yield from walk_rules(child, f"{path}.{name}")
    if isinstance(node.get("items"), Mapping):
        yield from walk_rules(node["items"], f"{path}[]")
