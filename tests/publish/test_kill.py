"""A publisher that dies at any moment leaves the index as it was, and does not stand in the way of the next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from repository_server import serving
from shop import Shop

from compress.publish.place import FolderPlace
from compress.publish.prepare import prepared
from compress.publish.repository import init, publish
from compress.publish.state import Lifetimes

WRITES = 5
"""An archive, the list of the channel, the channel, the snapshot, the timestamp."""


class Died(BaseException):
    """Not an error that anybody handles."""


class _Dies(FolderPlace):
    """After so many writes."""

    def __init__(self, folder: Path, writes: int) -> None:
        super().__init__(folder)
        self._left = writes

    def put_new(self, path: str, data: bytes | Path) -> None:
        self._count()
        super().put_new(path, data)

    def replace(self, path: str, data: bytes) -> None:
        self._count()
        super().replace(path, data)

    def _count(self) -> None:
        if self._left == 0:
            raise Died
        self._left -= 1


@pytest.mark.parametrize("writes", range(WRITES + 1))
def test_a_publish_that_stops_after_any_write(shop: Shop, writes: int) -> None:
    shop.publish(shop.bundle("1.0.0"))
    second = shop.bundle("1.1.0")
    with prepared((second,), "release", shop.trust) as ready:
        try:
            publish(_Dies(shop.folder, writes), shop.root, ready, "release", shop.keys, Lifetimes())
            died = False
        except Died:
            died = True
    assert died == (writes < WRITES)
    for reader in ("got", "a new reader"):
        assert shop.fetch(to=reader).published.version == ("1.0.0" if died else "1.1.0")
    shop.publish(shop.bundle("1.2.0") if not died else second)
    assert shop.fetch().published.version == ("1.1.0" if died else "1.2.0")


def test_an_init_that_stops_after_any_write(shop: Shop) -> None:
    for writes in range(6):
        with pytest.raises(Died):
            init(_Dies(shop.here / "second", writes), shop.keys, 1, Lifetimes())
    shop.folder = shop.here / "second"
    shop.root = init(shop.place, shop.keys, 1, Lifetimes())
    shop.publish(shop.bundle("1.0.0"))
    assert shop.fetch().published.version == "1.0.0"


@pytest.mark.parametrize("kill_at", ["targets/release", "metadata/3.snapshot.json", "metadata/timestamp.json"])
def test_a_process_that_is_killed_while_it_uploads(shop: Shop, kill_at: str) -> None:
    shop.publish(shop.bundle("1.0.0"))
    (shop.here / "root.json").write_bytes(shop.root)
    words = ["publish", str(shop.bundle("1.1.0")), "--channel", "release", "--root", str(shop.here / "root.json")]
    with serving(shop.folder) as server:
        process: list[subprocess.Popen[bytes]] = []

        def kill(path: str) -> None:
            if path.startswith(kill_at):
                os.kill(process[0].pid, signal.SIGKILL)
                process[0].wait()
                server.before_put = lambda path: None
                raise ConnectionError("the client is gone, so nothing of it is kept")

        server.before_put = kill
        command = [sys.executable, "-m", "compress", *words, "--to", server.url]
        command += ["--release-key", str(shop.here / "release.pem")]
        process.append(subprocess.Popen(command, stderr=subprocess.PIPE))
        process[0].communicate(timeout=120)
        assert process[0].returncode == -signal.SIGKILL
        assert shop.fetch(server.url).published.version == "1.0.0"
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert shop.fetch(server.url).published.version == "1.1.0"
