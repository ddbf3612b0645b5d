"""A lock whose owner dies on this machine, and what lets go of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from compress import flow
from compress.store.store import Store

_OWNER = """
import os, sys, time
from pathlib import Path
from compress.store.store import Store

with Store(Path(sys.argv[1])).lock("key"):
    child = os.fork() if sys.argv[2] == "forks" else None
    if not child:  # the forked one itself, so that it has let go of what it inherited
        print(0 if child is None else os.getpid(), flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("way", ["alone", "forks"])
def test_a_lock_does_not_survive_its_owner(way: str, tmp_path: Path) -> None:
    """Also where a child that the owner forked (a data loader) lives on: it has no share in the lock."""
    root = Path(flow.__file__).parent.parent
    store = Store(tmp_path / "store")
    command = [sys.executable, "-c", _OWNER, str(store.root), way]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)
    assert owner.stdout is not None
    child = int(owner.stdout.readline())
    try:
        with store.lock_if_free("key") as held:
            assert not held
        owner.kill()
        assert owner.wait() == -signal.SIGKILL
        assert child == 0 or os.kill(child, 0) is None  # it lives
        with store.lock_if_free("key") as held:
            assert held
    finally:
        owner.stdout.close()
        if child:
            os.kill(child, signal.SIGKILL)
    assert (store.root / ".locks" / "key.lock").is_file()
