"""Inside a network namespace of its own: shape the loopback, send pictures over it, time them. Standard library only.

Started as ``unshare --net python -I shaped_worker.py CAMERAS BYTES MBIT RTT_MS ROUNDS``; prints one JSON object. Each
camera keeps a connection, as cameras do; a round is over when the last one has its answer of one byte.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time

MTU = 1500
BURST_BYTES = 16_384
ANSWER = b"\x01"


def shape(mbit: float, rtt_ms: float) -> str | None:
    """Bring the loopback up and make it as slow as the line: by ``netem``, else ``tbf``; None without both."""
    _ip("link", "set", "lo", "mtu", str(MTU), "up")
    rate = f"{mbit}mbit"
    if _tc("netem", "delay", f"{rtt_ms / 2}ms", "rate", rate, "limit", "100000"):
        return "netem"
    if _tc("tbf", "rate", rate, "burst", str(BURST_BYTES), "latency", "60s"):
        return "tbf"
    return None


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _tc(*words: str) -> bool:
    made = subprocess.run(["tc", "qdisc", "add", "dev", "lo", "root", *words], capture_output=True, check=False)
    return made.returncode == 0


def answer(connection: socket.socket, size: int, delay_s: float) -> None:
    """Read pictures of ``size`` bytes and answer each, ``delay_s`` later, until the camera hangs up."""
    with connection:
        while _read(connection, size):
            time.sleep(delay_s)
            connection.sendall(ANSWER)


def _read(connection: socket.socket, size: int) -> bool:
    left = size
    while left:
        got = len(connection.recv(min(left, 1 << 16)))
        if not got:
            return False
        left -= got
    return True


def round_ms(cameras: list[socket.socket], picture: bytes) -> float:
    """From when all cameras begin to send until the last one has its answer."""

    def send(camera: socket.socket) -> None:
        camera.sendall(picture)
        _read(camera, len(ANSWER))

    threads = [threading.Thread(target=send, args=(camera,)) for camera in cameras]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 1000.0 * (time.perf_counter() - began)


def main(words: list[str]) -> int:
    """Print what was found, ``shaped_by`` None where the machine can't."""
    count, size, mbit, rtt_ms, rounds = int(words[0]), int(words[1]), float(words[2]), float(words[3]), int(words[4])
    shaped_by = shape(mbit, rtt_ms)
    samples: list[float] = []
    if shaped_by is not None:
        waited_s = rtt_ms / 1000.0 if shaped_by == "tbf" else 0.0
        with socket.create_server(("127.0.0.1", 0), backlog=count) as server:
            cameras = []
            for _ in range(count):
                cameras.append(socket.create_connection(server.getsockname()))
                cameras[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection, _ = server.accept()
                threading.Thread(target=answer, args=(connection, size, waited_s), daemon=True).start()
            picture = bytes(size)
            round_ms(cameras, picture)  # the windows of the connections open
            samples = [round_ms(cameras, picture) for _ in range(rounds)]
            for camera in cameras:
                camera.close()
    print(json.dumps({"shaped_by": shaped_by, "samples_ms": samples}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
