"""The ways to a board, by the name that targets give them."""

from __future__ import annotations

from compress.devices.adb import AdbBoard
from compress.devices.board import Board, BoardKind
from compress.devices.ssh import SshBoard

_KINDS: dict[BoardKind, type[Board]] = {"ssh": SshBoard, "adb": AdbBoard}


def open_board(kind: BoardKind, host: str) -> Board:
    """The board ``host``; nothing is asked of it yet. Raises DeviceError for what can't be the name of one."""
    return _KINDS[kind](host)
