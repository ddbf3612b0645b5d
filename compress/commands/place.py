"""Where ``compress bench`` and ``compress gate`` measure: ``--target``, ``--on``, ``--python``, ``--threads``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compress.errors import ConfigError, UserError

if TYPE_CHECKING:
    from compress.runtimes.site import Site
    from compress.schema import DeviceSpec

_ADB = "adb:"
_THREADS = 2


@dataclass(frozen=True)
class Place:
    """What was asked for; None: the target's own, else the default. ``on``: a host as ssh knows it, or adb:SERIAL."""

    target: str | None = None
    on: str | None = None
    python: str | None = None
    threads: int | None = None


def find_site(place: Place) -> Site:
    """The device of the target, or the one that is named. Raises ConfigError for a target that is none."""
    from compress.runtimes.base import RunOptions
    from compress.runtimes.on_board import Board
    from compress.runtimes.site import Site

    if place.on == _ADB:
        raise UserError("--on: no serial number after adb:; adb devices -l lists those there are")
    kind, host = _way(place.on)
    if place.target is not None:
        given = {"host": host, "kind": kind, "python": place.python, "threads": place.threads}
        return _device(place.target, {key: value for key, value in given.items() if value is not None}).site()
    options = RunOptions(threads=place.threads or _THREADS)
    if host is None:
        return Site(options=options)
    board = Board(host, place.python or "python3", "adb" if kind == "adb" else "ssh")
    return Site(board, options=options)


def _way(on: str | None) -> tuple[str | None, str | None]:
    """Kind and host."""
    if on is None:
        return None, None
    return ("adb", on[len(_ADB) :]) if on.startswith(_ADB) else ("ssh", on)


def _device(name: str, given: dict[str, Any]) -> DeviceSpec:
    from compress.config.load import load_target
    from compress.config.names import listing, unknown_name

    known = listing("targets")
    if name not in known:
        raise ConfigError((unknown_name("targets", name, known),))
    return load_target(known[name]).device.model_copy(update=given)
