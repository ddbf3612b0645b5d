"""One file for a bundle: the same bytes everywhere, and a reader that takes nothing else than what was packed."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compress.bundle.archive import ROOT, opened, pack, unpack
from compress.errors import SignatureError

FILES = {"README.md": b"hello\n", "builds/int8.onnx": bytes(range(256)) * 5, "empty": b"", "golden/a/b.png": b"x" * 512}
each_test = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def needs_zstd() -> Any:
    return pytest.importorskip("zstandard", reason="needs the zstandard library")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    pack(fill(tmp_path / "made", FILES), tmp_path / "made.tar")
    return tmp_path / "made.tar"


@pytest.mark.parametrize("zstd", [False, True])
def test_what_was_packed_comes_out(tmp_path: Path, zstd: bool) -> None:
    if zstd:
        needs_zstd()
    target = tmp_path / "made.tar"
    pack(fill(tmp_path / "made", FILES), target, zstd)
    with opened(target) as folder:
        assert files_of(folder) == FILES
    assert not folder.exists() and oct(target.stat().st_mode & 0o777) == "0o644"
    with opened(tmp_path / "made") as same:
        assert same == tmp_path / "made"


@pytest.mark.parametrize("zstd", [False, True])
def test_time_mode_and_order_of_making_leave_no_trace(tmp_path: Path, zstd: bool) -> None:
    if zstd:
        needs_zstd()
    one, other = fill(tmp_path / "one", FILES), fill(tmp_path / "two", dict(reversed(FILES.items())))
    for path in other.rglob("*"):
        os.utime(path, (1, 1))
    (other / "README.md").chmod(0o755)
    for folder in (one, other):
        pack(folder, folder.with_suffix(".tar"), zstd)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


@pytest.mark.skipif(not shutil.which("tar"), reason="needs tar")
def test_tar_itself_reads_it(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-xf", archive, "-C", tmp_path / "out"], check=True)
    assert files_of(tmp_path / "out" / "bundle") == FILES
    listed = subprocess.run(["tar", "-tvf", archive], check=True, capture_output=True, text=True, env={"TZ": "UTC"})
    assert all(line.startswith("-rw-r--r-- 0/0") and "1970-01-01" in line for line in listed.stdout.splitlines())


plain_name = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,20}", fullmatch=True)
plain_path = st.lists(plain_name, min_size=1, max_size=3).map("/".join)


@each_test
@given(st.dictionaries(plain_path, st.binary(max_size=1500), min_size=1, max_size=6))
def test_any_plain_folder_goes_there_and_back(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    folded = {path.lower() for path in files}
    parents = {p[:i] for p in folded for i, letter in enumerate(p) if letter == "/"}
    place = tmp_path_factory.mktemp("any")
    heads = {"/".join(path.split("/")[:end]) for path in files for end in range(1, 4)}
    if len(folded) < len(files) or parents & folded or len({head.lower() for head in heads}) < len(heads):
        return  # no such folder can be a bundle
    pack(fill(place / "made", files), place / "made.tar")
    with opened(place / "made.tar") as folder:
        assert files_of(folder) == files


def refused(archive: Path, data: bytes, *parts: str) -> None:
    archive.write_bytes(data)
    place = archive.with_suffix(".out")
    shutil.rmtree(place, ignore_errors=True)
    with pytest.raises(SignatureError) as caught:
        unpack(archive, place)
    text = str(caught.value)
    assert "\n" not in text and str(archive) in text
    for part in parts:
        assert part in text


@each_test
@given(st.data())
def test_any_other_bytes_are_refused(archive: Path, data: st.DataObject) -> None:
    """Any change outside the files' own bytes; those are the signature's business."""
    good = archive.read_bytes()
    contents = set()
    with tarfile.open(archive) as tar:
        for member in tar:
            contents |= set(range(member.offset_data, member.offset_data + member.size))
    start = data.draw(st.sampled_from([i for i in range(len(good)) if i not in contents]))
    bad = good[:start] + bytes([good[start] ^ (1 << data.draw(st.integers(0, 7)))]) + good[start + 1 :]
    try:
        refused(archive, bad)
        refused(archive, good[:start])
    finally:
        archive.write_bytes(good)


@each_test
@given(st.binary(max_size=3000))
def test_noise_is_refused(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    refused(tmp_path_factory.mktemp("noise") / "x.tar", noise)


def tar_of(*members: tuple[str, dict[str, Any]], format: int = tarfile.USTAR_FORMAT) -> bytes:
    """A tar of these members with fields as given; ``data`` is what a file holds."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=format) as tar:
        for name, fields in members:
            data = fields.pop("data", b"")
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in fields.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(data))
    return raw.getvalue()


def one(name: str, **fields: Any) -> bytes:
    return tar_of((name, fields))


def twice(*names: str) -> bytes:
    return tar_of(*((ROOT + name, {"data": b"a"}) for name in names))


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing in it": (lambda: tar_of(), "an empty archive"),
    "symbolic link": (lambda: one("bundle/a", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "a symbolic link"),
    "hard link": (lambda: one("bundle/a", type=tarfile.LNKTYPE, linkname="bundle/b"), "a link"),
    "device": (lambda: one("bundle/a", type=tarfile.CHRTYPE, devmajor=1, devminor=3), "a device"),
    "pipe": (lambda: one("bundle/a", type=tarfile.FIFOTYPE), "a pipe"),
    "folder": (lambda: one("bundle/a", type=tarfile.DIRTYPE), "a folder"),
    "dots": (lambda: one("bundle/../a"), "leads out of the bundle"),
    "dots before": (lambda: one("../bundle/a"), "leads out of the bundle"),
    "absolute": (lambda: one("/bundle/a"), "absolute path"),
    "drive": (lambda: one("C:/bundle/a"), "absolute path"),
    "elsewhere": (lambda: one("other/a"), "not below bundle/"),
    "odd name": (lambda: one("bundle/a b"), "not a plain name"),
    "hidden": (lambda: one("bundle/.a"), "not a plain name"),
    "no name": (lambda: one("bundle/"), "bundle"),
    "long": (lambda: tar_of(("bundle/" + "a" * 300, {}), format=tarfile.GNU_FORMAT), "a name too long"),
    "long path": (lambda: one("bundle/" + "/".join(["a" * 40] * 5)), "too long a name"),
    "pax": (lambda: tar_of(("bundle/ä", {}), format=tarfile.PAX_FORMAT), "an extended header"),
    "time": (lambda: one("bundle/a", mtime=1), "header"),
    "mode": (lambda: one("bundle/a", mode=0o755), "header"),
    "owner": (lambda: one("bundle/a", uid=1), "header"),
    "owner's name": (lambda: one("bundle/a", uname="me"), "header"),
    "case twins": (lambda: twice("A.txt", "a.txt"), "differ only by case"),
    "folders that are case twins": (lambda: twice("B/a", "b/b"), "differ only by case"),
    "duplicate": (lambda: twice("a", "a"), "twice"),
    "order": (lambda: twice("b", "a"), "not in order"),
    "below a file": (lambda: twice("a", "a/b"), "below a file"),
    "gnu tar": (lambda: tar_of(("bundle/a", {"data": b"a"}), format=tarfile.GNU_FORMAT), "header"),
    "old tar": (lambda: one("bundle/a", type=tarfile.AREGTYPE), "no plain file"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_a_tar_could_hold_but_a_bundle_does_not(tmp_path: Path, name: str) -> None:
    make, words = BAD[name]
    refused(tmp_path / "x.tar", make(), words)
    assert {path.name for path in tmp_path.iterdir()} <= {"x.tar", "x.out"}


def test_padding_end_and_behind_it(archive: Path) -> None:
    good = archive.read_bytes()
    refused(archive, good + b"\0", "more bytes behind")
    refused(archive, good + bytes(10240), "more bytes behind")
    refused(archive, good[:-1] + b"x", "its end is not empty")
    at = good.index(b"hello\n") + 100
    refused(archive, good[:at] + b"x" + good[at + 1 :], "followed by something")
    refused(archive, good[:-512], "cut short")


def test_too_much_is_given_up_at_the_header(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match="builds/int8.onnx: the archive holds too much"):
        unpack(archive, tmp_path / "out", max_bytes=1000)
    assert not (tmp_path / "out" / "builds").exists()


def test_a_bomb_costs_no_more_than_its_first_headers(tmp_path: Path) -> None:
    """Four GiB of zeros in a file of some hundred KB: the header says so, and not one byte of it is written."""
    zstandard = needs_zstd()
    info = tarfile.TarInfo("bundle/a")
    info.size = 4 * 2**30
    path = tmp_path / "bomb.tar.zst"
    with path.open("wb") as file, zstandard.ZstdCompressor(level=1).stream_writer(file) as frame:
        frame.write(info.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(64):
            frame.write(bytes(2**20))
    with pytest.raises(SignatureError, match="holds too much"):
        unpack(path, tmp_path / "out")
    assert files_of(tmp_path / "out") == {}


@each_test
@given(st.data())
def test_any_other_zstd_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    needs_zstd()
    place = tmp_path_factory.mktemp("zstd")
    pack(fill(place / "made", FILES), place / "x.tar.zst", zstd=True)
    good = (place / "x.tar.zst").read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + bytes([good[at] ^ (1 << data.draw(st.integers(0, 7)))]) + good[at + 1 :]
    (place / "changed").write_bytes(changed)
    try:
        unpack(place / "changed", place / "out")
    except SignatureError as error:
        assert "\n" not in str(error)
    else:  # a bit of the frame's header that means nothing: then the files are what they were
        assert files_of(place / "out") == FILES
    refused(place / "x.tar.zst", good[:at])
    refused(place / "x.tar.zst", good + data.draw(st.binary(min_size=1, max_size=9)), "more bytes behind")
    refused(place / "x.tar.zst", good + good, "more bytes behind")


def test_links_odd_names_and_places_are_not_packed(tmp_path: Path) -> None:
    folder = fill(tmp_path / "made", FILES)
    with pytest.raises(SignatureError, match="can't lie in the folder"):
        pack(folder, folder / "x.tar")
    with pytest.raises(SignatureError, match="can't write"):
        pack(folder, tmp_path / "no" / "x.tar")
    (folder / "link").symlink_to("README.md")
    with pytest.raises(SignatureError, match="link"):
        pack(folder, tmp_path / "x.tar")
    (folder / "link").unlink()
    (folder / ("n" * 120)).write_bytes(b"")
    with pytest.raises(SignatureError, match="too long for a tar"):
        pack(folder, tmp_path / "x.tar")
    assert not (tmp_path / "x.tar").exists()
    with pytest.raises(SignatureError, match="nothing in it"):
        pack(fill(tmp_path / "empty", {}), tmp_path / "x.tar")


def test_an_error_inside_names_the_archive(archive: Path) -> None:
    with pytest.raises(SignatureError) as caught, opened(archive) as folder:
        raise SignatureError(f"{folder}: no signature")
    assert str(caught.value) == f"{archive}: no signature"
