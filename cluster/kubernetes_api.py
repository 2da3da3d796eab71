"""Talking to a Kubernetes cluster about RayJobs: four calls, and every refusal in one line.

The official client is an optional extra and imported only when a job is sent.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from cluster.manifest import Manifest

T = TypeVar("T")

_GROUP, _VERSION, _PLURAL = "ray.io", "v1", "rayjobs"
_MANAGER = "paretoseg"
_TIMEOUT_SECONDS = (5.0, 30.0)
"""For the connection, and for an answer."""

_DELETE_SECONDS = 120.0
_POLL_SECONDS = 1.0


class UnreachableError(ValueError):
    """The cluster gave no answer, or an answer that may pass: worth another try while a job is followed."""


class RayJobs:
    """The RayJobs of one namespace.

    Args:
        namespace: Where they lie.
        context: Which context of the kubeconfig; '' for the current one.
        sleep: Waits for some seconds.

    Raises:
        ValueError: if the client is not installed, or no cluster is configured.
    """

    def __init__(self, namespace: str, context: str = "", sleep: Callable[[float], None] = time.sleep) -> None:
        self._namespace = namespace
        self._client = _load_client(context)
        self._sleep = sleep

    def find(self, name: str) -> Manifest | None:
        """The job as the server has it, with its status, or None.

        Raises:
            UnreachableError: if the server cannot be reached.
            ValueError: if it refuses.
        """
        found = self._call(self._client.get_namespaced_custom_object, name=name, missing=None)
        return None if found is None else dict(found)

    def apply(self, manifest: Manifest) -> None:
        """Creates the job by server-side apply; unknown fields are refused.

        Raises:
            ValueError: if the server refuses it or cannot be reached.
        """
        self._call(
            self._client.patch_namespaced_custom_object,
            name=manifest["metadata"]["name"],
            body=manifest,
            field_manager=_MANAGER,
            field_validation="Strict",
            _content_type="application/apply-patch+yaml",
        )

    def delete(self, name: str) -> None:
        """Removes a job, and returns when it is gone.

        Raises:
            ValueError: if the server refuses, cannot be reached, or the job does not go.
        """
        self._call(self._client.delete_namespaced_custom_object, name=name, missing=None)
        for _ in range(int(_DELETE_SECONDS / _POLL_SECONDS)):
            if self.find(name) is None:
                return
            self._sleep(_POLL_SECONDS)
        raise ValueError(
            f"the ended RayJob {name} does not go away; see kubectl -n {self._namespace} describe rayjob {name}"
        )

    def _call(self, method: Callable[..., T], *, name: str, **arguments: Any) -> T | None:
        """Calls the server; `missing`, if given, is the answer for what does not exist."""
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        is_missing_fine = "missing" in arguments
        arguments.pop("missing", None)
        try:
            return method(
                group=_GROUP,
                version=_VERSION,
                plural=_PLURAL,
                namespace=self._namespace,
                name=name,
                _request_timeout=_TIMEOUT_SECONDS,
                **arguments,
            )
        except ApiException as error:
            message = _read_message(error.body)
            if error.status == 404 and is_missing_fine and "page not found" not in message:
                return None
            raise _explain(int(error.status or 0), message, self._namespace) from None
        except HTTPError as error:
            host = self._client.api_client.configuration.host
            raise UnreachableError(
                f"the Kubernetes cluster at {host} does not answer ({_first_line(error)}); "
                "is it up, and is this the right context? `kubectl cluster-info` tells, cluster.context chooses another"
            ) from None


def _load_client(context: str) -> Any:
    try:
        from kubernetes import client, config
        from kubernetes.config.config_exception import ConfigException
    except ImportError:
        raise ValueError(
            "cluster=kubernetes needs the Kubernetes client; install it with pip install 'paretoseg[kubernetes]', "
            "or print the job with --dry-run and send it with kubectl apply --server-side -f -"
        ) from None
    configuration = client.Configuration()
    try:
        config.load_kube_config(  # type: ignore[no-untyped-call,unused-ignore]
            # Read now: the library looks at the variable only once, when it is imported.
            config_file=os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser()),
            context=context or None,
            client_configuration=configuration,
        )
    except (ConfigException, yaml.YAMLError, OSError, TypeError, AttributeError) as error:
        if context or not _load_from_pod(config, configuration):
            raise ValueError(
                f"no Kubernetes cluster is configured ({_first_line(error)}); set KUBECONFIG to the file that kubectl "
                "uses, or name one of its contexts with cluster.context=<name>; --dry-run needs no cluster"
            ) from None
    # One try each; following a job has its own patience, and the library's would only log.
    configuration.retries = False
    return client.CustomObjectsApi(client.ApiClient(configuration))


def _load_from_pod(config: Any, configuration: Any) -> bool:
    """Uses the service account of the pod that this runs in, if it does."""
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        return False
    return True


def _read_message(body: Any) -> str:
    """What a server says in its answer: the message of a Status, or plain text."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")
    try:
        status = json.loads(text)
    except ValueError:
        return _first_line(text)
    return _first_line(str(status.get("message", ""))) if isinstance(status, dict) else _first_line(text)


def _explain(status: int, message: str, namespace: str) -> ValueError:
    """A refusal in words that say what to do."""
    said = f": {message}" if message else ""
    match status:
        case 401:
            return ValueError(f"the Kubernetes cluster does not know you{said}; log in again, as for kubectl")
        case 403:
            return ValueError(
                f"the Kubernetes cluster forbids it{said}; ask its administrator for the verbs get, create, patch and "
                f"delete on rayjobs.ray.io in namespace '{namespace}', or set cluster.namespace"
            )
        case 404 if message.startswith("namespaces "):
            return ValueError(f"there is no namespace '{namespace}'; create it, or set cluster.namespace=<name>")
        case 404:
            return ValueError(
                f"the Kubernetes cluster does not know RayJobs{said}; "
                "its administrator must install the KubeRay operator"
            )
        case 409:
            return ValueError(f"somebody else changes the job at the same time{said}; run the same command again")
        case 400 | 422:
            return ValueError(f"the Kubernetes cluster refuses the job{said}")
    if status == 429 or status >= 500:
        return UnreachableError(f"the Kubernetes cluster answers {status}{said}; run the same command again later")
    return ValueError(f"the Kubernetes cluster answers {status}{said}")


def _first_line(error: object) -> str:
    text = re.sub(r"^<.*?>: |^.*HTTPS?Connection\(.*?\): ", "", str(error).strip())
    return text.splitlines()[0][:600] if text else type(error).__name__
