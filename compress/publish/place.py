"""Where a repository lies: a folder, or an HTTP server that takes PUT (an object store, an artefact server).

Files are whole or not there. Those with a version or a digest in their name are written once and never
replaced; only ``timestamp.json`` is, and it is written last.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from compress.errors import Busy, PublishError, one_line
from compress.kept import to_disk

if TYPE_CHECKING:
    from urllib3 import PoolManager

AUTHORIZATION = "COMPRESS_PUBLISH_AUTHORIZATION"
"""Environment variable with the value of the header of that name, for servers that ask for it."""

_TIMEOUT_S = 30.0
_CHUNK_BYTES = 1 << 16
_TAKEN = (409, 412)
_MISSING = (403, 404)
"""An object store that lists nothing to strangers answers 403 where there is nothing."""


class Taken(PublishError):
    """There is a file of that name already."""


class Place(Protocol):
    """Files by relative path with forward slashes."""

    @property
    def url(self) -> str:
        """Where a reader finds it."""
        ...

    def get(self, path: str, most_bytes: int) -> bytes | None:
        """The file, None where there is none. Raises PublishError, also for a longer one."""
        ...

    def put_new(self, path: str, data: bytes | Path) -> None:
        """Write a file that isn't there yet. Raises Taken where it is, and PublishError."""
        ...

    def replace(self, path: str, data: bytes) -> None:
        """Write a file in the place of the one that ``get`` read last. Raises Busy where it was changed since."""
        ...

    def locked(self) -> AbstractContextManager[None]:
        """Keep others on this machine from writing; across machines ``replace`` decides who was first."""
        ...


def open_place(word: str) -> Place:
    """The place that ``word`` names: a folder, ``file://…``, ``http://…`` or ``https://…``. Raises PublishError."""
    parts = urlsplit(word)
    if parts.scheme in ("http", "https"):
        return HttpPlace(word)
    if parts.scheme == "file":
        return FolderPlace(Path(unquote(parts.path)))
    if "://" in word:
        raise PublishError(f"{word}: a repository is a folder, file://, http:// or https://")
    return FolderPlace(Path(word))


class FolderPlace:
    """A folder of this machine, or one that is mounted; any web server can hand it out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.expanduser().absolute()

    @property
    def url(self) -> str:
        return self._folder.as_uri()

    def get(self, path: str, most_bytes: int) -> bytes | None:
        try:
            with (self._folder / path).open("rb") as file:
                data = file.read(most_bytes + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise PublishError(f"can't read {self._folder / path}: {error.strerror}") from None
        return _short_enough(data, most_bytes, str(self._folder / path))

    def put_new(self, path: str, data: bytes | Path) -> None:
        with self._written(path, data) as temporary:
            try:
                os.link(temporary, self._folder / path)  # unlike a rename, never replaces one
            except FileExistsError:
                raise Taken(f"{self._folder / path} is there already") from None
            finally:
                os.unlink(temporary)

    def replace(self, path: str, data: bytes) -> None:
        with self._written(path, data) as temporary:
            os.replace(temporary, self._folder / path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / ".publish.lock", timeout=0):
                yield
        except Timeout:
            raise Busy(f"{self._folder}: somebody else publishes there just now; try again") from None
        except PermissionError as error:
            raise PublishError(f"can't write into {self._folder}: {error.strerror}") from None

    @contextmanager
    def _written(self, path: str, data: bytes | Path) -> Iterator[str]:
        """A whole file beside the place of ``path``, on the disk, for everybody to read."""
        place = self._folder / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=".part-", dir=place.parent)
            with os.fdopen(handle, "wb") as file:
                for chunk in _chunks(data):
                    file.write(chunk)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
            yield temporary
            to_disk(place.parent)
        except OSError as error:
            raise PublishError(f"can't write {place}: {error.strerror}") from None


class HttpPlace:
    """A server that takes PUT. ``If-None-Match: *`` and ``If-Match`` are sent, for servers that heed them."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._pool = connections(self._url)
        self._headers = _authorization(self._url)
        self._tags: dict[str, str] = {}

    @property
    def url(self) -> str:
        return self._url

    def get(self, path: str, most_bytes: int) -> bytes | None:
        import urllib3

        url = f"{self._url}/{path}"
        try:
            answer = self._pool.request("GET", url, headers=self._headers, preload_content=False)
            try:
                if answer.status in _MISSING:
                    return None
                if answer.status != 200:
                    raise PublishError(f"{url}: the server answers {answer.status}")
                data = b""
                while chunk := answer.read(min(_CHUNK_BYTES, most_bytes + 1 - len(data))):
                    data += chunk
                    _short_enough(data, most_bytes, url)
                self._tags[path] = answer.headers.get("ETag", "")
                return data
            finally:
                answer.close()
        except urllib3.exceptions.HTTPError as error:
            raise PublishError(f"can't read {url}: {one_line(error, kind=False)}") from None

    def put_new(self, path: str, data: bytes | Path) -> None:
        if self._put(path, data, {"If-None-Match": "*"}) in _TAKEN:
            raise Taken(f"{self._url}/{path} is there already")

    def replace(self, path: str, data: bytes) -> None:
        tag = self._tags.get(path)
        if self._put(path, data, {"If-Match": tag} if tag else {}) in _TAKEN:
            raise Busy(f"{self._url}/{path}: somebody else published meanwhile; run the command again")

    @contextmanager
    def locked(self) -> Iterator[None]:
        yield

    def _put(self, path: str, data: bytes | Path, conditions: dict[str, str]) -> int:
        import urllib3

        url = f"{self._url}/{path}"
        content = data if isinstance(data, bytes) else data.read_bytes()
        headers = {**self._headers, **conditions, "Content-Type": "application/octet-stream"}
        try:
            status = self._pool.request("PUT", url, body=content, headers=headers).status
        except urllib3.exceptions.HTTPError as error:
            raise PublishError(f"can't write {url}: {one_line(error, kind=False)}") from None
        if status >= 300 and status not in _TAKEN:
            raise PublishError(f"{url}: the server answers {status} to PUT; it must take files ({AUTHORIZATION}?)")
        return status


def connections(url: str) -> PoolManager:
    """For requests to ``url``: by the proxy that the environment names for it, with timeouts, tried three times."""
    import urllib3

    parts = urlsplit(url)
    options: dict[str, Any] = {
        "timeout": _TIMEOUT_S, "retries": urllib3.Retry(3, backoff_factor=0.2, redirect=3),
        "headers": {"User-Agent": "compress"},
    }  # fmt: skip
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.hostname or ""):
        return urllib3.ProxyManager(proxy, **options)
    return urllib3.PoolManager(**options)


def _authorization(url: str) -> dict[str, str]:
    value = os.environ.get(AUTHORIZATION)
    if not value:
        return {}
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise PublishError(f"{url}: {AUTHORIZATION} is only sent over https")
    return {"Authorization": value}


def _short_enough(data: bytes, most_bytes: int, where: str) -> bytes:
    if len(data) > most_bytes:
        raise PublishError(f"{where}: longer than it can be ({most_bytes} bytes)")
    return data


def _chunks(data: bytes | Path) -> Iterator[bytes]:
    if isinstance(data, bytes):
        yield data
        return
    with data.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
