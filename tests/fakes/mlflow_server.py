"""An MLflow tracking server that is not MLflow: experiments/search and runs/search over real HTTP.

Shapes, page tokens, filters and errors are those of MLflow's REST API 2.0; it knows nothing of the product.
``old`` gives 64-bit integers as text, as servers did before 1.0.
"""

import base64
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from uuid import uuid4

_CLAUSE = re.compile(
    r"attributes\.(?P<name>status|end_time|start_time)\s*(?P<op>=|>=|<=|>|<)\s*(?P<value>'[^']*'|\d+)"
)


@dataclass
class MlflowServer:
    """``fail`` holds the statuses that the next requests are answered with."""

    token: str | None = None
    page: int = 1000  # of runs at most, whatever is asked for
    old: bool = False
    fail: list[int] = field(default_factory=list)
    body_of_200: bytes | None = None
    endless: bool = False
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    tokens_seen: list[str | None] = field(default_factory=list)
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                raw = self.rfile.read(length)
                status, body = server.answer(self.path, dict(self.headers), raw)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", server.url + "/elsewhere")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    # --- what it holds ---

    def experiment(self, name: str, stage: str = "active") -> str:
        found = str(len(self.experiments) + 1)
        self.experiments[found] = {
            "experiment_id": found,
            "name": name,
            "artifact_location": f"mlflow-artifacts:/{found}",
            "lifecycle_stage": stage,
            "last_update_time": self._int(1_790_000_000_000),
            "creation_time": self._int(1_790_000_000_000),
            "tags": [],
        }
        return found

    def run(
        self, experiment: str, end_ms: int | None, status: str = "FINISHED", *,
        tags: dict[str, str] | None = None, **metrics: float | str,
    ) -> None:  # fmt: skip
        """A run with the latest values of its metrics; NaN and Infinity are text, as protobuf's JSON has it."""
        run_id = uuid4().hex
        info = {
            "run_id": run_id,
            "run_uuid": run_id,
            "run_name": "run",
            "experiment_id": experiment,
            "user_id": "somebody",
            "status": status,
            "start_time": self._int((end_ms or 1_790_000_000_000) - 60_000),
            "artifact_uri": "mlflow-artifacts:/",
            "lifecycle_stage": "active",
        }
        if end_ms is not None:
            info["end_time"] = self._int(end_ms)
        data = {
            "metrics": [
                {
                    "key": key,
                    "value": value,
                    "timestamp": self._int(end_ms or 0),
                    "step": self._int(3),
                }
                for key, value in metrics.items()
            ],
            "params": [{"key": "lr", "value": "0.1"}],
            "tags": [
                {"key": k, "value": v} for k, v in {"mlflow.user": "x", **(tags or {})}.items()
            ],
        }
        self.runs.append({"info": info, "data": data, "inputs": {}})

    def _int(self, value: int) -> int | str:
        return str(value) if self.old else value

    # --- what it answers ---

    def answer(self, path: str, headers: dict[str, str], raw: bytes) -> tuple[int, Any]:
        self.tokens_seen.append(headers.get("Authorization"))
        if self.fail:
            return self.fail.pop(0), _error("TEMPORARILY_UNAVAILABLE", "not now")
        if self.token is not None and headers.get("Authorization") != f"Bearer {self.token}":
            return 401, b"You are not authenticated."
        if self.body_of_200 is not None:
            return 200, self.body_of_200
        if headers.get("Content-Type") != "application/json":
            return 400, _error("BAD_REQUEST", "Bad Request. Content-Type must be application/json.")
        body = json.loads(raw)
        self.asked.append((path, body))
        if path == "/api/2.0/mlflow/experiments/search":
            stages = {"ACTIVE_ONLY": ("active",), "DELETED_ONLY": ("deleted",)}
            wanted = stages.get(body.get("view_type", "ACTIVE_ONLY"), ("active", "deleted"))
            found = [e for e in self.experiments.values() if e["lifecycle_stage"] in wanted]
            return self._paged("experiments", found, body)
        if path == "/api/2.0/mlflow/runs/search":
            if body.get("max_results", 1000) > 50_000:
                return 400, _error("INVALID_PARAMETER_VALUE", "max_results is at most 50000")
            runs = [r for r in self.runs if r["info"]["experiment_id"] in body["experiment_ids"]]
            for clause in filter(None, re.split(r"\s+and\s+", body.get("filter", ""), flags=re.I)):
                found_clause = _CLAUSE.fullmatch(clause.strip())
                if found_clause is None:
                    return 400, _error("INVALID_PARAMETER_VALUE", f"Invalid clause(s): '{clause}'")
                runs = [r for r in runs if _holds(r["info"], found_clause)]
            runs.sort(key=lambda r: (-int(r["info"]["start_time"]), r["info"]["run_id"]))
            return self._paged("runs", runs, body)
        return 404, _error("ENDPOINT_NOT_FOUND", "No API found")

    def _paged(self, key: str, found: list[Any], body: dict[str, Any]) -> tuple[int, Any]:
        start = 0
        if token := body.get("page_token"):
            start = int(json.loads(base64.b64decode(token))["offset"])
        size = min(int(body.get("max_results", 1000)), self.page)
        part = found[start : start + size]
        answer: dict[str, Any] = {key: part} if part else {}  # protobuf leaves empty lists out
        if start + size < len(found) or self.endless:
            after = 0 if self.endless else start + size
            answer["next_page_token"] = base64.b64encode(
                json.dumps({"offset": after}).encode()
            ).decode()
        return 200, answer


def _holds(info: dict[str, Any], clause: "re.Match[str]") -> bool:
    mine = info.get(clause["name"])
    if mine is None:
        return False
    if clause["value"].startswith("'"):
        return bool(mine == clause["value"].strip("'")) and clause["op"] == "="
    left, right = int(mine), int(clause["value"])
    return {"=": left == right, ">=": left >= right, "<=": left <= right,
            ">": left > right, "<": left < right}[clause["op"]]  # fmt: skip


def _error(code: str, message: str) -> dict[str, str]:
    return {"error_code": code, "message": message}
