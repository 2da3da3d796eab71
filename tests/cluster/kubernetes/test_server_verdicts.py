"""Our checks before sending against what a real API server said to the same manifests."""

from __future__ import annotations

import json
import re

import pytest

from tests.cluster.crd_schemas import find_rule_faults, walk_list_keys, walk_rules
from tests.cluster.kubernetes.manifest_rules import LIST_KEYS, find_faults

RAYJOB = ("ray.io/v1", "RayJob")
# What the server stores although it can never run; our own rules must find it.
STORED_BUT_WRONG = {
    "bad-submissionMode": "submissionMode must be one of",
    "name-80-chars": "at most 47",
    "negative-ttl": "ttlSecondsAfterFinished must not be negative",
    "negative-backoff": "backoffLimit must not be negative",
    "restartPolicy-bad": "restartPolicy must be",
    "volumeMount-unknown-volume": "volume 'nope', which does not exist",
    "gpu-limit-lt-request": "nvidia.com/gpu must be less than or equal to its limit of 1, got 2",
    "min-gt-max": "minReplicas must not be above maxReplicas, got 9 and 4",
    "duplicate-groupName": "worker groups must have different names",
    "port-too-big": "a port must be between 1 and 65535, got 70000",
    "entrypoint-missing": "there is no entrypoint",
    "no-cluster-no-selector": "one of rayClusterSpec and clusterSelector is needed",
}
STORED_AND_RIGHT = {"ok", "rayStartParams-missing", "int-quantity-ok", "null-field"}


@pytest.fixture(scope="module")
def cases(kuberay_folder):
    return json.loads((kuberay_folder / "verdicts.json").read_text())["cases"]


def test_schema_and_rules_agree_with_the_server_on_all_manifests(cases, schemas):
    disagreements = {}
    for name, case in cases.items():
        faults = schemas.find_faults(case["manifest"])
        faults = faults or find_rule_faults(case["manifest"])
        if (case["verdict"]["status"] < 300) != (not faults):
            disagreements[name] = faults or "we found nothing"
    assert not disagreements
    assert len(cases) == 60


def test_what_we_find_is_what_the_server_names(cases, schemas):
    """The field of the server's first cause, or the unknown field that it names, stands in what we say."""
    for name, case in cases.items():
        manifest, verdict = case["manifest"], case["verdict"]
        said = "\n".join(verdict["causes"]) or verdict["message"]
        named = re.search(r'unknown field "([^"]+)"|^([\w.\[\]/-]+): ', said)
        if named is None or verdict["status"] < 300:
            continue
        leaf = re.findall(r"[a-zA-Z]\w+", named[1] or named[2])[-1]
        found = " ".join(schemas.find_faults(manifest) or find_rule_faults(manifest))
        assert leaf.rstrip("s") in found, (name, leaf, found)


def test_schema_alone_never_refuses_what_the_server_takes(cases, schemas):
    taken = [case["manifest"] for case in cases.values() if case["verdict"]["status"] < 300]
    assert not [fault for manifest in taken for fault in schemas.find_faults(manifest)]


def test_what_the_server_stores_but_can_never_run_is_found_before_it_is_sent(cases):
    stored = {
        name: case["manifest"]
        for name, case in cases.items()
        if case["verdict"]["status"] < 300 and case["manifest"]["kind"] == "RayJob"
    }
    assert stored.keys() == STORED_BUT_WRONG.keys() | STORED_AND_RIGHT
    for name, sentence in STORED_BUT_WRONG.items():
        found = find_faults(stored[name])
        assert any(sentence in fault for fault in found), (name, found)
    assert not [fault for name in STORED_AND_RIGHT for fault in find_faults(stored[name])]


def test_every_rule_that_the_schema_states_in_cel_is_one_that_we_know(schemas):
    at_creation = {path for path, rule in walk_rules(schemas.raw[RAYJOB]) if "oldSelf" not in rule}
    assert at_creation == {
        ".spec.deletionStrategy",
        ".spec.deletionStrategy.deletionRules[].condition",
        ".spec.managedBy",
        ".spec.rayClusterSpec.managedBy",
    }


def test_lists_are_distinguished_by_what_the_schema_says(schemas):
    stated = dict(walk_list_keys(schemas.raw[RAYJOB]))
    assert {name: stated[name] for name in LIST_KEYS} == dict(LIST_KEYS)
