"""A kept file's bytes are on the disk before its name is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compress.kept import keep


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
