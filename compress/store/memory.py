"""What was worked out before, in small SQLite files under ``$COMPRESS_CACHE`` (default ``~/.cache/compress``).

Only ever a short cut: without a writable place for it, or with a broken file there, everything still works.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

AT_ONCE = 500
"""Things asked for or kept in one go: few calls for a large set, and little of it in memory."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Table:
    """A file with one table. ``columns``: as SQL declares them; the first ``keys`` of them are its primary key."""

    file: str
    name: str
    columns: tuple[str, ...]
    keys: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.split()[0] for column in self.columns)


class Memory:
    """One table, open. Does nothing where there is no place for it. Safe to use from several threads."""

    def __init__(self, table: Table, folder: Path | None) -> None:
        self._table, self._file = table, None if folder is None else folder / table.file
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = _open(self._file, table)
        except (sqlite3.Error, OSError):
            self._renew()

    def find(self, fixed: tuple[Any, ...], last: Sequence[Any]) -> dict[Any, tuple[Any, ...]]:
        """Other columns by the key's last one, of the rows that are there; ``fixed``: its columns before that one."""
        names = self._table.names
        marks = ",".join("?" * len(last))
        where = "".join(f"{name}=? AND " for name in names[: len(fixed)]) + f"{names[len(fixed)]} IN ({marks})"
        query = f"SELECT {','.join(names[len(fixed) :])} FROM {self._table.name} WHERE {where}"
        with self._lock:
            try:
                rows = self._connection.execute(query, (*fixed, *last)).fetchall() if self._connection else []
            except sqlite3.OperationalError:  # in use, or the disk is gone
                rows = []
            except sqlite3.DatabaseError:
                self._renew()
                rows = []
        return {row[0]: tuple(row[1:]) for row in rows}

    def keep(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add or replace rows, all columns of each, in one go."""
        marks = ",".join("?" * len(self._table.columns))
        with self._lock, suppress(sqlite3.Error):
            if self._connection is not None:
                with self._connection:
                    self._connection.execute("BEGIN")
                    self._connection.executemany(f"INSERT OR REPLACE INTO {self._table.name} VALUES ({marks})", rows)

    def _renew(self) -> None:
        """Begin a new file if this one is broken, do without if none can be written."""
        self._connection = None
        with suppress(sqlite3.Error, OSError):
            if self._file is not None and self._file.is_file():
                self._file.unlink()
                self._connection = _open(self._file, self._table)


def _open(file: Path, table: Table) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=2, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous=OFF")  # worst case of a power cut: it is worked out again
    key = ", ".join(table.names[: table.keys])
    columns = ", ".join(table.columns)
    connection.execute(f"CREATE TABLE IF NOT EXISTS {table.name} ({columns}, PRIMARY KEY ({key}))")
    connection.execute(f"SELECT {', '.join(table.names)} FROM {table.name} LIMIT 1")
    return connection


_memories: dict[tuple[int, Path | None, str], Memory] = {}


def memory_of(table: Table) -> Memory:
    """The memory of this process (a connection must not cross a fork)."""
    spot = os.getpid(), cache_folder(), table.file
    if spot not in _memories:
        _memories[spot] = Memory(table, spot[1])
    return _memories[spot]


def cache_folder() -> Path | None:
    """Where short cuts are kept on this machine; None where nobody says."""
    named = os.environ.get("COMPRESS_CACHE")
    if named:
        return Path(named).absolute()
    try:
        return Path.home() / ".cache" / "compress"
    except RuntimeError:  # no home
        return None


def some_at_once(items: Iterable[Item]) -> Iterator[tuple[Item, ...]]:
    """``items`` in order, up to ``AT_ONCE`` together."""
    left = iter(items)
    while some := tuple(islice(left, AT_ONCE)):
        yield some
