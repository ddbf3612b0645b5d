"""What ``compress store gc`` removes: leftovers of dead processes, and artefacts that no kept run uses.

Whatever a live process holds stays: everything is removed under the lock of its key, and a key whose
lock is taken is left alone.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from compress.errors import StoreError
from compress.store import runs
from compress.store.store import FOLLOWER, Store

KEEP_RUNS = 20
SCRATCH_DAYS = 7.0


@dataclass(frozen=True)
class Collected:
    """What was removed (or would be), and how much space that is."""

    removed: tuple[Path, ...]
    freed_bytes: int


def gc(
    store: Store, *, keep_runs: int = KEEP_RUNS, scratch_days: float = SCRATCH_DAYS, dry_run: bool = False
) -> Collected:
    """Remove dead temporary folders, scratch of sealed keys or older than ``scratch_days``, unused artefacts.

    Artefacts are kept that the last ``keep_runs`` runs used, and runs still going on; without any run
    record nothing is known, and all artefacts are kept. Raises StoreError.
    """
    if keep_runs < 1:
        raise StoreError(f"gc can't keep {keep_runs} runs; keep at least 1, or remove {store.root} yourself")
    unused, old_records = _unused_artefacts(store, keep_runs)
    condemned = [*_dead_temporaries(store), *_dead_scratch(store, scratch_days), *unused]
    removed: list[Path] = []
    freed_bytes = 0
    for path, key in condemned:
        size_bytes = _size_bytes(path)
        if dry_run or _remove(store, path, key):
            removed.append(path)
            freed_bytes += size_bytes
    if not dry_run:
        for record in old_records:
            with suppress(OSError):
                (store.runs_folder / record.file_name).unlink()
    return Collected(tuple(removed), freed_bytes)


_Condemned = list[tuple[Path, str]]


def _dead_temporaries(store: Store) -> _Condemned:
    found: _Condemned = []
    for path in _inside(store.temporary_folder):
        if not _maker_lives(path.name):
            found.append((path, path.name.removeprefix(FOLLOWER).partition(".")[0]))
    return found


def _maker_lives(name: str) -> bool:
    """Whether the process named in a temporary folder's name runs on this machine.

    On others nobody can tell from here; there the lock decides alone.
    """
    host, _, rest = name.partition(".")[2].rpartition(".")[0].rpartition(".")
    if host != socket.gethostname() or not rest.isdigit():
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return int(rest) != os.getpid()


def _dead_scratch(store: Store, days: float) -> _Condemned:
    sealed = {entry.manifest.key for entry in store.ls() if entry.manifest is not None}
    oldest = time.time() - days * 86400
    return [
        (path, path.name)
        for path in _inside(store.scratch_folder)
        if path.name in sealed or _last_change(path) < oldest
    ]


def _unused_artefacts(store: Store, keep_runs: int) -> tuple[_Condemned, tuple[runs.RunRecord, ...]]:
    """Artefacts that no kept run used, and the records that are not kept."""
    records = runs.load_all(store.runs_folder)
    young = time.time() - SCRATCH_DAYS * 86400
    kept = [
        record
        for place, record in enumerate(records)
        if place >= len(records) - keep_runs
        or (record.state == "running" and _last_change(store.runs_folder / record.file_name) > young)
    ]
    used = {stage.key for record in kept for stage in record.stages}
    unused = [
        (entry.folder, entry.manifest.key)
        for entry in store.ls()
        if records and entry.manifest is not None and entry.manifest.key not in used
    ]
    return unused, tuple(record for record in records if record not in kept)


def _remove(store: Store, path: Path, key: str) -> bool:
    """Remove ``path`` unless somebody holds ``key``; an artefact disappears by one rename."""
    with store.lock_if_free(key) as held:
        if not held:
            return False
        try:
            if path.parent == store.root:
                store.temporary_folder.mkdir(exist_ok=True)
                hidden = store.temporary_folder / f"{key}.removed.{os.getpid()}.{path.name}"
                os.rename(path, hidden)
                path = hidden
            shutil.rmtree(path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreError(f"{path} can't be removed: {error.strerror or error}") from error
    return True


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _last_change(path: Path) -> float:
    times = [0.0]
    for inner in [path, *path.rglob("*")]:
        with suppress(OSError):
            times.append(inner.lstat().st_mtime)
    return max(times)


def _size_bytes(path: Path) -> int:
    total = 0
    for inner in path.rglob("*"):
        with suppress(OSError):
            total += inner.lstat().st_size if inner.is_file() else 0
    return total
