"""compress.store.digests: what equal and different things hash to, and that the memory never lies."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compress.store import digests, memory

_plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_values = st.recursive(
    _plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("COMPRESS_CACHE", str(folder))
    return folder


def _settled(path: Path, contents: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that counts as left alone for long (the clock is what moves: ctime can't be set)."""
    path.write_bytes(contents)
    now = time.time_ns()
    monkeypatch.setattr(digests.time, "time_ns", lambda: now + 10 * digests.SETTLED_NS)
    return path


def _reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    seen: list[Path] = []
    real = digests.hash_file
    monkeypatch.setattr(digests, "hash_file", lambda path: seen.append(path) or real(path))
    return seen


def test_file_digest_is_sha256(cache: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 300_000)
    assert digests.file_digest(path) == hashlib.sha256(b"x" * 300_000).hexdigest()


def test_a_settled_file_is_read_once(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _settled(tmp_path / "a.bin", b"one", monkeypatch)
    seen = _reads(monkeypatch)
    assert digests.file_digest(path) == digests.file_digest(path)
    assert len(seen) == 1
    memory._memories.clear()  # as a new process would
    digests.file_digest(path)
    assert len(seen) == 1


def test_a_fresh_file_is_not_trusted(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"one")
    seen = _reads(monkeypatch)
    digests.file_digest(path)
    digests.file_digest(path)
    assert len(seen) == 2


def test_a_change_with_equal_size_and_mtime_is_seen(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _settled(tmp_path / "a.bin", b"one", monkeypatch)
    before = path.stat()
    first = digests.file_digest(path)
    time.sleep(0.02)  # one tick of the file system's clock
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digests.file_digest(path) == hashlib.sha256(b"two").hexdigest() != first


def test_a_replaced_file_is_seen(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _settled(tmp_path / "a.bin", b"one", monkeypatch)
    digests.file_digest(path)
    other = tmp_path / "b.bin"
    other.write_bytes(b"two")
    shutil.copystat(path, other)
    os.replace(other, path)
    assert digests.file_digest(path) == hashlib.sha256(b"two").hexdigest()


def test_a_broken_memory_is_begun_anew(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir()
    (cache / "digests.sqlite3").write_bytes(b"not a database, but long enough to look like a file" * 50)
    path = _settled(tmp_path / "a.bin", b"one", monkeypatch)
    seen = _reads(monkeypatch)
    for _ in range(2):
        assert digests.file_digest(path) == hashlib.sha256(b"one").hexdigest()
    assert len(seen) == 1


@pytest.mark.parametrize("place", ["file/below", "", None])
def test_without_a_place_for_the_memory(place: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    if place is None:
        monkeypatch.delenv("COMPRESS_CACHE", raising=False)
        monkeypatch.setenv("HOME", "/proc/nowhere")
    else:
        monkeypatch.setenv("COMPRESS_CACHE", str(tmp_path / place) if place else "/proc/nowhere")
    path = _settled(tmp_path / "a.bin", b"one", monkeypatch)
    for _ in range(2):
        assert digests.file_digest(path) == hashlib.sha256(b"one").hexdigest()


def test_a_locked_memory_is_done_without(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _settled(tmp_path / "a.bin", b"one", monkeypatch)
    digests.file_digest(path)
    memory.memory_of(digests.FILES)._connection.execute("PRAGMA busy_timeout=10")  # type: ignore[union-attr]
    other = sqlite3.connect(cache / "digests.sqlite3")
    other.execute("BEGIN EXCLUSIVE")
    try:
        assert digests.file_digest(path) == hashlib.sha256(b"one").hexdigest()
    finally:
        other.close()


def test_a_missing_file_is_an_os_error(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        digests.file_digest(tmp_path / "none")


def test_digest_of_is_this_and_stays_this() -> None:
    value = {"b": [1, 2.5, None, True], "a": {"ä": "\u20ac"}}
    written = b'{"a":{"\\u00e4":"\\u20ac"},"b":[1,2.5,null,true]}'
    assert digests.digest_of(value) == hashlib.sha256(written).hexdigest()


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(), _values, max_size=6))
def test_digest_of_ignores_order_and_container_kind(value: dict[str, object]) -> None:
    turned = dict(reversed(list(value.items())))
    assert digests.digest_of(value) == digests.digest_of(turned)
    assert digests.digest_of(list(value.values())) == digests.digest_of(tuple(value.values()))


@settings(max_examples=50, deadline=None)
@given(_values)
def test_digest_of_is_that_of_the_canonical_text(value: object) -> None:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    assert digests.digest_of(value) == hashlib.sha256(text.encode()).hexdigest()


@settings(max_examples=50, deadline=None)
@given(_values, _values)
def test_digest_of_differs_where_json_differs(one: object, two: object) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)
    assert (digests.digest_of(one) == digests.digest_of(two)) == same


@pytest.mark.parametrize("value", [{1: 2}, [{"a": {None: 1}}], {"a": object()}, {"a": b"bytes"}])
def test_digest_of_refuses_what_json_would_bend(value: object) -> None:
    with pytest.raises(TypeError):
        digests.digest_of(value)


@pytest.mark.parametrize("value", [float("nan"), [float("inf")]])
def test_digest_of_refuses_what_is_no_number(value: object) -> None:
    with pytest.raises(ValueError):
        digests.digest_of(value)


def test_tree_digest_depends_on_names_and_contents() -> None:
    trees = [{"a": "1", "b": "2"}, {"a": "2", "b": "1"}, {"a": "1"}, {"a/b": "2", "a": "1"}, {}]
    assert len({digests.tree_digest(tree) for tree in trees}) == len(trees)
    assert digests.tree_digest({"b": "2", "a": "1"}) == digests.tree_digest(trees[0])
