"""Whether a device answers, asked with the ordinary client of its kind; nothing is copied or changed."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

from compress.devices import adb
from compress.devices.board import ANSWER_S, BoardKind, checked_name
from compress.devices.ssh import ssh_command
from compress.errors import DeviceError


@dataclass(frozen=True)
class Reach:
    """``problem`` is None when the device answered; ``mend`` is the one command to try then."""

    problem: str | None = None
    mend: str = ""


def reach(kind: BoardKind, host: str) -> Reach:
    """Whether the board can be used right now."""
    try:
        return (reach_ssh if kind == "ssh" else reach_adb)(host)
    except DeviceError as error:
        return Reach(str(error))


def reach_ssh(host: str) -> Reach:
    """Whether ``ssh HOST`` gets in without asking for anything. Raises DeviceError for what can't be a host."""
    command = [*ssh_command(host), "true"]
    if shutil.which("ssh") is None:
        return Reach("no ssh client on this machine", "apt install openssh-client")
    problem = _problem(command)
    if problem is None:
        return Reach()
    return Reach(problem, f"ssh-copy-id {host}" if "Permission denied" in problem else f"ssh -v {host}")


def reach_adb(serial: str) -> Reach:
    """Whether ``adb`` sees the board ``serial`` and may talk to it. Raises DeviceError for what can't be a serial."""
    checked_name(serial)
    if shutil.which("adb") is None:
        return Reach(adb.NO_ADB, adb.INSTALL)
    found = adb.reach(serial)
    return Reach() if found is None else Reach(found.problem, found.command)


def _problem(command: list[str]) -> str | None:
    """The last line of what a failed command said, or None where it worked."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=3 * ANSWER_S
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {3 * ANSWER_S} s"
    if done.returncode == 0:
        return None
    said = done.stderr.strip().splitlines()
    return said[-1] if said else f"{command[0]} ended with exit code {done.returncode}"
