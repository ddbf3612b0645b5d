"""Secrets that the environment brings (as in CI): taken out of it before anything else runs.

A variable that stays in the environment reaches every child process, and whatever they log. So the
command moves these into memory as its first act. They leave this module only for the code that signs.
(The kernel still shows a process's first environment to its own user, in ``/proc/PID/environ``.)
"""

from __future__ import annotations

import os
import re

SIGNING_KEY = re.compile(r"COMPRESS_SIGNING_KEY(_[A-Z0-9_]+)?\Z")
PIN = "COMPRESS_PKCS11_PIN"

_taken: dict[str, str] = {}


def take_out() -> None:
    """Move every secret from the environment into this module's memory."""
    for name in [name for name in os.environ if name == PIN or SIGNING_KEY.match(name)]:
        _taken[name] = os.environ.pop(name)


def secret(name: str) -> str | None:
    """The value that the environment had for ``name``, None where it had none."""
    take_out()
    return _taken.get(name)
