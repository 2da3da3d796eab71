"""A server on loopback that stands for Kubernetes: it keeps RayJobs and requests, and answers what a test asks for."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

TOKEN = "a-token-of-the-test"


@dataclass
class Request:
    """What the client sent."""

    verb: str
    path: str
    query: dict[str, str]
    content_type: str
    authorization: str
    body: dict[str, Any] | None


@dataclass
class ApiServer:
    """Keeps what is applied; `answers` go before everything else, one a request."""

    url: str = ""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    answers: list[tuple[int, str]] = field(default_factory=list)
    before_get: Callable[[], None] = lambda: None

    def write_kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig that leads here, with a second context that leads nowhere."""
        user = {"name": "me", "user": {"token": TOKEN}}
        clusters = [
            {"name": "here", "cluster": {"server": self.url}},
            {"name": "nowhere", "cluster": {"server": "http://127.0.0.1:9"}},
        ]
        contexts = [{"name": name, "context": {"cluster": name, "user": "me"}} for name in ("here", "nowhere")]
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": clusters,
            "contexts": contexts,
            "users": [user],
        }
        path = folder / "kubeconfig"
        path.write_text(yaml.safe_dump(content))
        return path

    def answer(self, request: Request) -> tuple[int, str]:
        """Status and body."""
        if self.answers:
            return self.answers.pop(0)
        name = request.path.rsplit("/", 1)[-1]
        if request.verb == "PATCH":
            assert request.body is not None
            self.jobs[name] = request.body
            return 201, json.dumps(request.body)
        if request.verb == "POST" and request.query.get("dryRun") == "All":
            return 201, json.dumps(request.body)
        if request.verb == "GET":
            self.before_get()
        if name not in self.jobs:
            return status(404, f'rayjobs.ray.io "{name}" not found')
        if request.verb == "DELETE":
            return 200, json.dumps(self.jobs.pop(name))
        return 200, json.dumps(self.jobs[name])


def status(code: int, message: str) -> tuple[int, str]:
    """A refusal as Kubernetes words it."""
    return code, json.dumps(
        {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
    )


@contextmanager
def serve() -> Iterator[ApiServer]:
    """A server at work on a free port of loopback."""
    state = ApiServer()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(
                self.command,
                parts.path,
                {name: values[-1] for name, values in parse_qs(parts.query).items()},
                self.headers.get("Content-Type", ""),
                self.headers.get("Authorization", ""),
                json.loads(content) if content else None,
            )
            state.requests.append(request)
            code, text = state.answer(request)
            data = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json" if text.startswith("{") else "text/plain")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PATCH = do_DELETE = do_POST = do_PUT = _handle  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
