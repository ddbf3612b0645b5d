"""Start a foreign program that can neither outlive this process nor leave anything running behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_GUARD = Path(__file__).with_name("guard.py")
_GRACE_S = 5.0


class Guarded:
    """A running command in a session of its own, seen through its guard. Leaving the context kills it all.

    ``litter``: a folder of the caller's that the guard removes should the caller be killed.
    """

    def __init__(
        self, command: list[str], cwd: Path, stdin: int | IO[bytes], stdout: int | IO[bytes], stderr: int | IO[bytes],
        environment: dict[str, str] | None = None, litter: Path | None = None,
    ) -> None:  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid()), str(litter or ""), *command],
            cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True, bufsize=0,
            env=None if environment is None else {**os.environ, **environment},
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait(self, timeout_s: float | None) -> int | None:
        """Exit code, negative for a signal; None when it still runs after ``timeout_s``."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """Kill the command and all of its descendants; nothing to do where it has ended."""
        if self.process.poll() is None:
            self.process.terminate()
            if self.wait(_GRACE_S) is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        if self.process.returncode == -signal.SIGKILL:  # perhaps the guard itself was killed and could not sweep
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


def ended_how(code: int) -> str:
    """``ended with exit code 3`` or ``was killed by SIGSEGV``."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
