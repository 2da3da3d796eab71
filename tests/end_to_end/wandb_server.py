"""A W&B server with the features that runs need: the data of each run is in `runs`, by run id."""

from __future__ import annotations

import gzip
import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Runs(dict[str, dict[str, Any]]):
    """By run id: `rows` of its curves, `summary`, `config`, `group`, `exit_code`."""

    def of(self, run_id: str) -> dict[str, Any]:
        return self.setdefault(run_id, {"rows": [], "summary": {}, "config": {}, "is_there": False, "exit_code": None})

    def stream(self, run_id: str, told: dict[str, Any]) -> dict[str, Any]:
        run, files = self.of(run_id), told.get("files") or {}
        if history := files.get("wandb-history.jsonl"):
            run["rows"] = run["rows"][: history["offset"]] + [json.loads(line) for line in history["content"]]
        if summary := files.get("wandb-summary.json"):
            run["summary"] = json.loads(summary["content"][-1])
        if told.get("complete"):
            run["exit_code"] = told["exitcode"]
        return {"exitcode": None, "limits": {}}

    def answer(self, query: str, given: dict[str, Any]) -> dict[str, Any]:
        operation = re.search(r"(?:query|mutation)\s+(\w+)", query)
        entity = {"id": "E", "name": "someone"}
        match operation and operation.group(1):
            case "RunResumeStatus":
                bucket = self._bucket(given["name"]) if self.of(given["name"])["is_there"] else None
                return {"data": {"model": {"id": "P", "name": given["project"], "entity": entity, "bucket": bucket}}}
            case "UpsertBucket":
                run = self.of(given["name"])
                is_new, run["is_there"] = not run["is_there"], True
                if given.get("config"):
                    run["config"] = {key: item["value"] for key, item in json.loads(given["config"]).items()}
                run["group"] = given.get("groupName") or run["group"]
                project = {"id": "P", "name": given["project"], "entity": entity}
                bucket = self._bucket(given["name"]) | {"project": project}
                return {"data": {"upsertBucket": {"bucket": bucket, "inserted": is_new}}}
            case "Viewer":
                viewer = {"id": "U", "flags": "{}", "entity": "someone", "username": "u", "teams": {"edges": []}}
                return {"data": {"viewer": viewer}}
        return {"data": {}, "errors": [{"message": "not here"}]}

    def _bucket(self, run_id: str) -> dict[str, Any]:
        run = self.of(run_id)
        return {
            "id": run_id,
            "name": run_id,
            "displayName": run_id,
            "description": None,
            "sweepName": None,
            "summaryMetrics": json.dumps(run["summary"]),
            "config": json.dumps({key: {"value": value} for key, value in run["config"].items()}),
            "historyLineCount": len(run["rows"]),
            "historyTail": json.dumps([json.dumps(row) for row in run["rows"][-1:]]),
            "logLineCount": 0,
            "eventsLineCount": 0,
            "eventsTail": "[]",
            "tags": [],
            "wandbConfig": '{"t":1}',
        }


@contextmanager
def serve(runs: Runs) -> Iterator[str]:
    """The server's URL while it runs."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *words: object) -> None:
            """Nothing."""

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            told = json.loads(gzip.decompress(content) if self.headers["Content-Encoding"] == "gzip" else content)
            if self.path.endswith("/file_stream"):
                answer = runs.stream(self.path.split("/")[-2], told)
            else:
                answer = runs.answer(told["query"], told.get("variables") or {})
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()
