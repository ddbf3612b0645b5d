"""Serves ssh on loopback in a process of its own: ``python loopback_server.py FOLDER ENTER``; prints its port.

``FOLDER`` holds ``host_key`` and ``authorized_keys``; each command runs as ``sh ENTER`` with ``$SSH_ORIGINAL_COMMAND``,
as OpenSSH's ForceCommand does it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import asyncssh

_AT_ONCE = 65536


async def _serve(folder: Path, enter: str) -> None:
    async def handle(process: asyncssh.SSHServerProcess[bytes]) -> None:
        child = await asyncio.create_subprocess_exec(
            "/bin/sh", enter, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, env={**os.environ, "SSH_ORIGINAL_COMMAND": process.command or ""},
        )  # fmt: skip
        assert child.stdin is not None and child.stdout is not None and child.stderr is not None
        feeding = asyncio.create_task(_feed(process, child.stdin))
        await asyncio.gather(_pump(child.stdout, process.stdout), _pump(child.stderr, process.stderr))
        process.exit(await child.wait())
        feeding.cancel()

    server = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[str(folder / "host_key")], encoding=None, process_factory=handle,
        authorized_client_keys=str(folder / "authorized_keys"),
    )  # fmt: skip
    print(server.get_port(), flush=True)
    await server.wait_closed()


async def _feed(process: asyncssh.SSHServerProcess[bytes], into: asyncio.StreamWriter) -> None:
    while data := await process.stdin.read(_AT_ONCE):
        into.write(data)
        await into.drain()
    into.close()


async def _pump(source: asyncio.StreamReader, into: asyncssh.SSHWriter[bytes]) -> None:
    while data := await source.read(_AT_ONCE):
        into.write(data)
        await into.drain()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), sys.argv[2]))
