"""A stand-in on 127.0.0.1 for the server of Weights & Biases: what its client asks for, kept in memory.

As a program it serves for timing by hand: `python -m helpers.wandb_server` prints its address.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import pytest

KEY = "0123456789abcdef" * 2 + "01234567"  # 40 characters, as keys have
ENTITY, PROJECT = "somebody", "finetuning-noise-benchmark"
HISTORY, EVENTS, SUMMARY = "wandb-history.jsonl", "wandb-events.jsonl", "wandb-summary.json"


@dataclass
class ServedRun:
    """A run as the server has it: ``lines`` of its history by their place, and what else it was told."""

    name: str
    told: dict[str, Any] = field(default_factory=dict)
    lines: dict[int, dict[str, Any]] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    inserted: int = 0
    exit_code: int | None = None
    arrived: list[float] = field(default_factory=list)  # when history came

    @property
    def config(self) -> dict[str, Any]:
        return {key: entry["value"] for key, entry in json.loads(self.told.get("config") or "{}").items()}

    @property
    def history(self) -> list[dict[str, Any]]:
        return [self.lines[place] for place in sorted(self.lines)]

    def steps(self, key: str) -> list[int]:
        """The steps at which ``key`` was told."""
        return [line["_step"] for line in self.history if key in line]


class Server(ThreadingHTTPServer):
    """The stand-in; ``ill`` makes it slow, broken or short of a field."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.runs: dict[str, ServedRun] = {}
        self.views: dict[str, dict[str, Any]] = {}
        self.asked = Counter[str]()
        self.strangers: list[str] = []  # other hosts that were called
        self.delay = 0.0  # seconds before every answer
        self.ill = ""  # error: HTTP 500 | field: an answer lacks one
        self.lock = threading.Lock()

    def handle_error(self, *_: Any) -> None:
        """Say nothing of a client that hung up."""

    def answer(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data that a GraphQL operation asks for."""
        with self.lock:
            self.asked[operation] += 1
            made = getattr(self, f"on_{operation.lower()}", None)
            return made(variables) if made else {}

    def on_viewer(self, _: Any) -> dict[str, Any]:
        user = {"id": "u", "entity": ENTITY, "username": ENTITY, "name": ENTITY, "email": "", "admin": False}
        return {"viewer": user | {"flags": "{}", "teams": {"edges": []}}}

    def on_getdefaultentity(self, _: Any) -> dict[str, Any]:
        return {"viewer": {"id": "u", "entity": ENTITY}}

    def on_serverfeaturesquery(self, _: Any) -> dict[str, Any]:
        return {"serverInfo": {"features": []}}

    def on_serverinfo(self, _: Any) -> dict[str, Any]:
        return {"serverInfo": {"features": [], "cliVersionInfo": None, "latestLocalVersionInfo": None}}

    def on_runresumestatus(self, asked: dict[str, Any]) -> dict[str, Any]:
        run = self.runs.get(asked["name"])
        if run is None:
            return {
                "model": {"id": "p", "name": PROJECT, "entity": {"id": "e", "name": ENTITY}, "bucket": None}
            }
        bucket = self.bucket(run) | {
            "historyLineCount": len(run.lines), "eventsLineCount": 0, "logLineCount": 0,
            "historyTail": json.dumps([json.dumps(line) for line in run.history[-1:]]), "eventsTail": "[]",
            "summaryMetrics": json.dumps(run.summary), "wandbConfig": json.dumps({"t": 1}), "tags": [],
        }  # fmt: skip
        return {
            "model": {"id": "p", "name": PROJECT, "entity": {"id": "e", "name": ENTITY}, "bucket": bucket}
        }

    def on_upsertbucket(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["name"]
        inserted = name not in self.runs
        run = self.runs.setdefault(name, ServedRun(name))
        run.inserted += inserted
        run.told |= {key: value for key, value in asked.items() if value is not None}
        return {"upsertBucket": {"bucket": self.bucket(run), "inserted": inserted}}

    def bucket(self, run: ServedRun) -> dict[str, Any]:
        project = {"id": "p", "name": run.told.get("project", PROJECT), "entity": {"id": "e", "name": ENTITY}}
        return {
            "id": f"id-{run.name}", "name": run.name, "displayName": run.told.get("displayName"), "sweepName": None,
            "config": run.told.get("config", "{}"), "project": project, "historyLineCount": len(run.lines),
        }  # fmt: skip

    def on_createrunfiles(self, asked: dict[str, Any]) -> dict[str, Any]:
        files = [{"name": name, "uploadUrl": f"{self.url}/upload"} for name in asked["files"]]
        answer = {"runID": "r", "uploadHeaders": [], "files": files}
        return {"createRunFiles": None if self.ill == "field" else answer}

    def on_runs(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The runs of a project whose ids are in the filter."""
        if not self.runs:
            return {"project": None}
        wanted = json.loads(asked["filters"])["name"]["$in"]
        found = [self.listed(run) for name, run in self.runs.items() if name in wanted]
        edges = [{"node": node, "cursor": node["name"]} for node in found]
        page = {"endCursor": None, "hasNextPage": False}
        runs = {"edges": edges, "pageInfo": page}
        return {"project": {"internalId": "1", "runCount": len(edges), "readOnly": False, "runs": runs}}

    def listed(self, run: ServedRun) -> dict[str, Any]:
        nothing = dict.fromkeys(
            ("commit", "description", "notes", "heartbeatAt", "sweepName", "jobType", "group")
        )
        return nothing | self.bucket(run) | {
            "tags": [], "state": "finished", "readOnly": False, "createdAt": "2026-01-01T00:00:00Z",
            "systemMetrics": "{}", "summaryMetrics": json.dumps(run.summary), "historyKeys": None, "projectId": "1",
            "user": {"name": ENTITY, "username": ENTITY},
        }  # fmt: skip

    def on_projectinternalid(self, _: Any) -> dict[str, Any]:
        return {"project": {"id": "p", "internalId": "UHJvamVjdDp2MTox"}}

    def on_getprojects(self, _: Any) -> dict[str, Any]:
        node = {"id": "p", "name": PROJECT, "entityName": ENTITY, "createdAt": "2026-01-01T00:00:00Z",
                "isBenchmark": False, "user": None}  # fmt: skip
        page = {"hasNextPage": False, "endCursor": None}
        return {"models": {"edges": [{"node": node, "cursor": ""}], "pageInfo": page}}

    def on_upsertview2(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self.on_upsertview(asked)

    def on_upsertview(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked.get("id") or f"view{len(self.views) + 1}"
        self.views[name] = asked
        project = {"id": "p", "name": asked["projectName"], "entityName": asked["entityName"]}
        view = {"id": name, "type": asked["type"], "name": asked["name"], "displayName": asked["displayName"],
                "description": asked.get("description"), "spec": asked["spec"], "project": project,
                "user": None, "updatedAt": "2026-01-01T00:00:00Z"}  # fmt: skip
        return {"upsertView": {"view": view, "inserted": not asked.get("id")}}

    def on_view(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = [(i, v) for i, v in self.views.items() if v["name"] == asked["viewName"]]
        edges = [{"node": {"id": i, "displayName": v["displayName"], "spec": v["spec"]}} for i, v in found]
        return {"project": {"allViews": {"edges": edges}}}

    def streamed(self, run: str, body: dict[str, Any]) -> None:
        """Take in a part of a run's file stream."""
        with self.lock:
            self.asked["file_stream"] += 1
            kept = self.runs.setdefault(run, ServedRun(run))
            for name, part in body.get("files", {}).items():
                content = [json.loads(line) for line in part["content"]] if name != "output.log" else []
                if name == HISTORY:
                    kept.lines |= dict(enumerate(content, part["offset"]))
                    kept.arrived.append(time.monotonic())
                elif name == SUMMARY:
                    kept.summary |= content[-1]
            if "exitcode" in body:
                kept.exit_code = body["exitcode"]


class Handler(BaseHTTPRequestHandler):
    """One request to the stand-in."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size) or b"{}")
        time.sleep(self.server.delay)
        if self.server.ill == "error":
            self.reply({"errors": [{"message": "out of order"}]}, 500)
        elif self.path.endswith("/graphql"):
            named = re.search(r"(?:query|mutation)\s+(\w+)", body["query"])
            operation = body.get("operationName") or (named[1] if named else "")
            self.reply({"data": self.server.answer(operation, body.get("variables") or {})})
        else:
            if found := re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", self.path):
                self.server.streamed(found[1], body)
            self.reply({})

    def do_CONNECT(self) -> None:
        self.server.strangers.append(
            self.path
        )  # it is the proxy as well: somebody is asked who was not named
        self.reply({}, 502)

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked["upload"] += 1
        self.reply({})

    def do_GET(self) -> None:
        self.reply({})

    def reply(self, content: Any, status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    """A stand-in that answers within the block."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def pointed_at(server: Server, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let W&B know this server alone, an account there, and no settings of the machine's user."""
    resource_tracker.ensure_running()  # multiprocessing's own, one for all tests: it is no client of this server
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    told = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY, "WANDB_CONFIG_DIR": str(folder / "settings"),
            "WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL": "0.1", "NETRC": str(folder / "netrc"),
            "HTTPS_PROXY": server.url, "HTTP_PROXY": server.url, "NO_PROXY": "127.0.0.1"}  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(name, value)


def clients(server: Server) -> list[int]:
    """The living processes that were told of this server when they began."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            state = (path / "stat").read_text().rpartition(")")[2].split()[0]
            told = f"WANDB_BASE_URL={server.url}".encode() in (path / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if told and state != "Z" and int(path.name) != os.getpid():
            found.append(int(path.name))
    return found


def none_left(server: Server, seconds: float = 5.0) -> bool:
    """True if all its clients end within these seconds."""
    end = time.monotonic() + seconds
    while clients(server) and time.monotonic() < end:
        time.sleep(0.05)
    return not clients(server)


if __name__ == "__main__":
    with serving() as running:
        print(running.url, flush=True)
        sys.stdin.read()
