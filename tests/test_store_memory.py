"""compress.store.memory: what was put there comes back, for others too, and a broken file is begun anew."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from compress.store import memory
from compress.store.memory import AT_ONCE, Memory, Table, some_at_once

TABLE = Table("some.sqlite3", "things", ("kind TEXT", "name BLOB", "value BLOB", "count INTEGER"), keys=2)


def test_rows_come_back_by_the_last_column_of_the_key(tmp_path: Path) -> None:
    kept = Memory(TABLE, tmp_path)
    kept.keep([("a", b"x", b"1", 1), ("a", b"y", b"2", 2), ("b", b"x", b"3", 3)])
    kept.keep([("a", b"y", b"4", 5)])
    for place in (kept, Memory(TABLE, tmp_path)):
        assert place.find(("a",), [b"x", b"y", b"z"]) == {b"x": (b"1", 1), b"y": (b"4", 5)}
        assert place.find(("b",), [b"x"]) == {b"x": (b"3", 3)} and place.find(("b",), []) == {}


def test_rows_are_kept_all_or_none(tmp_path: Path) -> None:
    kept = Memory(TABLE, tmp_path)
    kept.keep([("a", b"x", b"1", 1), ("a", b"y", object(), 2)])
    assert kept.find(("a",), [b"x", b"y"]) == {}
    kept.keep([("a", b"x", b"1", 1)])
    assert kept.find(("a",), [b"x", b"y"]) == {b"x": (b"1", 1)}


def test_a_page_that_is_damaged_while_it_is_open_begins_it_anew(tmp_path: Path) -> None:
    Memory(TABLE, tmp_path).keep([("a", str(name).encode(), bytes(1000), 1) for name in range(200)])
    file = tmp_path / TABLE.file
    content = file.read_bytes()
    kept = Memory(TABLE, tmp_path)
    file.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    assert kept.find(("a",), [b"150"]) == {}
    kept.keep([("a", b"150", b"new", 1)])
    assert Memory(TABLE, tmp_path).find(("a",), [b"150", b"151"]) == {b"150": (b"new", 1)}


def test_a_file_of_another_make_is_replaced(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / TABLE.file) as other:
        other.execute("CREATE TABLE things (kind TEXT)")
    other.close()
    Memory(TABLE, tmp_path).keep([("a", b"x", b"1", 1)])
    assert Memory(TABLE, tmp_path).find(("a",), [b"x"]) == {b"x": (b"1", 1)}


@pytest.mark.parametrize("folder", [None, Path("/proc/nowhere")])
def test_without_a_place_nothing_is_kept(folder: Path | None) -> None:
    kept = Memory(TABLE, folder)
    kept.keep([("a", b"x", b"1", 1)])
    assert kept.find(("a",), [b"x"]) == {}


def test_one_memory_for_each_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for name in ("one", "two", "one"):
        monkeypatch.setenv("COMPRESS_CACHE", str(tmp_path / name))
        found.append(memory.memory_of(TABLE))
    assert found[0] is found[2] is not found[1]


def test_some_at_once_are_all_in_order() -> None:
    parts = list(some_at_once(iter(range(2 * AT_ONCE + 3))))
    assert [len(part) for part in parts] == [AT_ONCE, AT_ONCE, 3]
    assert [item for part in parts for item in part] == list(range(2 * AT_ONCE + 3))
    assert list(some_at_once(())) == []
