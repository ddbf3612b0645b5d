"""What is known of pictures: the same as when they are read, and read once for each content."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import Image
from shard_files import write_shard

from compress.data import known
from compress.data.known import FACTS, Identified, content_digests, picture_sizes, pixel_digests
from compress.data.member import PictureFile
from compress.data.pictures import read_picture
from compress.data.shard_index import members_of
from compress.errors import DataError
from compress.store import memory
from compress.store.memory import AT_ONCE, memory_of


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Five pictures of different heights; the fourth and the fifth are the third once more, the fifth as a WebP."""
    monkeypatch.setenv("COMPRESS_CACHE", str(tmp_path / "cache"))
    found = []
    for place in range(5):
        path = tmp_path / f"{place}.{'webp' if place == 4 else 'png'}"
        pixels = np.random.default_rng(min(place, 2)).integers(0, 256, (20 + min(place, 2), 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path, lossless=True)
        found.append(path)
    return found


def identified(files: Sequence[PictureFile]) -> list[Identified]:
    return [(file, bytes.fromhex(digest)) for file, digest in zip(files, content_digests(files), strict=True)]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    seen: list[object] = []
    monkeypatch.setattr(known, "read_picture", lambda file: seen.append(file) or read_picture(file))
    return seen


def test_facts_are_those_of_the_pictures(files: list[Path]) -> None:
    pixels = [read_picture(path) for path in files]
    wanted = [hashlib.sha256(str(each.shape).encode() + each.tobytes()).digest() for each in pixels]
    for _ in range(2):
        assert list(picture_sizes(identified(files))) == [each.shape[:2] for each in pixels]
        assert list(pixel_digests(identified(files))) == wanted and wanted[2] == wanted[3] == wanted[4]
        assert list(content_digests(files)) == [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]


def test_a_content_is_decoded_once_also_in_another_process_or_place(
    files: list[Path], decoded: list[object], tmp_path: Path
) -> None:
    first = list(pixel_digests(identified(files)))
    assert sorted(map(str, decoded)) == [str(files[place]) for place in (0, 1, 2, 4)]
    memory._memories.clear()  # as a new process would
    assert list(pixel_digests(identified(files))) == first
    (tmp_path / "moved").mkdir()
    moved = [path.rename(tmp_path / "moved" / path.name) for path in files]
    assert list(pixel_digests(identified(moved))) == first
    write_shard(tmp_path / "one.tar", [(path.name, path) for path in moved])
    assert list(pixel_digests(identified(members_of(tmp_path / "one.tar")))) == first
    assert len(decoded) == 4


def test_a_picture_that_changed_is_decoded_again(files: list[Path], decoded: list[object]) -> None:
    first = list(pixel_digests(identified(files)))
    Image.fromarray(np.zeros((20, 24, 3), np.uint8)).save(files[0])
    assert list(pixel_digests(identified(files)))[1:] == first[1:] and decoded[4:] == [files[0]]


def test_another_decoder_is_not_believed(
    files: list[Path], decoded: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = list(pixel_digests(identified(files)))
    monkeypatch.setattr("PIL.__version__", "0.1")
    assert list(pixel_digests(identified(files))) == first and len(decoded) == 8


def test_a_damaged_memory_is_made_anew(files: list[Path], decoded: list[object], tmp_path: Path) -> None:
    first = list(pixel_digests(identified(files)))
    memory._memories.clear()
    (tmp_path / "cache" / FACTS.file).write_bytes(b"\xff" * 9000)
    for _ in range(2):
        assert list(pixel_digests(identified(files))) == first
    assert len(decoded) == 8
    assert len(memory_of(FACTS).find((), [])) == 0


@pytest.mark.parametrize("spoilt", [b"", b"20", b"20x", b"axb", bytes(31)])
def test_a_spoilt_row_is_worked_out_again(files: list[Path], decoded: list[object], spoilt: bytes) -> None:
    sizes, pixels = list(picture_sizes(identified(files))), list(pixel_digests(identified(files)))
    content = identified(files)[0][1]
    memory_of(FACTS).keep((f"{name}, Pillow {PIL.__version__}", content, spoilt) for name in ("size", "pixels"))
    for _ in range(2):
        assert list(picture_sizes(identified(files))) == sizes and list(pixel_digests(identified(files))) == pixels
    assert len(decoded) == 5


def test_what_can_not_be_read_is_named_each_time(files: list[Path]) -> None:
    files[1].write_bytes(files[1].read_bytes()[:300])
    for _ in range(2):
        with pytest.raises(DataError, match=r"1\.png: damaged or cut off"):
            list(pixel_digests(identified(files)))
    files[1].unlink()
    with pytest.raises(DataError, match=r"1\.png: can't be read \(No such file"):
        list(content_digests(files))


def test_processes_that_look_at_one_set_together_find_the_same(files: list[Path]) -> None:
    code = (
        "import sys; from pathlib import Path; from compress.data.known import *;"
        "files = list(map(Path, sys.argv[1:]));"
        "known = zip(files, map(bytes.fromhex, content_digests(files)));"
        "print(b''.join(pixel_digests(known)).hex())"
    )
    command = [sys.executable, "-c", code, *map(str, files * 40)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = {each.communicate(timeout=120)[0].strip() for each in running}
    assert said == {(b"".join(pixel_digests(identified(files))) * 40).hex()}


def test_more_than_are_asked_for_at_once(files: list[Path]) -> None:
    wanted = list(picture_sizes(identified(files)))
    many = [files[place % 5] for place in range(2 * AT_ONCE + 7)]
    assert list(picture_sizes(identified(many))) == [wanted[place % 5] for place in range(len(many))]
