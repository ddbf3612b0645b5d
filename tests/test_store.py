"""compress.store.store: sealing, reuse, refusal of changed bytes, failing disks."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_store import KEY, draft, sealed, visible

from compress.artefacts import Student
from compress.errors import DataError, StoreError
from compress.store.digests import digest_of, hash_file, tree_digest
from compress.store.manifest import MANIFEST, FileEntry, Manifest
from compress.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_seal_and_find(store: Store) -> None:
    assert store.find("work", KEY) is None
    made = sealed(store)
    found = store.find("work", KEY)
    assert found == made
    assert made.folder.name == f"work-{KEY[:12]}"
    assert set(made.manifest.files) == {"net.safetensors", "deep/more.bin"}
    assert made.manifest.files["deep/more.bin"].size_bytes == 256
    artefact = made.as_artefact(Student)
    assert isinstance(artefact, Student) and artefact.key == KEY and artefact.weights.read_text() == "weights"
    files = {name: hash_file(made.folder / name) for name in made.manifest.files}
    assert artefact.digest == tree_digest(files)
    assert not any(store.temporary_folder.iterdir()) and not any(store.scratch_folder.iterdir())
    assert store.verify() == ()


def test_equal_contents_have_equal_digests(store: Store) -> None:
    first, second, third = sealed(store), sealed(store, digest_of("other")), sealed(store, digest_of("x"), "changed")
    assert first.manifest.digest == second.manifest.digest != third.manifest.digest


def test_teammates_can_read_it(store: Store) -> None:
    before = os.umask(0o077)
    try:
        made = sealed(store)
    finally:
        os.umask(before)
    for path in [made.folder, *made.folder.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o755 if path.is_dir() else 0o644), path


def flip(path: Path, place: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)


def flip_first(folder: Path) -> Path:
    flip(folder / "net.safetensors", 0)
    return folder / "net.safetensors"


def flip_keeping_time(folder: Path) -> Path:
    path = folder / "deep" / "more.bin"
    before = path.stat()
    flip(path, 100)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return path


def cut(folder: Path) -> Path:
    os.truncate(folder / "deep" / "more.bin", 10)
    return folder / "deep" / "more.bin"


def lose(folder: Path) -> Path:
    (folder / "deep" / "more.bin").unlink()
    (folder / "deep").rmdir()
    return folder / "deep" / "more.bin"


def add(folder: Path) -> Path:
    (folder / "deep" / "new.txt").touch()
    return folder / "deep" / "new.txt"


def add_folder(folder: Path) -> Path:
    (folder / "new").mkdir()
    return folder / "new"


def link_to_equal(folder: Path) -> Path:
    target = folder.parent.parent / "elsewhere"
    os.replace(folder / "net.safetensors", target)
    (folder / "net.safetensors").symlink_to(target)
    return folder / "net.safetensors"


def link_folder(folder: Path) -> Path:
    target = folder.parent.parent / "elsewhere"
    os.rename(folder, target)
    folder.symlink_to(target)
    return folder


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def lose_manifest(folder: Path) -> Path:
    (folder / MANIFEST).unlink()
    return folder / MANIFEST


def link_manifest(folder: Path) -> Path:
    os.replace(folder / MANIFEST, folder.parent.parent / "manifest")
    (folder / MANIFEST).symlink_to(folder.parent.parent / "manifest")
    return folder / MANIFEST


CHANGES = [
    flip_first, flip_keeping_time, cut, lose, add, add_folder, link_to_equal, link_folder, pipe, lose_manifest,
    link_manifest,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_artefact_is_refused_by_name(store: Store, change: object) -> None:
    other = sealed(store, digest_of("other"))
    named = change(sealed(store).folder)  # type: ignore[operator]
    with pytest.raises(StoreError) as caught:
        store.find("work", KEY)
    line = str(caught.value)
    assert str(named) in line and "remove the folder" in line and "\n" not in line
    assert store.verify() == (line,)
    assert store.find("work", other.manifest.key) == other


def test_any_flipped_byte_of_the_manifest_is_found(store: Store) -> None:
    folder = sealed(store).folder
    path = folder / MANIFEST
    raw = path.read_bytes()
    for place in range(0, len(raw), 7):
        flip(path, place)
        with pytest.raises(StoreError, match=r"manifest\.json"):
            Manifest.load(folder)
        path.write_bytes(raw)
    assert store.verify() == ()


def test_a_rewritten_manifest_does_not_hide_a_changed_file(store: Store) -> None:
    made = sealed(store)
    (made.folder / "net.safetensors").write_text("WEIGHTS")
    entry = FileEntry(sha256=hash_file(made.folder / "net.safetensors"), size_bytes=7)
    files = {**made.manifest.files, "net.safetensors": entry}
    forged = made.manifest.model_copy(update={"files": files}).sealed()
    forged.write(made.folder / MANIFEST)
    with pytest.raises(StoreError, match="does not fit its files"):
        store.find("work", KEY)


_text = st.text(max_size=8)
_entries = st.builds(FileEntry, sha256=st.text("0123456789abcdef", min_size=64, max_size=64), size_bytes=st.integers(0))
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None)
@given(
    files=st.dictionaries(_text, _entries, max_size=4),
    sections=st.dictionaries(_text, st.dictionaries(_text, _json, max_size=3), max_size=3),
    seed=st.none() | st.integers(0),
    wall_s=st.floats(0, allow_infinity=False),
    peak_memory_bytes=st.none() | st.integers(1),
)
def test_a_manifest_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory,
    files: dict[str, FileEntry],
    sections: dict[str, dict[str, object]],
    seed: int | None,
    wall_s: float,
    peak_memory_bytes: int | None,
) -> None:
    digest = tree_digest({name: entry.sha256 for name, entry in files.items()})
    update = {"files": files, "sections": sections, "seed": seed, "wall_s": wall_s, "digest": digest,
              "peak_memory_bytes": peak_memory_bytes}  # fmt: skip
    manifest = draft().model_copy(update=update).sealed()
    folder = tmp_path_factory.getbasetemp()
    manifest.write(folder / MANIFEST)
    assert Manifest.load(folder) == manifest


def test_keys_that_begin_alike_are_kept_apart(store: Store) -> None:
    keys = [KEY, KEY[:12] + digest_of("b")[12:], KEY[:24] + digest_of("c")[24:]]
    made = [sealed(store, key, text=key) for key in keys]
    assert len({one.folder for one in made}) == 3
    assert [store.find("work", key) for key in keys] == made
    assert store.verify() == ()


def test_a_failing_stage_leaves_only_its_scratch(store: Store) -> None:
    with pytest.raises(DataError, match="mine"), store.workplace("work", KEY, scratch=True) as place:
        assert not place.resumed and place.scratch is not None
        (place.out / "half").write_text("half")
        (place.scratch / "state").write_text("kept")
        raise DataError("mine")
    assert visible(store) == [] and not any(store.temporary_folder.iterdir())
    with store.workplace("work", KEY, scratch=True) as place:
        assert place.resumed and place.scratch is not None
        assert (place.scratch / "state").read_text() == "kept"
        assert not any(place.out.iterdir())


def test_a_bug_in_a_stage_is_not_blamed_on_the_disk(store: Store) -> None:
    with pytest.raises(FileNotFoundError), store.workplace("work", KEY, scratch=False) as place:
        (place.out / "none").read_text()
    with pytest.raises(PermissionError), store.workplace("work", KEY, scratch=False):
        raise PermissionError(13, "Permission denied", "/somewhere/else")


@pytest.mark.parametrize("wrong", ["link", "manifest", "name"])
def test_what_a_stage_may_not_leave(store: Store, wrong: str) -> None:
    with pytest.raises(StoreError) as caught, store.workplace("work", KEY, scratch=False) as place:
        if wrong == "link":
            (place.out / "link").symlink_to("/etc/hostname")
        elif wrong == "manifest":
            (place.out / MANIFEST).touch()
        else:
            Path(os.fsdecode(os.fsencode(place.out) + b"/\xff\n")).touch()
        store.seal(place.out, draft())
    assert "\n" not in str(caught.value)
    assert visible(store) == []


def test_the_lock_keeps_others_out(store: Store) -> None:
    inside, waited = [], threading.Event()

    def second() -> None:
        with store.lock(KEY, waited.set):
            inside.append("second")

    with store.lock(KEY):
        thread = threading.Thread(target=second)
        thread.start()
        assert waited.wait(30)
        with store.lock_if_free(KEY) as held:
            assert not held
        inside.append("first")
    thread.join(30)
    assert inside == ["first", "second"]
    with store.lock_if_free(KEY) as held:
        assert held


def test_ls_names_what_it_cannot_read(store: Store) -> None:
    assert store.ls() == () and store.verify() == ()
    made, broken = sealed(store), sealed(store, digest_of("other"))
    lose_manifest(broken.folder)
    found = {entry.folder: entry for entry in store.ls()}
    assert found[made.folder].manifest == made.manifest and found[made.folder].problem is None
    assert found[broken.folder].manifest is None and "manifest.json is missing" in str(found[broken.folder].problem)


def test_a_renamed_artefact_is_a_problem(store: Store) -> None:
    folder = sealed(store).folder
    os.rename(folder, folder.with_name("other-000000000000"))
    assert "renamed" in store.verify()[0]


def test_a_store_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "store").touch()
    store = Store(tmp_path / "store")
    assert store.find("work", KEY) is None
    for attempt in (lambda: sealed(store), store.ls):
        with pytest.raises(StoreError) as caught:
            attempt()
        assert str(tmp_path / "store") in str(caught.value) and "\n" not in str(caught.value)


def test_the_run_most_like_is_the_newest_in_one_go_with_the_fewest_other_settings(store: Store) -> None:
    wanted = {"S": {"a": 1, "b": {"c": [2, 3]}}, "T": {"d": None}}
    assert store.most_like("work", wanted) is None
    other = {"S": {"a": 2, "b": {"c": [2, 3]}}, "T": {"d": None}}
    runs = [(5.0, False, wanted), (7.0, False, wanted), (1.0, True, wanted), (9.0, False, other)]
    for number, (wall_s, resumed, sections) in enumerate(runs):
        key = digest_of(number)
        with store.workplace("work", key, scratch=False) as place:
            update = {"wall_s": wall_s, "resumed": resumed, "created": f"2026-01-0{number + 1}", "sections": sections}
            store.seal(place.out, draft(key).model_copy(update=update))

    def time_of(sections: dict[str, dict[str, object]]) -> float | None:
        found = store.most_like("work", sections)
        return found and found.wall_s

    assert time_of(wanted) == 7.0
    assert time_of({**other, "T": {"d": 1}}) == 9.0
    assert time_of({}) == 9.0  # all as unlike: the newest
    assert store.most_like("wor", wanted) is None
