"""A small Hugging Face hub on 127.0.0.1: model information with LFS records, and files by range. Can cut and lie."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class PlayedHub:
    """One repository with one file.

    Attributes:
        content: the file's bytes.
        sha256: what the hub records; the true one unless a test lies.
        cuts: how many bytes each coming request may send before the connection is cut.
        status: answer every file request with this status instead.
        ranges: the Range headers that arrived, "" for none.
        ignores_ranges: answer 200 with everything.
        stalls_at: send so many bytes of each answer, then nothing more until the client is gone; 0 for never.
        redirects: send the client on to another place, as the hub does to its storage.
        lfs: False plays a file that is no LFS object.
        extra: further small files by name, kept by git itself: recorded by its SHA-1.
        blobs: what the hub records for these in place of the true one.
    """

    content: bytes
    repo: str = "facebook/sam2.1-hiera-tiny"
    filename: str = "sam2.1_hiera_tiny.pt"
    sha256: str = ""
    size: int | None = None
    cuts: list[int] = field(default_factory=list)
    status: int = 0
    info_status: int = 0
    ranges: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    ignores_ranges: bool = False
    lfs: bool = True
    extra: dict[str, bytes] = field(default_factory=dict)
    stalls_at: int = 0
    redirects: bool = False
    blobs: dict[str, str] = field(default_factory=dict)
    endpoint: str = ""

    def __post_init__(self) -> None:
        self.sha256 = self.sha256 or hashlib.sha256(self.content).hexdigest()

    def info(self) -> dict[str, Any]:
        sibling: dict[str, Any] = {"rfilename": self.filename, "size": len(self.content), "blobId": "b" * 40}
        if self.lfs:
            size = len(self.content) if self.size is None else self.size
            sibling["lfs"] = {"sha256": self.sha256, "size": size, "pointerSize": 134}
        return {"id": self.repo, "modelId": self.repo, "sha": COMMIT, "siblings": [sibling, *self._small()], "tags": []}

    def _small(self) -> list[dict[str, Any]]:
        def blob(content: bytes) -> str:
            return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

        return [
            {"rfilename": name, "size": len(content), "blobId": self.blobs.get(name, blob(content))}
            for name, content in self.extra.items()
        ]


@contextmanager
def serve(hub: PlayedHub) -> Iterator[PlayedHub]:
    """Runs the hub until the end of the block; `hub.endpoint` is its address."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            return

        def do_GET(self) -> None:
            hub.paths.append(self.path)
            if self.path.startswith(f"/api/models/{hub.repo}"):
                self._answer_info()
            elif self.path == f"/{hub.repo}/resolve/{COMMIT}/{hub.filename}" and hub.redirects:
                self._plain(302, {"Location": f"{hub.endpoint}/storage/{hub.sha256}"})
            elif self.path in (f"/{hub.repo}/resolve/{COMMIT}/{hub.filename}", f"/storage/{hub.sha256}"):
                self._answer_file()
            elif self.path.startswith(f"/{hub.repo}/resolve/{COMMIT}/") and self.path.split("/")[-1] in hub.extra:
                content = hub.extra[self.path.split("/")[-1]]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            else:
                self._plain(404, {"X-Error-Code": "RepoNotFound"})

        def _answer_info(self) -> None:
            if hub.info_status:
                self._plain(hub.info_status, {"X-Error-Code": "RepoNotFound"} if hub.info_status == 404 else {})
                return
            body = json.dumps(hub.info()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _answer_file(self) -> None:
            wanted = self.headers.get("Range", "")
            hub.ranges.append(wanted)
            if hub.status:
                self._plain(hub.status, {"X-Error-Code": "EntryNotFound"} if hub.status == 404 else {})
                return
            start = 0 if hub.ignores_ranges else int(wanted.removeprefix("bytes=").split("-")[0] or 0)
            body = hub.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(hub.content) - 1}/{len(hub.content)}")
            self.end_headers()
            if hub.cuts:
                self.wfile.write(body[: hub.cuts.pop(0)])
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()
                return
            if hub.stalls_at:
                self.wfile.write(body[: hub.stalls_at])
                self.wfile.flush()
                self.rfile.read(1)  # returns when the client closes
                return
            self.wfile.write(body)

        def _plain(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            return  # cut connections are the point

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
