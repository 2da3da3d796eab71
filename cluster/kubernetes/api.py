"""Calls of the Kubernetes API for RayJobs; every error becomes a message of one line.

The official client is an optional dependency and imported only when a job is sent.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml

from paretoseg.cluster.kubernetes.manifest import Manifest

T = TypeVar("T")

_GROUP, _VERSION, _PLURAL = "ray.io", "v1", "rayjobs"
_MANAGER = "paretoseg"
_KUEUE_VERSIONS = ("v1beta2", "v1beta1")
_TIMEOUT_SECONDS = (5.0, 30.0)
"""For the connection, and for the answer."""

_DELETE_SECONDS = 120.0
_POLL_SECONDS = 1.0


class UnreachableError(ValueError):
    """The cluster gave no answer or reported a temporary error; following a job retries."""


class RayJobs:
    """The RayJobs of one namespace.

    Args:
        namespace: Their namespace.
        context: Which context of the kubeconfig; '' for the current one.
        sleep: Called with the number of seconds to wait.

    Raises:
        ValueError: if the client is not installed, or no cluster is configured.
    """

    def __init__(self, namespace: str, context: str = "", sleep: Callable[[float], None] = time.sleep) -> None:
        self._namespace = namespace
        self._client = _load_client(context)
        self._sleep = sleep

    def find(self, name: str) -> Manifest | None:
        """The job as the server stores it, with its status; None if there is none.

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

    def rehearse(self, manifest: Manifest) -> None:
        """Lets the server check a job as if it were created, under strict validation; nothing is stored.

        Raises:
            ValueError: if the server would refuse it or cannot be reached.
        """
        # Under a name that the server makes up: one job of this name may be there, ended.
        metadata = {key: value for key, value in manifest["metadata"].items() if key != "name"}
        self._call(
            self._client.create_namespaced_custom_object,
            body={**manifest, "metadata": {**metadata, "generateName": f"{_MANAGER}-check-"}},
            dry_run="All",
            field_manager=_MANAGER,
            field_validation="Strict",
        )

    def delete(self, name: str) -> None:
        """Deletes a job, and returns when it is gone.

        Raises:
            ValueError: if the server refuses or cannot be reached, or the job is still there after two minutes.
        """
        self._call(self._client.delete_namespaced_custom_object, name=name, missing=None)
        for _ in range(int(_DELETE_SECONDS / _POLL_SECONDS)):
            if self.find(name) is None:
                return
            self._sleep(_POLL_SECONDS)
        raise ValueError(
            f"RayJob {name} is still there two minutes after it was deleted; "
            f"see kubectl -n {self._namespace} describe rayjob {name}"
        )

    def ask_core(self, call: Callable[[Any], Any]) -> tuple[int, Any]:
        """Calls the core API of Kubernetes; returns the status and the object, or the message of a refusal.

        Args:
            call: Called with a client of the core API.

        Raises:
            UnreachableError: if the server cannot be reached.
        """
        from kubernetes import client

        return self._answer(lambda: call(client.CoreV1Api(self._client.api_client)))

    def ask_queue(self, name: str) -> tuple[int, Any]:
        """A LocalQueue of Kueue, as `ask_core`; of the newest version of its API that the server knows."""
        found: tuple[int, Any] = 404, ""
        for version in _KUEUE_VERSIONS:
            found = self._answer(
                lambda version=version: self._client.get_namespaced_custom_object(  # type: ignore[misc]
                    group="kueue.x-k8s.io", version=version, namespace=self._namespace, plural="localqueues", name=name
                )
            )
            if found[0] == 200:
                break
        return found

    def _answer(self, call: Callable[[], Any]) -> tuple[int, Any]:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            return 200, self._client.api_client.sanitize_for_serialization(call())
        except ApiException as error:
            if not error.status:
                raise self._no_answer(_last_line(error.reason)) from None
            return int(error.status), _read_message(error.body) or _last_line(error.reason)
        except HTTPError as error:
            raise self._no_answer(_first_line(error)) from None

    def _call(self, method: Callable[..., T], **arguments: Any) -> T | None:
        """Calls the server; with `missing` given, returns None for an object that does not exist."""
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        is_missing_fine = "missing" in arguments
        arguments.pop("missing", None)
        said: list[str] = []
        try:
            with _listen_to_errors(said):
                return method(
                    group=_GROUP,
                    version=_VERSION,
                    plural=_PLURAL,
                    namespace=self._namespace,
                    _request_timeout=_TIMEOUT_SECONDS,
                    **arguments,
                )
        except ApiException as error:
            if not error.status:  # no answer at all: the handshake failed
                raise self._no_answer(_last_line(error.reason)) from None
            message = "; ".join([_read_message(error.body) or _last_line(error.reason), *said])
            if error.status == 404 and is_missing_fine and "page not found" not in message:
                return None
            raise _explain(int(error.status), message, self._namespace) from None
        except HTTPError as error:
            raise self._no_answer(_first_line(error)) from None

    def _no_answer(self, reason: str) -> UnreachableError:
        host = self._client.api_client.configuration.host
        return UnreachableError(
            f"the Kubernetes cluster at {host} does not answer ({reason}); "
            "check with `kubectl cluster-info` that it is up, or choose another context with cluster.context"
        )


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
        _load_kubeconfig(config, configuration, context)
    except (ConfigException, yaml.YAMLError, OSError, TypeError, AttributeError) as error:
        if context or not _load_from_pod(config, configuration):
            raise ValueError(
                f"no Kubernetes cluster is configured ({_first_line(error)}); set KUBECONFIG to the file that kubectl "
                "uses, or name one of its contexts with cluster.context=<name>; --dry-run needs no cluster"
            ) from None
    # One attempt per call: following a job retries by itself, and the library's retries would only log.
    configuration.retries = False
    return client.CustomObjectsApi(client.ApiClient(configuration))


def _load_kubeconfig(config: Any, configuration: Any, context: str) -> None:
    # Read the variable here: the library reads it only once, when it is imported.
    path = os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())
    said: list[str] = []
    try:
        with _listen_to_errors(said):
            config.load_kube_config(config_file=path, context=context or None, client_configuration=configuration)
    except ValueError as error:  # invalid base64 or UTF-8
        raise ValueError(
            f"the kubeconfig '{path}' is damaged ({_first_line(error)}); get a new one for your cluster, "
            "or set KUBECONFIG to the file that kubectl uses; --dry-run needs no cluster"
        ) from None
    if said:
        raise ValueError(
            f"the login that the kubeconfig '{path}' asks for failed ({'; '.join(said)}); "
            "log in again, as for kubectl, or name another context with cluster.context=<name>"
        )


def _load_from_pod(config: Any, configuration: Any) -> bool:
    """Uses the pod's service account; returns False if this process does not run in a pod."""
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        return False
    return True


@contextmanager
def _listen_to_errors(said: list[str]) -> Iterator[None]:
    """Collects the errors that the library logs on the root logger, which is how it reports a failed login."""
    root = logging.getLogger()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name == "root" and record.levelno >= logging.ERROR:
                said.append(_first_line(record.getMessage()))

    before, root.handlers = root.handlers, [Listener()]
    try:
        yield
    finally:
        root.handlers = before


def _read_message(body: Any) -> str:
    """The message of a server's answer: that of a Status object, or the first line of plain text."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")
    if not text.strip():
        return ""
    try:
        status = json.loads(text)
    except ValueError:
        return _first_line(text)
    if not isinstance(status, dict):
        return _first_line(text)
    return _first_line(status["message"]) if status.get("message") else ""


def _explain(status: int, message: str, namespace: str) -> ValueError:
    """The error for a status code, with what to do about it."""
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
            return ValueError(f"another client changed the job at the same time{said}; run the same command again")
        case 400 | 422:
            return ValueError(f"the Kubernetes cluster refuses the job{said}")
    if status == 429 or status >= 500:
        return UnreachableError(f"the Kubernetes cluster answers {status}{said}; run the same command again later")
    return ValueError(f"the Kubernetes cluster answers {status}{said}")


def _last_line(reason: object) -> str:
    """The cause of an error: the client puts the error's kind on the line before it."""
    lines = [line.strip() for line in str(reason or "").splitlines() if line.strip()]
    return lines[-1][:600] if lines else "no reason given"


def _first_line(error: object) -> str:
    text = re.sub(r"^<.*?>: |^.*HTTPS?Connection\(.*?\): ", "", str(error).strip())
    return text.splitlines()[0][:600] if text else type(error).__name__
