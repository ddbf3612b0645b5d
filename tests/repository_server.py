"""A web server on loopback that hands out a folder and takes PUT, as object stores do, or misbehaves."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Server:
    """``log``: method and path of every request. ``authorization``: what PUT must carry. ``answer``: bytes and the
    length that is claimed for a path, in the place of the file; None for the file."""

    url: str
    folder: Path
    log: list[tuple[str, str]] = field(default_factory=list)
    authorization: str | None = None
    answer: Callable[[str], tuple[Iterator[bytes], int | None] | None] = lambda path: None
    before_put: Callable[[str], None] = lambda path: None


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    server = Server("", folder)
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("_Bound", (_Handler,), {"known": server}))
    server.url = f"http://127.0.0.1:{http.server_address[1]}/repo"
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def _tag(data: bytes) -> str:
    return '"' + hashlib.md5(data, usedforsecurity=False).hexdigest() + '"'


class _Handler(BaseHTTPRequestHandler):
    """One request; ``known`` is set by the server's own subclass."""

    known: Server

    def do_GET(self) -> None:
        path = self.path.removeprefix("/repo/")
        self.known.log.append(("GET", path))
        odd = self.known.answer(path)
        if odd is not None:
            return self._stream(*odd)
        file = self.known.folder / path
        if not file.is_file():
            return self._reply(404, b"")
        data = file.read_bytes()
        self._reply(200, data, {"ETag": _tag(data)})

    def do_PUT(self) -> None:
        path = self.path.removeprefix("/repo/")
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.known.before_put(path)
        self.known.log.append(("PUT", path))
        if self.known.authorization and self.headers.get("Authorization") != self.known.authorization:
            return self._reply(401, b"")
        file = self.known.folder / path
        if self.headers.get("If-None-Match") == "*" and file.exists():
            return self._reply(412, b"")
        wanted = self.headers.get("If-Match")
        if wanted and (not file.exists() or _tag(file.read_bytes()) != wanted):
            return self._reply(412, b"")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        self._reply(201, b"")

    def _reply(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, chunks: Iterator[bytes], length: int | None) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        try:
            for chunk in chunks:
                self.wfile.write(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        return
