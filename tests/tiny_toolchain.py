"""A toolchain small enough to be made in seconds: one pure wheel, written here, installed without any network."""

from __future__ import annotations

import hashlib
import platform
import shutil
import zipfile
from pathlib import Path

import pytest

import compress.toolchains.lock as lock
from compress.toolchains import TOOLCHAINS, Toolchain
from compress.toolchains.environment import HOME_VARIABLE, MARKER, Ready
from compress.toolchains.lock import read_lock

VERSION = platform.python_version().rpartition(".")[0]
TINY = Toolchain("tensorrt", "a tiny SDK", "tiny-sdk", (VERSION,), "import tiny_sdk; assert tiny_sdk.WORKS")


class Told:
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.shares: list[float] = []

    def update(self, done: float, total: float, note: str = "") -> None:
        self.notes.append(note)
        self.shares.append(done / total)

    def say(self, line: str) -> None:
        self.notes.append(line)


def write_wheel(folder: Path, version: str, works: bool = True) -> str:
    """A wheel of ``tiny_sdk`` in ``folder``; gives its SHA-256."""
    folder.mkdir(exist_ok=True)
    path, info = folder / f"tiny_sdk-{version}-py3-none-any.whl", f"tiny_sdk-{version}.dist-info"
    files = ("tiny_sdk/__init__.py", f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD")
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(files[0], f"WORKS = {works}\n")
        wheel.writestr(files[1], f"Metadata-Version: 2.1\nName: tiny-sdk\nVersion: {version}\n")
        wheel.writestr(files[2], "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(files[3], "".join(f"{name},,\n" for name in files))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_lock(tmp_path: Path, version: str, sha256: str) -> None:
    text = f"# tiny\ntiny-sdk=={version} \\\n    --hash=sha256:{sha256}\n"
    (tmp_path / "locks/tensorrt.txt").write_text(text, encoding="utf-8")


def write_environment(folder: Path, version: str = "1.0") -> None:
    """What a ready environment of the tiny SDK looks like, without anything in it that runs."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to("/bin/sh")
    (folder / f"lib/python{VERSION}/site-packages/tiny_sdk-{version}.dist-info").mkdir(parents=True)
    digest = read_lock(TOOLCHAINS["tensorrt"]).digest
    marker = Ready(lock_digest=digest, python=f"{VERSION}.0", versions={"tiny-sdk": version}, size_bytes=1000)
    marker.write(folder / MARKER)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``tensorrt`` stands for the tiny SDK 1.0; gives the folder that its environment goes to."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.setitem(TOOLCHAINS, "tensorrt", TINY)
    shutil.copytree(lock.LOCKS, tmp_path / "locks")
    monkeypatch.setattr(lock, "LOCKS", tmp_path / "locks")
    write_lock(tmp_path, "1.0", write_wheel(tmp_path / "wheels", "1.0"))
    return tmp_path / "home" / "tensorrt"
