"""Run a worker script inside a toolchain's environment: a record in, a record out, nothing left behind.

Paths in a request must be absolute: a worker runs in a temporary folder, which goes with everything the
SDK drops there (also through TMPDIR). The whole log of a failed worker is kept in a file that the error names.
"""

from __future__ import annotations

import json
import os
import selectors
import tempfile
import time
from pathlib import Path
from subprocess import DEVNULL, PIPE
from types import TracebackType
from typing import Self, TypeVar

from pydantic import ValidationError

from compress.errors import BuildError
from compress.records import Record
from compress.toolchains import ToolchainName
from compress.toolchains.environment import python_of
from compress.toolchains.process import Guarded, ended_how

WORKERS = Path(__file__).with_name("workers")
_TAIL_LINES = 3
_TAIL_LETTERS = 400
_CHUNK_BYTES = 1 << 16

R = TypeVar("R", bound=Record)


def run_worker(
    name: ToolchainName, worker: str, request: Record, answer: type[R], timeout_s: float, folder: Path | None = None
) -> R:
    """Run ``<folder>/<worker>.py request.json answer.json`` to its end and read its answer; None: our own workers.

    Raises ToolchainError when the environment isn't ready; BuildError, in one line with the log's last
    lines, when the worker refuses, crashes, hangs beyond ``timeout_s`` or answers with something else.
    """
    python = python_of(name)
    with _workplace() as place:
        work = Path(place)
        asked, answered, log = work / "request.json", work / "answer.json", work / "log"
        request.write(asked)
        with log.open("wb") as sink:
            command = [str(python), "-I", str((folder or WORKERS) / f"{worker}.py"), str(asked), str(answered)]
            with Guarded(command, work, DEVNULL, sink, sink, _environment(work), work) as running:
                code = running.wait(timeout_s)
        if code is None:
            raise _failed(name, worker, f"was stopped after {timeout_s:g} s", log)
        if code != 0:
            raise _failed(name, worker, ended_how(code), log)
        if not answered.is_file():
            raise _failed(name, worker, "ended without an answer", log)
        return _parse(name, worker, answered.read_bytes(), answer, log)


class Served:
    """A worker kept alive: one JSON line in, one JSON line out, any number of times.

    ``folder`` is a temporary folder that both sides may use for larger data. A worker that fails is ended;
    each later ``ask`` then raises BuildError. One thread at a time.
    """

    def __init__(self, name: ToolchainName, worker: str) -> None:
        """Start ``workers/<worker>.py``. Raises ToolchainError when the environment isn't ready."""
        self._name, self._worker = name, worker
        python = python_of(name)
        self._place = _workplace()
        self.folder = Path(self._place.name)
        self._log = self.folder / "log"
        with self._log.open("wb") as sink:
            command = [str(python), "-I", str(WORKERS / f"{worker}.py")]
            surroundings = _environment(self.folder)
            self._running = Guarded(command, self.folder, PIPE, PIPE, sink, surroundings, self.folder)
        self._rest = b""
        self._ended: str | None = None
        for pipe in (self._running.process.stdin, self._running.process.stdout):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker, whatever it is doing, and remove its folder."""
        self._ended = self._ended or "was closed"
        self._running.stop()
        self._place.cleanup()

    def ask(self, request: Record, answer: type[R], timeout_s: float) -> R:
        """The worker's answer to ``request``. Raises BuildError as ``run_worker`` does.

        After a refusal (``{"error": ...}``) the worker goes on; after any other failure it is ended.
        """
        if self._ended is not None:
            raise BuildError(f"toolchain {self._name}: worker {self._worker} {self._ended}; open it again")
        line = json.dumps(request.model_dump(mode="json")).encode() + b"\n"
        try:
            answered = self._exchange(line, time.monotonic() + timeout_s)
        except BaseException:
            self._end("was interrupted")
            raise
        if answered is None:
            code = self._running.wait(0)
            how = f"was stopped after {timeout_s:g} s" if code is None else ended_how(code)
            self._end(how)
            raise _failed(self._name, self._worker, how, self._log)
        try:
            return _parse(self._name, self._worker, answered, answer, self._log)
        except _Garbage:
            self._end("answered with something else")
            raise

    def _exchange(self, line: bytes, deadline: float) -> bytes | None:
        """Write ``line`` and read one; None when the worker ended or the time is up (it then still runs)."""
        process = self._running.process
        assert process.stdin is not None and process.stdout is not None
        to_send = memoryview(line)
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ)
            ready.register(process.stdin, selectors.EVENT_WRITE)
            while b"\n" not in self._rest:
                events = ready.select(max(deadline - time.monotonic(), 0))
                if not events:
                    return None
                for key, _ in events:
                    if key.fileobj is process.stdout:
                        got = os.read(key.fd, _CHUNK_BYTES)
                        if not got:
                            self._running.wait(max(deadline - time.monotonic(), 0))
                            return None
                        self._rest += got
                    else:
                        to_send = to_send[_send(key.fd, to_send) :]
                        if not to_send:
                            ready.unregister(process.stdin)
        answered, _, self._rest = self._rest.partition(b"\n")
        return answered

    def _end(self, how: str) -> None:
        self._ended = how
        self._running.stop()


class _Garbage(BuildError):
    """An answer that is no answer."""


def _workplace() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="compress-worker-", ignore_cleanup_errors=True)


def _environment(folder: Path) -> dict[str, str]:
    temporary = folder / "tmp"
    temporary.mkdir()
    return {"TMPDIR": str(temporary)}


def _send(fd: int, data: memoryview) -> int:
    """How many bytes went; all of them, so to say, where nobody reads any more (its end is seen elsewhere)."""
    try:
        return os.write(fd, data[:_CHUNK_BYTES])
    except BrokenPipeError:
        return len(data)


def _parse(name: ToolchainName, worker: str, text: bytes, answer: type[R], log: Path) -> R:
    try:
        return answer.model_validate_json(text)
    except ValidationError as error:
        refusal = _refusal(text)
        if refusal is not None:
            raise BuildError(f"toolchain {name}: {refusal}") from None
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "it"
        what = f"answered with something else than {answer.__name__} ({where}: {problem['msg']})"
        raise _Garbage(str(_failed(name, worker, what, log))) from None


def _refusal(text: bytes) -> str | None:
    """What a worker says that it can't do: the text of ``{"error": text}``."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    if isinstance(told, dict) and set(told) == {"error"} and isinstance(told["error"], str):
        return " ".join(told["error"].split()) or "refused without a reason"
    return None


def _failed(name: ToolchainName, worker: str, how: str, log: Path) -> BuildError:
    """The error for a worker that failed, with the end of its log; the whole log goes into a file that stays."""
    text = log.read_text(encoding="utf-8", errors="replace")
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    if not lines:
        return BuildError(f"toolchain {name}: worker {worker} {how} and said nothing")
    with tempfile.NamedTemporaryFile(
        "w", prefix=f"compress-{name}-{worker}-", suffix=".log", delete=False, encoding="utf-8"
    ) as kept:
        kept.write(text)
    tail = " | ".join(lines[-_TAIL_LINES:])[-_TAIL_LETTERS:]
    return BuildError(f"toolchain {name}: worker {worker} {how}: {tail} (whole log: {kept.name})")
