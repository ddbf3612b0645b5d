"""How a reader gets bytes, over HTTP or from a folder of this machine: never without end, by size or by time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tuf.api.exceptions import DownloadHTTPError, SlowRetrievalError
from tuf.ngclient import FetcherInterface
from urllib3.response import BaseHTTPResponse

from compress.publish.place import connections

_CHUNK_BYTES = 1 << 16
GRACE_S = 60.0
LEAST_BYTES_PER_S = 1000.0
"""Over a whole answer, after the first ``GRACE_S``: a server can't hold a reader for days, a byte at a time."""


class Fetcher(FetcherInterface):
    """``file://``, ``http://`` and ``https://``; python-tuf counts the bytes and stops where there are too many.

    ``close`` when done: an answer that was given up half way keeps its connection until then.
    """

    def __init__(self) -> None:
        self._last: BaseHTTPResponse | None = None

    def close(self) -> None:
        """End the last answer."""
        if self._last is not None:
            self._last.close()

    def _fetch(self, url: str) -> Iterator[bytes]:
        parts = urlsplit(url)
        if parts.scheme == "file":
            return self._file(Path(unquote(parts.path)))
        answer = connections(url).request("GET", url, preload_content=False)
        if answer.status >= 400:
            answer.close()
            raise DownloadHTTPError(f"the server answers {answer.status}", answer.status)
        self._last = answer
        return self._stream(answer)

    def _file(self, path: Path) -> Iterator[bytes]:
        if not path.is_file():
            raise DownloadHTTPError(f"no file {path}", 404)
        return self._chunks(path)

    def _chunks(self, path: Path) -> Iterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk

    def _stream(self, answer: BaseHTTPResponse) -> Iterator[bytes]:
        begun, got = time.monotonic(), 0
        try:
            while chunk := answer.read1(_CHUNK_BYTES):
                got += len(chunk)
                elapsed_s = time.monotonic() - begun
                if elapsed_s > GRACE_S and got < LEAST_BYTES_PER_S * elapsed_s:
                    raise SlowRetrievalError(f"{got} bytes in {elapsed_s:.0f} s")
                yield chunk
        finally:
            answer.close()
