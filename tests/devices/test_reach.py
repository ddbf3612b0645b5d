"""Asking for devices with the real ssh client; none answers at a name that can't exist."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from compress.devices.reach import reach, reach_adb, reach_ssh

needs_ssh = pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh client here")


@needs_ssh
def test_a_host_that_is_not_there() -> None:
    found = reach_ssh("board.invalid")
    assert found.problem is not None and "board.invalid" in found.problem
    assert found.mend == "ssh -v board.invalid"


@needs_ssh
def test_a_host_is_never_an_option(tmp_path: Path) -> None:
    assert "can't be the name of a board" in str(reach("ssh", f"-oProxyCommand=touch {tmp_path}/made").problem)
    assert list(tmp_path.iterdir()) == []


def test_no_client_is_a_problem_with_its_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert reach_ssh("board").mend == "apt install openssh-client"
    assert reach_adb("board").mend == "apt install adb"
