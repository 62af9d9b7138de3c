"""A stand-in on 127.0.0.1 for the hub: one repository of models, whose largest file may come slowly or break off."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REPOSITORY = "somebody/small-bert"
COMMIT = "0123456789" * 4
PIECE = 4096  # bytes that are sent at a time


class Hub(ThreadingHTTPServer):
    """The stand-in; it serves the files of ``folder``."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.folder = folder
        self.pause = 0.0  # seconds after each piece
        self.last: int | None = None  # bytes of a file after which the connection ends
        self.asked = Counter[str]()
        self.begun = threading.Event()  # the weights are on their way

    def handle_error(self, *_: Any) -> None:
        """Say nothing of a client that hung up."""

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(False)

    def do_GET(self) -> None:
        self._answer(True)

    def _answer(self, whole: bool) -> None:
        place = self.path.partition("?")[0]
        api = f"/api/models/{REPOSITORY}"
        if place.startswith(f"{api}/tree/"):
            self._json([self._entry(name) for name in self.server.names()])
        elif place == api or place.startswith(f"{api}/revision/"):
            siblings = [{"rfilename": name} for name in self.server.names()]
            self._json({"id": REPOSITORY, "modelId": REPOSITORY, "sha": COMMIT, "siblings": siblings})
        elif place.startswith(f"/{REPOSITORY}/resolve/") and place.rpartition("/")[2] in self.server.names():
            self._file(place.rpartition("/")[2], whole)
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _entry(self, name: str) -> dict[str, Any]:
        content = (self.server.folder / name).read_bytes()
        return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}

    def _json(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _file(self, name: str, whole: bool) -> None:
        content = (self.server.folder / name).read_bytes()
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if first else 200)
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        if not whole:
            return
        self.server.asked[name] += 1
        for begin in range(first, len(content), PIECE):
            if self.server.last is not None and begin >= self.server.last:
                self.close_connection = True
                return
            self.wfile.write(content[begin : begin + PIECE])
            if begin and self.server.pause:
                self.server.begun.set()
                time.sleep(self.server.pause)


@contextmanager
def served(folder: Path) -> Iterator[Hub]:
    """The stand-in for ``folder``, until the end of the block."""
    hub = Hub(folder)
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
