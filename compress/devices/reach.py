"""Whether a device answers, asked with the ordinary client of its kind; nothing is copied or changed."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

from compress.devices.ssh import ANSWER_S, ssh_command


@dataclass(frozen=True)
class Reach:
    """``problem`` is None when the device answered; ``mend`` is the one command to try then."""

    problem: str | None = None
    mend: str = ""


def reach_ssh(host: str) -> Reach:
    """Whether ``ssh HOST`` gets in without asking for anything."""
    if shutil.which("ssh") is None:
        return Reach("no ssh client on this machine", "apt install openssh-client")
    problem = _problem([*ssh_command(host), "true"])
    if problem is None:
        return Reach()
    return Reach(problem, f"ssh-copy-id {host}" if "Permission denied" in problem else f"ssh -v {host}")


def reach_adb(serial: str) -> Reach:
    """Whether ``adb`` sees the board ``serial`` and may talk to it."""
    if shutil.which("adb") is None:
        return Reach("no adb on this machine", "apt install adb")
    problem = _problem(["adb", "-s", serial, "get-state"])
    return Reach() if problem is None else Reach(problem, f"adb connect {serial}")


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
