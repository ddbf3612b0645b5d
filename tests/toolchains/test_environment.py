"""States of environments, on folders made up for it: ready, absent, and every way of being broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_toolchain import VERSION, write_environment, write_lock

import compress.toolchains.lock as lock
from compress.errors import ToolchainError
from compress.toolchains import TOOLCHAINS
from compress.toolchains.environment import HOME_VARIABLE, MARKER, home, python_of, state
from compress.toolchains.lock import normal_name, read_lock
from compress.toolchains.making import make


def test_ready(tiny: Path) -> None:
    write_environment(tiny)
    found = state("tensorrt")
    assert (found.kind, found.sdk_version, found.python, found.size_bytes) == ("ready", "1.0", f"{VERSION}.0", 1000)
    assert python_of("tensorrt") == tiny / "bin/python"


def test_absent(tiny: Path) -> None:
    assert state("tensorrt").kind == "absent"
    with pytest.raises(ToolchainError, match=r"^toolchain tensorrt isn't set up in .*; run: compress setup tensorrt$"):
        python_of("tensorrt")


def rename_info(folder: Path) -> None:
    packages = folder / f"lib/python{VERSION}/site-packages"
    (packages / "tiny_sdk-1.0.dist-info").rename(packages / "tiny_sdk-0.9.dist-info")


def dangle(folder: Path) -> None:
    (folder / "bin/python").unlink()
    (folder / "bin/python").symlink_to(folder / "gone")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda folder: (folder / MARKER).unlink(), "half made: ready.json is missing"),
        (lambda folder: (folder / MARKER).write_text("{"), "ready.json can't be read"),
        (lambda folder: (folder / "bin/python").unlink(), "its Python is gone"),
        (dangle, "its Python is gone"),
        (rename_info, "it holds tiny-sdk 0.9, the lock says 1.0"),
        (lambda folder: shutil.rmtree(folder / "lib"), "tiny-sdk 1.0 is missing"),
        (lambda folder: write_lock(folder.parent.parent, "1.0", "0" * 64), "made from another lock"),
    ],
)
def test_broken(tiny: Path, harm: Callable[[Path], object], reason: str) -> None:
    write_environment(tiny)
    harm(tiny)
    assert (state("tensorrt").kind, state("tensorrt").reason) == ("broken", reason)
    with pytest.raises(ToolchainError) as caught:
        python_of("tensorrt")
    assert f"is broken ({reason})" in str(caught.value)
    assert str(caught.value).endswith("; run: compress setup tensorrt")


def test_a_comment_in_the_lock_breaks_nothing(tiny: Path) -> None:
    write_environment(tiny)
    path = lock.LOCKS / "tensorrt.txt"
    path.write_text("# another head\n\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert state("tensorrt").kind == "ready"


def test_making_what_is_ready_does_nothing(tiny: Path) -> None:
    write_environment(tiny)
    tiny.parent.chmod(0o500)

    class Fails:
        def update(self, done: float, total: float, note: str = "") -> None:
            raise AssertionError(note)

        def say(self, line: str) -> None:
            raise AssertionError(line)

    assert make("tensorrt", Fails()).kind == "ready"
    assert sorted(path.name for path in tiny.parent.iterdir()) == ["tensorrt"]


def test_home_follows_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    assert home() == tmp_path / ".local/share/compress/toolchains"
    monkeypatch.setenv(HOME_VARIABLE, "~/elsewhere")
    assert home() == tmp_path / "elsewhere"


@pytest.mark.parametrize("name", list(TOOLCHAINS))
def test_every_line_of_the_shipped_locks_is_pinned_and_hashed(name: str) -> None:
    toolchain = TOOLCHAINS[name]
    found = read_lock(toolchain)
    text = "".join(line for line in found.path.read_text(encoding="utf-8").splitlines(True) if not line.startswith("#"))
    requirements = text.replace("\\\n", " ").splitlines()
    assert len(requirements) == len(found.versions) - len(toolchain.unhashed)
    for line in requirements:
        requirement, *hashes = line.split()
        assert requirement.count("==") == 1
        assert hashes and all(len(one) == len("--hash=sha256:") + 64 and one.startswith("--hash=") for one in hashes)
    assert normal_name(toolchain.sdk) in found.versions
