"""Submissions and settings that the tests of Kubernetes start from."""

from __future__ import annotations

import os
from typing import Any

from paretoseg.cluster.cluster import Submission
from paretoseg.cluster.kubernetes.kubernetes import KubernetesConfig
from paretoseg.cluster.resources import Resources

IMAGE = "registry.example/paretoseg:0.1.0"


def submission(
    study: str = "mine", *overrides: str, storage: str = "studies", resources: Resources | None = None
) -> Submission:
    """A submission as the command line makes it."""
    is_uri = "://" in storage
    location = f"{storage}/{study}" if is_uri else os.path.abspath(os.path.join(storage, study))
    written = storage if is_uri else os.path.abspath(storage)
    words = (f"study={study}", f"storage='{written}'", *overrides)
    return Submission(study, words, location, resources or Resources())


def config(**settings: Any) -> KubernetesConfig:
    """Enough to be sent, with the study on a claim."""
    return KubernetesConfig(**{"image": IMAGE, "claim": "studies"} | settings)
