"""A shard is read through once, and again when it changed; what is no whole tar file is refused."""

from __future__ import annotations

import gzip
import hashlib
import time
from pathlib import Path

import pytest
from shard_files import write_shard

from compress.data import shard_index
from compress.data.shard_index import SHARDS, members_of
from compress.errors import DataError
from compress.store import digests, memory


@pytest.fixture
def shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three files of 100, 600 and 5 bytes, written long ago (the clock is what moves: ctime can't be set)."""
    monkeypatch.setenv("COMPRESS_CACHE", str(tmp_path / "cache"))
    files = []
    for name, size in (("a.low.png", 100), ("a.high.png", 600), ("b.low.png", 5)):
        (tmp_path / name).write_bytes(name.encode() * size)
        files.append((name, tmp_path / name))
    write_shard(tmp_path / "one.tar", files)
    now = time.time_ns()
    monkeypatch.setattr(digests.time, "time_ns", lambda: now + 10 * digests.SETTLED_NS)
    return tmp_path / "one.tar"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    seen: list[Path] = []
    real = shard_index._read
    monkeypatch.setattr(shard_index, "_read", lambda path: seen.append(path) or real(path))
    return seen


def test_members_are_what_was_written(shard: Path) -> None:
    found = members_of(shard)
    assert [(each.name, each.size) for each in found] == [("a.low.png", 900), ("a.high.png", 6000), ("b.low.png", 45)]
    for each in found:
        content = (shard.parent / each.name).read_bytes()
        assert each.open().read() == content and each.digest == hashlib.sha256(content).hexdigest()
        assert each.read(7) == content[:7] and str(each) == f"{shard}: {each.name}"


def test_a_shard_is_read_once_also_by_the_next_process(shard: Path, reads: list[Path]) -> None:
    first = members_of(shard)
    memory._memories.clear()  # as a new process would
    assert members_of(shard) == first and len(reads) == 1
    write_shard(shard, [("c.low.png", shard.parent / "b.low.png")])
    assert [each.name for each in members_of(shard)] == ["c.low.png"] and len(reads) == 2


@pytest.mark.parametrize("spoilt", [b"", b"no zlib", shard_index._packed([])[:-3]])
def test_what_was_remembered_badly_is_read_again(shard: Path, reads: list[Path], spoilt: bytes) -> None:
    first = members_of(shard)
    row = memory.memory_of(SHARDS).find((), [str(shard).encode()])[str(shard).encode()]
    memory.memory_of(SHARDS).keep([(str(shard).encode(), *row[:-1], spoilt)])
    assert members_of(shard) == first == members_of(shard) and len(reads) == 2


def test_every_cut_is_seen(shard: Path) -> None:
    """Within a header or a file, between two files (which the library takes for the end), and within the end."""
    whole, found = shard.read_bytes(), members_of(shard)
    end, between = found[-1].offset + 512, found[0].offset + 1024
    for length in (0, 100, 512, found[0].offset, between - 512, between, between + 100, end - 500, end, end + 511):
        shard.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"one\.tar: (cut off or damaged at byte|no tar file, or damaged)"):
            members_of(shard)
    shard.write_bytes(whole[: end + 512])
    assert len(members_of(shard)) == 3


@pytest.mark.parametrize("blocks", [-1, -3])
def test_a_damaged_header_is_no_end(shard: Path, blocks: int) -> None:
    """The second file's own header, and that of its extended one, behind which the library stops without a word."""
    spoilt, header = bytearray(shard.read_bytes()), members_of(shard)[1].offset + blocks * 512
    assert (b"a.high.png" if blocks == -1 else b"PaxHeader") in spoilt[header : header + 512]
    spoilt[header] ^= 0xFF
    shard.write_bytes(spoilt)
    with pytest.raises(DataError, match=f"damaged at byte {header}" if blocks == -3 else "damaged"):
        members_of(shard)


def test_no_tar_file(shard: Path, tmp_path: Path) -> None:
    (tmp_path / "packed.tar").write_bytes(gzip.compress(shard.read_bytes()))
    (tmp_path / "text.tar").write_text("by hand " * 200)
    for name in ("packed.tar", "text.tar"):
        with pytest.raises(DataError, match=f"{name}: no tar file.*unpacked"):
            members_of(tmp_path / name)
    with pytest.raises(DataError, match=r"none\.tar: can't be read"):
        members_of(tmp_path / "none.tar")


def test_links_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b.low.png").symlink_to("a.low.png")
    write_shard(tmp_path / "one.tar", [("b.low.png", tmp_path / "b.low.png")])
    with pytest.raises(DataError, match=r"one\.tar: b\.low\.png is a link"):
        members_of(tmp_path / "one.tar")
