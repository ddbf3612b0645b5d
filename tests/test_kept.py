"""A kept file's bytes are on the disk before its name is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compress.kept import keep, kept_folder


def test_bytes_come_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part, path, events = tmp_path / "a.part", tmp_path / "a", []
    path.write_text("before")
    part.write_text("whole")
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        "os.fsync", lambda number: (events.append(os.readlink(f"/proc/self/fd/{number}")), sync(number))
    )
    monkeypatch.setattr("os.replace", lambda one, other: (events.append(str(other)), replace(one, other)))
    keep(part, path)
    assert events == [str(part), str(path)] and path.read_text() == "whole" and not part.exists()


def test_all_below_a_folder_comes_before_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, sync = [], os.fsync
    monkeypatch.setattr(
        "os.fsync", lambda number: (synced.append(os.readlink(f"/proc/self/fd/{number}")), sync(number))
    )
    with kept_folder(tmp_path / "ptq") as part:
        (part / "code").mkdir()
        (part / "code" / "net.py").write_text("...")
    assert sorted(Path(name).relative_to(part).as_posix() for name in synced) == [".", "code", "code/net.py"]


def test_a_folder_is_there_when_it_is_full(tmp_path: Path) -> None:
    folder = tmp_path / "ptq"
    with pytest.raises(KeyboardInterrupt), kept_folder(folder) as part:
        (part / "half").write_text("half")
        raise KeyboardInterrupt
    assert not folder.exists()
    with kept_folder(folder) as part:
        assert not any(part.iterdir())  # nothing of the attempt before
        (part / "whole").write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["ptq"] and (folder / "whole").read_text() == "whole"
