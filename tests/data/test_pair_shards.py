"""Pairs in shards: the same set as in folders, and everything that may be wrong with them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from shard_files import as_shards, members, write_shard

from compress.data.batches import BatchPlan
from compress.data.paired import list_pairs
from compress.data.source import SPLITS, data_digest, data_identity, open_data
from compress.data.split import split_digest
from compress.errors import DataError
from compress.schema import Augment, DataSpec, Phase
from compress.tasks.denoise import Denoise

WritePairs = Callable[..., DataSpec]


@pytest.fixture
def both(write_pairs: WritePairs, tmp_path: Path) -> tuple[DataSpec, DataSpec]:
    """Ten pairs to train on, of five scenes, and two to test on: in folders, and in shards."""
    spec = write_pairs(train=10, share=2, val_fraction=0.3, exclude=("p3",))
    return spec, spec.model_copy(update={"root": str(as_shards(tmp_path, tmp_path / "shards"))})


def put(shard: Path, name: str, content: bytes, kind: bytes = tarfile.REGTYPE) -> None:
    """One more member at the end of a shard."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.type, entry.linkname = len(content), kind, "p0.low.png" if kind == tarfile.SYMTYPE else ""
    with tarfile.open(shard, "a") as tar:
        tar.addfile(entry, io.BytesIO(content))


def png(seed: int, width: int = 48) -> bytes:
    written = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (32, width, 3), dtype=np.uint8)).save(written, "PNG")
    return written.getvalue()


def test_the_same_pictures_make_the_same_set(both: tuple[DataSpec, DataSpec]) -> None:
    folder, shards = both
    assert data_digest(folder) == data_digest(shards) and data_identity(folder) == data_identity(shards)
    assert split_digest(folder) == split_digest(shards)
    for split in SPLITS:
        one, other = open_data(folder, split), open_data(shards, split)
        assert len(one) and (one.names, one.scenes) == (other.names, other.scenes)
        for index in range(len(one)):
            for a, b in zip(one.pair(index), other.pair(index), strict=True):
                assert np.array_equal(a, b) and b.dtype == np.uint8 and b.flags.c_contiguous


def test_the_same_pictures_make_the_same_batches(both: tuple[DataSpec, DataSpec]) -> None:
    phases = (Phase(epochs=3, batch=3, crop=16),)
    one, other = (BatchPlan(open_data(spec, "train"), phases, Augment(exposure=0.3), seed=5) for spec in both)
    assert one.steps == other.steps > 3
    for step in range(one.steps):
        a, b = one.batch(step), other.batch(step)
        assert torch.equal(a.dark, b.dark) and torch.equal(a.bright, b.bright)


def test_how_many_shards_there_are_changes_nothing(both: tuple[DataSpec, DataSpec], tmp_path: Path) -> None:
    folder, _ = both
    found = [
        data_digest(folder.model_copy(update={"root": str(as_shards(tmp_path, tmp_path / f"of-{count}", count))}))
        for count in (1, 100)
    ]
    assert set(found) == {data_digest(folder)}


def test_a_part_in_shards_and_one_in_folders(both: tuple[DataSpec, DataSpec], tmp_path: Path) -> None:
    folder, shards = both
    (tmp_path / "shards/test/shard-000000.tar").unlink()
    for side in ("low", "high"):
        (tmp_path / "test" / side).rename(tmp_path / "shards/test" / side)
    assert open_data(shards, "test").names == ("p0", "p1") and len(open_data(shards, "train")) > 0


def test_a_shard_of_webdataset_s_own_writer(both: tuple[DataSpec, DataSpec], tmp_path: Path) -> None:
    from webdataset.writer import ShardWriter

    for part in ("train", "test"):
        (tmp_path / "theirs" / part).mkdir(parents=True)
        with ShardWriter(str(tmp_path / "theirs" / part / "%06d.tar"), maxcount=3, verbose=False) as writer:
            files = members(tmp_path / part)
            for (low, dark), (high, bright) in zip(files[::2], files[1::2], strict=True):
                writer.write({
                    "__key__": dark.stem, low.partition(".")[2]: dark.read_bytes(),
                    high.partition(".")[2]: bright.read_bytes(),
                })  # fmt: skip
    assert data_digest(both[0].model_copy(update={"root": str(tmp_path / "theirs")})) == data_digest(both[0])


def test_names_of_the_task_and_of_folders_before_them(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.tar", [])
    put(tmp_path / "a.tar", ".", b"", tarfile.DIRTYPE)
    for name, seed in (("./b.clean.png", 1), ("./b.noisy.PNG", 2), ("./._b.noisy.PNG", 3)):
        put(tmp_path / "a.tar", name, png(seed))
    pairs = list_pairs(tmp_path, (), Denoise())
    assert pairs.names == ("b",) and pairs.labels(0) == ("noisy/b.PNG", "clean/b.png")
    assert (pairs[0].low.open().read(), pairs[0].high.open().read()) == (png(2), png(1))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("q.low.png", ("train", "1 in low/", "lack a partner", "q")),
        ("q.low.bmp", ("shard-000002.tar: q.low.bmp", "KEY.low", ".webp")),
        ("q.json", ("q.json", "KEY.low or KEY.high")),
        ("a.b.low.png", ("a.b.low.png", "KEY without a dot")),
        ("more/q.low.png", ("more/q.low.png", "in no folder")),
        ("p9.low.png", ("p9.low.png", "twice", "once")),
        ("p0.low.png", ("p0.low.png", "p0 is also in shard-000000.tar")),
    ],
)
def test_members_that_are_none_of_a_pair_s(
    both: tuple[DataSpec, DataSpec], tmp_path: Path, name: str, said: tuple[str, ...]
) -> None:
    put(tmp_path / "shards/train/shard-000002.tar", name, png(7))
    for act in (lambda: open_data(both[1], "train"), lambda: data_digest(both[1])):
        refused(act, *said)


def refused(act: Callable[[], object], *said: str) -> None:
    with pytest.raises(DataError) as caught:
        act()
    assert "\n" not in str(caught.value)
    for part in said:
        assert part in str(caught.value)


def test_a_pair_lies_in_one_shard(both: tuple[DataSpec, DataSpec], tmp_path: Path) -> None:
    put(tmp_path / "shards/train/shard-000001.tar", "q.low.png", png(7))
    put(tmp_path / "shards/train/shard-000002.tar", "q.high.png", png(8))
    refused(lambda: open_data(both[1], "train"), "q.high.png", "its partner lies in shard-000001.tar")


def test_sizes_kinds_and_damage_name_shard_and_member(both: tuple[DataSpec, DataSpec], tmp_path: Path) -> None:
    shard = tmp_path / "shards/test/shard-000000.tar"
    before = shard.read_bytes()
    cases = ((png(7, 40), "is 48x32, but"), (b"", "is empty (0 bytes)"), (b"<html>", "not a PNG, JPEG or WebP"))
    for content, said in cases:
        shard.write_bytes(before)
        put(shard, "q.low.png", png(6))
        put(shard, "q.high.png", content)
        refused(lambda: open_data(both[1], "test"), f"{shard}: q.high.png", said)
    shard.write_bytes(before)
    put(shard, "q.low.png", png(6)[:-40])
    put(shard, "q.high.png", png(7))
    source = open_data(both[1], "test")
    source.pair(0)
    refused(lambda: source.pair(2), f"{shard}: q.low.png", "damaged or cut off")


def test_a_shard_that_shrinks_while_it_is_in_use(both: tuple[DataSpec, DataSpec], tmp_path: Path) -> None:
    source = open_data(both[1], "test")
    (tmp_path / "shards/test/shard-000000.tar").write_bytes(b"")
    refused(lambda: source.pair(0), "p0.low.png", "changed while it was in use")


def test_shards_beside_folders_and_compressed_ones(both: tuple[DataSpec, DataSpec], tmp_path: Path) -> None:
    (tmp_path / "shards/train/low").mkdir()
    refused(lambda: open_data(both[1], "train"), "shards (.tar) and folders (low)")
    (tmp_path / "shards/train/low").rmdir()
    (tmp_path / "shards/train/more.tar.gz").write_bytes(b"")
    refused(lambda: open_data(both[1], "train"), "more.tar.gz compressed; unpack")


def test_a_twin_of_a_test_picture_is_refused(both: tuple[DataSpec, DataSpec], tmp_path: Path) -> None:
    written = io.BytesIO()
    with Image.open(tmp_path / "test/low/p1.png") as tested:
        tested.save(written, "WEBP", lossless=True)
    put(tmp_path / "shards/train/shard-000002.tar", "q.low.webp", written.getvalue())
    put(tmp_path / "shards/train/shard-000002.tar", "q.high.png", png(8))
    refused(lambda: open_data(both[1], "train"), "1 pair(s) (q)", "data.exclude")


def test_empty_shards(both: tuple[DataSpec, DataSpec], tmp_path: Path) -> None:
    write_shard(tmp_path / "shards/test/shard-000000.tar", [])
    refused(lambda: open_data(both[1], "test"), "its shards hold no picture")
