"""compress.store.store on disks that are full, read-only or not ours."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from toy_chain import LimitToy, ToyPlan, load
from toy_store import KEY, draft, sealed, visible

from compress import flow
from compress.errors import StoreError
from compress.store.digests import digest_of
from compress.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    with suppress(OSError):
        if os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0:
            yield folder
            subprocess.run(["umount", str(folder)], check=True)
            return
    pytest.skip("mounting a file system is not permitted here")


@pytest.mark.parametrize("words", ["os", "library"])
def test_a_full_disk(small_disk: Path, words: str) -> None:
    store = Store(small_disk / "store")
    kept = sealed(store)
    other = digest_of("other")
    with pytest.raises(StoreError, match="no space left") as caught, store.workplace("work", other, scratch=True) as at:
        try:
            (at.out / "net.safetensors").write_bytes(bytes(4 << 20))
        except OSError:
            if words == "os":
                raise
            raise RuntimeError("unexpected position 16640 vs 16535") from None  # what torch.save says
    assert "\n" not in str(caught.value)
    assert visible(store) == [kept.folder.name] and not any(store.temporary_folder.iterdir())
    assert store.find("work", KEY) == kept
    assert sealed(store, other).folder.is_dir()  # the space is free again


def test_a_disk_that_fills_up_while_sealing(small_disk: Path) -> None:
    store = Store(small_disk / "store")
    with pytest.raises(StoreError, match="no space left"), store.workplace("work", KEY, scratch=False) as place:
        (place.out / "net.safetensors").write_text("weights")
        with suppress(OSError):
            (small_disk / "filler").write_bytes(bytes(4 << 20))
        store.seal(place.out, draft())
    assert visible(store) == []


def test_a_file_size_limit(store: Store) -> None:
    kept = sealed(store)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    other = digest_of("other")
    with pytest.raises(StoreError, match="no space left"), store.workplace("work", other, scratch=False) as place:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
        try:
            (place.out / "net.safetensors").write_bytes(bytes(4 << 20))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert visible(store) == [kept.folder.name] and store.verify() == ()


def test_a_read_only_store(small_disk: Path) -> None:
    store = Store(small_disk / "store")
    kept = sealed(store)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert store.find("work", KEY) == kept and store.verify() == () and len(store.ls()) == 1
    with pytest.raises(StoreError, match="[Rr]ead-only") as caught, store.lock(digest_of("other")):
        pass
    assert str(store.root) in str(caught.value) and "\n" not in str(caught.value)


def test_a_disk_that_turns_read_only_beneath_a_library(small_disk: Path) -> None:
    place = Store(small_disk / "store").workplace("work", KEY, scratch=True)
    with pytest.raises(StoreError, match="is the disk full, or read-only"), place:
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0")  # as torch.save says


def test_a_mistake_on_a_good_disk_is_none_of_the_disks(store: Store) -> None:
    with pytest.raises(RuntimeError, match="unexpected pos"), store.workplace("work", KEY, scratch=True):
        raise RuntimeError("unexpected pos 64 vs 0")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            OSError(errno.EIO, os.strerror(errno.EIO)),
            "Input/output error; mend the disk",
        ),  # as fsync says it: of no file
        (
            RuntimeError("basic_ios::clear: iostream error"),
            "is the disk full, or read-only",
        ),
        (RuntimeError("open file failed with strerror: Read-only file system"), "is the disk full"),
    ],
)
def test_a_disk_that_breaks(error: Exception, says: str, store: Store) -> None:
    with pytest.raises(StoreError, match=f"can't write .* {says}"), store.workplace("work", KEY, scratch=True):
        raise error


def test_a_store_without_permission() -> None:
    with tempfile.TemporaryDirectory() as folder:  # one that others can enter, unlike pytest's
        os.chmod(folder, 0o755)
        store = Store(Path(folder) / "store")
        kept = sealed(store)
        for path in [store.root, *store.root.glob(".*")]:
            os.chmod(path, 0o555)
        user = os.geteuid()
        try:
            if user == 0:  # permissions do not bind root
                os.seteuid(65534)
            assert store.find("work", KEY) == kept
            with pytest.raises(StoreError, match="Permission denied") as caught:
                sealed(store, digest_of("other"))
            assert str(store.root) in str(caught.value) and "\n" not in str(caught.value)
        finally:
            os.seteuid(user)
            for path in [store.root, *store.root.glob(".*")]:
                os.chmod(path, 0o755)


class _Listener(flow.Quiet):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_a_made_chain_can_be_had_from_a_read_only_store(small_disk: Path) -> None:
    store = Store(small_disk / "store")
    made = flow.run(ToyPlan(), store, load=load)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    listener = _Listener()
    again = flow.run(ToyPlan(), store, listener, load)
    assert [one.artefact for one in again.outcomes] == [one.artefact for one in made.outcomes]
    assert again.record is None and len(listener.lines) == 1 and "not recorded" in listener.lines[0]
    with pytest.raises(StoreError, match="[Rr]ead-only"):
        flow.run(ToyPlan().having(LimitToy(limit=2)), store, load=load)
